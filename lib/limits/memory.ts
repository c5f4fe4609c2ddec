import { createCounters, type Counters, type PolicyTake } from './counters.js'
import type { Caller } from './caller.js'
import type { CompiledPolicy } from './policy.js'
import { outcomeOf, type LimitStore, type Outcome, type PolicyOutcome, type Take } from './store.js'

export interface MemoryLimitStoreOptions {
  /**
   * Counters of all policies at once; 1,000,000 by default. Takes that need another one are refused (503). Addresses
   * have at most half of them, so that no flood of addresses takes the room of credentials.
   */
  maxPartitions?: number | undefined
}

/** There is no room for a new counter. No counter in use is dropped for it, since its caller could begin anew then. */
export class LimitStoreFull extends Error {
  readonly code = 'LATCHKEY_ERR_LIMIT_STORE_FULL'
  constructor (counters: string) {
    super(`all ${counters} are live; raise limits.maxPartitions`)
    this.name = 'LimitStoreFull'
  }
}

/** Counters of each policy that are checked for a take that finds no room, so that such a take stays cheap. */
const CHECKS_WHEN_FULL = 1_000

/** The counters of principals, or of addresses. */
interface Pool {
  readonly byPolicy: Map<string, Counters>
  size: number
}

/** Decides synchronously. */
export interface MemoryLimitStore extends LimitStore {
  take (take: Take): Outcome
  /** The number of counters. */
  readonly size: number
}

/** Counts in the memory of one process. */
export function createMemoryLimitStore (options: MemoryLimitStoreOptions = {}): MemoryLimitStore {
  const { maxPartitions = 1_000_000 } = options
  const maxAddresses = Math.ceil(maxPartitions / 2)
  const principals: Pool = { byPolicy: new Map(), size: 0 }
  const addresses: Pool = { byPolicy: new Map(), size: 0 }

  const poolOf = ({ kind }: Caller): Pool => kind === 'anonymous' ? addresses : principals

  function countersOf ({ byPolicy }: Pool, policy: CompiledPolicy): Counters {
    let counters = byPolicy.get(policy.id)
    if (counters === undefined) {
      counters = createCounters(policy)
      byPolicy.set(policy.id, counters)
    }
    return counters
  }

  function decide ({ policies, caller, cost }: Take, now: number): PolicyTake[] {
    const pool = poolOf(caller)
    const takes: PolicyTake[] = []
    for (const policy of policies) takes.push(countersOf(pool, policy).decide(policy, caller, now, cost))
    return takes
  }

  function hasRoom (pool: Pool, takes: readonly PolicyTake[]): boolean {
    let wanted = 0
    for (const { state } of takes) if (state === undefined) wanted++
    if (pool === addresses && addresses.size + wanted > maxAddresses) return false
    return principals.size + addresses.size + wanted <= maxPartitions
  }

  function makeRoomAndDecide (take: Take, now: number): PolicyTake[] {
    for (const pool of [principals, addresses]) {
      for (const counters of pool.byPolicy.values()) pool.size -= counters.removeExpired(now, CHECKS_WHEN_FULL)
    }
    const pool = poolOf(take.caller)
    const takes = decide(take, now)
    if (hasRoom(pool, takes)) return takes
    throw new LimitStoreFull(pool === addresses ? `${maxAddresses} counters of addresses` : `${maxPartitions} counters`)
  }

  return {
    get size () { return principals.size + addresses.size },
    take (take) {
      const now = Math.floor(take.now * 1000)
      const pool = poolOf(take.caller)
      let takes = decide(take, now)
      let admitted = true
      for (const { verdict } of takes) if (!verdict.admitted) admitted = false
      const counted = admitted ? take.cost : 0
      if (counted > 0) {
        if (!hasRoom(pool, takes)) takes = makeRoomAndDecide(take, now)
        for (const one of takes) pool.size += one.counters.commit(one, now)
      }
      const policies: PolicyOutcome[] = []
      for (const { policy, verdict } of takes) policies.push(outcomeOf(policy, verdict, counted))
      return { admitted, policies }
    }
  }
}
