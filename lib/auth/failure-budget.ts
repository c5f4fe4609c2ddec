import type { FastifyRequest } from 'fastify'
import { normalizeIP } from '@fastify/rate-limit'
import { withoutPort } from '../core/address.js'
import { createClockCache, type CacheEntry } from '../core/clock-cache.js'
import type { Clock } from '../core/clock.js'
import { policyItem, type Allowance } from '../core/rate-limit-headers.js'

export interface FailureQuota {
  /** Failed attempts of one address (a /64 for IPv6) in a window. */
  quota: number
  /** Seconds. */
  window: number
}

/** Counts failed attempts by address in this process, so that guesses are refused before a store is asked. */
export interface FailureBudget {
  /** The used-up quota of an address that may not try again now; undefined while it may. */
  exceeded (request: Pick<FastifyRequest, 'ip'>): Allowance | undefined
  count (ip: string | undefined): void
  /** Takes back one `count`. */
  giveBack (ip: string | undefined): void
}

/** Addresses that are counted at once; of more, those not seen for longest are dropped. */
const MAX_ADDRESSES = 20_000

/** An IPv6 address has at most 45 characters, but `trustProxy: true` takes any text of a client for its address. */
const MAX_ADDRESS_LENGTH = 64

interface Attempts extends CacheEntry {
  failed: number
  /** Milliseconds since the epoch. */
  readonly from: number
}

export function createFailureBudget ({ quota, window }: FailureQuota, clock: Clock): FailureBudget {
  const name = 'failed-authentication'
  const policy = { name, quota, item: policyItem(name, quota, window) }
  const attempts = createClockCache<Attempts>(MAX_ADDRESSES)

  /** A window also ends where the clock steps back before its beginning. */
  function current (address: string, now: number): Attempts | undefined {
    const known = attempts.get(address)
    return known !== undefined && now >= known.from && now < known.from + window * 1000 ? known : undefined
  }

  return {
    exceeded (request) {
      if (attempts.size === 0) return undefined
      const now = clock()
      const known = current(partitionOf(request.ip), now)
      if (known === undefined || known.failed < quota) return undefined
      known.used = true
      return { policy, remaining: 0, reset: Math.max(1, Math.ceil((known.from + window * 1000 - now) / 1000)) }
    },
    count (ip) {
      const now = clock()
      const address = partitionOf(ip)
      const known = current(address, now)
      if (known === undefined) {
        attempts.set(address, { failed: 1, from: now, used: false })
      } else {
        known.failed++
        known.used = true
      }
    },
    giveBack (ip) {
      const known = current(partitionOf(ip), clock())
      if (known !== undefined && known.failed > 0) known.failed--
    }
  }
}

/**
 * What is counted separately: clients of a Unix socket, and those whose connection is closed, share one partition. The
 * text is copied, because a substring keeps the whole header in memory.
 */
function partitionOf (ip: string | undefined): string {
  return Buffer.from(normalizeIP(withoutPort(ip ?? 'unknown'))).toString('utf8', 0, MAX_ADDRESS_LENGTH)
}
