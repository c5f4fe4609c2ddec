import { isIP } from 'node:net'
import { isPublicAddress } from './address.js'
import type { Resolve } from './resolve.js'

/**
 * Allows endpoints at private addresses, at any port and over plain HTTP: for local development and tests. With it,
 * anybody who may create an endpoint can make this server send requests into its own network. It must be imported by
 * name: `destinations: allowPrivateAddresses`.
 */
export const allowPrivateAddresses: unique symbol = Symbol.for('fastify-latchkey.allowPrivateAddresses')

export interface DestinationDeps {
  /** Allows private addresses, any port and plain HTTP. */
  readonly anywhere: boolean
  readonly resolve: Resolve
}

/** A URL in its normal form, or what is wrong with it. */
export type Destination = { readonly url: URL } | { readonly fault: string }

const MAX_LENGTH = 2048
const NOT_A_URL = `must be an absolute URL of at most ${MAX_LENGTH} characters`
const NOT_PUBLIC = 'must lead to a public address'

/** Checks the text alone; which addresses a host name has is not looked up. */
export function readDestination (text: string, anywhere: boolean): Destination {
  const url = text.length <= MAX_LENGTH && URL.canParse(text) ? new URL(text) : undefined
  if (url === undefined || /[\s\\]|\p{Cc}/u.test(text)) return { fault: NOT_A_URL }
  if (url.protocol !== 'https:' && !(anywhere && url.protocol === 'http:')) return { fault: 'must begin with https:' }
  if (url.username !== '' || url.password !== '') return { fault: 'must have no user name and no password' }
  if (text.includes('#')) return { fault: 'must have no fragment' }
  if (anywhere) return { url }
  if (url.port !== '') return { fault: 'must name no port: deliveries go to 443' }
  const host = hostOf(url)
  return isIP(host) !== 0 && !isPublicAddress(host) ? { fault: NOT_PUBLIC } : { url }
}

/** The host name, or the IP address without the brackets of IPv6. */
function hostOf (url: URL): string {
  return url.hostname.replace(/^\[|\]$/g, '')
}

/**
 * Also checks that every address of the host name is public now. Each connection checks it again, because a name may
 * lead elsewhere by then.
 */
export async function checkDestination (text: string, { anywhere, resolve }: DestinationDeps): Promise<Destination> {
  const destination = readDestination(text, anywhere)
  if ('fault' in destination || anywhere) return destination
  const host = hostOf(destination.url)
  if (isIP(host) !== 0) return destination
  try {
    const addresses = await resolve(host)
    return addresses.length > 0 && addresses.every(isPublicAddress) ? destination : { fault: NOT_PUBLIC }
  } catch {
    return { fault: 'names a host that can\'t be found' }
  }
}
