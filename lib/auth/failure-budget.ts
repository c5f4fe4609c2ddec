import type { FastifyRequest } from 'fastify'
import { normalizeIP } from '@fastify/rate-limit'
import { createClockCache, type CacheEntry } from '../core/clock-cache.js'
import type { Clock } from '../core/clock.js'
import { policyItem, type Allowance } from '../core/rate-limit-headers.js'

export interface FailureQuota {
  /** Failed attempts of one address (a /64 for IPv6) in a window. */
  quota: number
  /** Seconds. */
  window: number
}

/** Counts failed attempts by address, so that guessing ends before a store is asked. Counts are this process' own. */
export interface FailureBudget {
  /** What an address has used up when it may not try again; undefined while it may. */
  exceeded (request: Pick<FastifyRequest, 'ip'>): Allowance | undefined
  count (ip: string | undefined): void
  /** Takes back one `count`. */
  giveBack (ip: string | undefined): void
}

/** Addresses remembered at once; those that were not seen for longest are forgotten. */
const MAX_ADDRESSES = 20_000

/** The longest text of an IPv6 address is 45 characters; behind a proxy that is trusted blindly it can be any text. */
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

  /** A clock that steps back begins a window anew. */
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
 * What is counted separately. A copy: a part of a header would keep the whole header in memory. Clients of a Unix
 * socket, and those that are gone, share one partition.
 */
function partitionOf (ip: string | undefined): string {
  return Buffer.from(normalizeIP(ip ?? 'unknown')).toString('utf8', 0, MAX_ADDRESS_LENGTH)
}
