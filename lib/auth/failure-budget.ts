import { hash } from 'node:crypto'
import type { FastifyRequest } from 'fastify'
import { countedAddress } from '../core/address.js'
import { createClockCache, type CacheEntry } from '../core/clock-cache.js'
import type { Clock } from '../core/clock.js'
import { policyItem, type Allowance } from '../core/rate-limit-headers.js'

export interface FailureQuota {
  /** Failed attempts of one address (a /64 for IPv6) in a window. */
  quota: number
  /** Seconds. */
  window: number
}

/** Counts failed attempts in this process, so that guesses are refused before a store is asked. */
export interface FailureBudget {
  /** The used-up quota of an address that may not try again now; undefined while it may. */
  exceeded (request: Pick<FastifyRequest, 'ip'>): Allowance | undefined
  /** The same of an address with a credential that has ended. */
  exceededBy (request: Pick<FastifyRequest, 'ip'>, credential: string): Allowance | undefined
  /** @param ended the credential, where it was good once: it is counted by itself, not for its address */
  count (ip: string | undefined, ended?: string): void
  /** Takes back one `count` of the address. */
  giveBack (ip: string | undefined): void
}

/** Addresses that are counted at once, and of ended credentials as many; of more, the longest unseen are dropped. */
const MAX_PARTITIONS = 20_000

interface Attempts extends CacheEntry {
  failed: number
  /** Milliseconds since the epoch. */
  readonly from: number
}

export function createFailureBudget (quota: FailureQuota, clock: Clock): FailureBudget {
  const byAddress = createCounters(quota, clock)
  const byCredential = createCounters(quota, clock)

  return {
    exceeded: (request) => byAddress.size === 0 ? undefined : byAddress.exceeded(partitionOf(request.ip)),
    exceededBy: (request, credential) =>
      byCredential.size === 0 ? undefined : byCredential.exceeded(partitionOf(request.ip, credential)),
    count (ip, ended) {
      if (ended === undefined) byAddress.count(partitionOf(ip))
      else byCredential.count(partitionOf(ip, ended))
    },
    giveBack: (ip) => byAddress.giveBack(partitionOf(ip))
  }
}

function createCounters ({ quota, window }: FailureQuota, clock: Clock) {
  const name = 'failed-authentication'
  const policy = { name, quota, item: policyItem(name, quota, window) }
  const attempts = createClockCache<Attempts>(MAX_PARTITIONS)

  /** A window also ends where the clock steps back before its beginning. */
  function current (partition: string, now: number): Attempts | undefined {
    const known = attempts.get(partition)
    return known !== undefined && now >= known.from && now < known.from + window * 1000 ? known : undefined
  }

  return {
    get size () { return attempts.size },
    exceeded (partition: string): Allowance | undefined {
      const now = clock()
      const known = current(partition, now)
      if (known === undefined || known.failed < quota) return undefined
      known.used = true
      return { policy, remaining: 0, reset: Math.max(1, Math.ceil((known.from + window * 1000 - now) / 1000)) }
    },
    count (partition: string): void {
      const now = clock()
      const known = current(partition, now)
      if (known === undefined) {
        attempts.set(partition, { failed: 1, from: now, used: false })
      } else {
        known.failed++
        known.used = true
      }
    },
    giveBack (partition: string): void {
      const known = current(partition, clock())
      if (known !== undefined && known.failed > 0) known.failed--
    }
  }
}

/** What is counted separately. Of a credential only its hash is kept. */
function partitionOf (ip: string | undefined, credential?: string): string {
  const address = countedAddress(ip)
  return credential === undefined ? address : `${address} ${hash('sha256', credential, 'base64url')}`
}
