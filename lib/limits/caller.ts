import type { FastifyRequest } from 'fastify'
import { countedAddress } from '../core/address.js'
import type { Principal } from '../core/principal.js'

/** Who is counted: a principal, or the address of a request that has none. */
export type Caller = Principal | Anonymous

/** A caller without a credential. */
export interface Anonymous {
  readonly kind: 'anonymous'
  /** An IPv4 address, or the first address of the /64 of an IPv6 one; without port and zone. */
  readonly address: string
  /** Never there: an address has no record that could change. */
  readonly version?: undefined
}

export function anonymousOf ({ ip }: Pick<FastifyRequest, 'ip'>): Anonymous {
  return { kind: 'anonymous', address: countedAddress(ip) }
}
