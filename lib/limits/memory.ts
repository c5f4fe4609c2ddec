import { createCounters, type Counters, type PolicyTake } from './counters.js'
import type { CompiledPolicy } from './policy.js'
import { outcomeOf, type LimitStore, type Outcome, type PolicyOutcome, type Take } from './store.js'

export interface MemoryLimitStoreOptions {
  /** Counters of all policies at once; 1,000,000 by default. Takes that need another one are refused (503). */
  maxPartitions?: number | undefined
}

/** There is no room for a new counter. No counter in use is dropped for it, since its caller could begin anew then. */
export class LimitStoreFull extends Error {
  readonly code = 'LATCHKEY_ERR_LIMIT_STORE_FULL'
  constructor (maxPartitions: number) {
    super(`all ${maxPartitions} counters are live; raise limits.maxPartitions`)
    this.name = 'LimitStoreFull'
  }
}

/** Counters of each policy that are checked for a take that finds no room, so that such a take stays cheap. */
const CHECKS_WHEN_FULL = 1_000

/** Decides synchronously. */
export interface MemoryLimitStore extends LimitStore {
  take (take: Take): Outcome
  /** The number of counters. */
  readonly size: number
}

/** Counts in the memory of one process. */
export function createMemoryLimitStore (options: MemoryLimitStoreOptions = {}): MemoryLimitStore {
  const { maxPartitions = 1_000_000 } = options
  const byPolicy = new Map<string, Counters>()
  let size = 0

  function countersOf (policy: CompiledPolicy): Counters {
    let counters = byPolicy.get(policy.id)
    if (counters === undefined) {
      counters = createCounters(policy)
      byPolicy.set(policy.id, counters)
    }
    return counters
  }

  function decide ({ policies, principal, cost }: Take, now: number): PolicyTake[] {
    const takes: PolicyTake[] = []
    for (const policy of policies) takes.push(countersOf(policy).decide(policy, principal, now, cost))
    return takes
  }

  function hasRoom (takes: readonly PolicyTake[]): boolean {
    let wanted = size
    for (const { state } of takes) if (state === undefined) wanted++
    return wanted <= maxPartitions
  }

  function makeRoomAndDecide (take: Take, now: number): PolicyTake[] {
    for (const counters of byPolicy.values()) size -= counters.removeExpired(now, CHECKS_WHEN_FULL)
    const takes = decide(take, now)
    if (!hasRoom(takes)) throw new LimitStoreFull(maxPartitions)
    return takes
  }

  return {
    get size () { return size },
    take (take) {
      const now = Math.floor(take.now * 1000)
      let takes = decide(take, now)
      let admitted = true
      for (const { verdict } of takes) if (!verdict.admitted) admitted = false
      const counted = admitted ? take.cost : 0
      if (counted > 0) {
        if (!hasRoom(takes)) takes = makeRoomAndDecide(take, now)
        for (const one of takes) size += one.counters.commit(one, now)
      }
      const policies: PolicyOutcome[] = []
      for (const { policy, verdict } of takes) policies.push(outcomeOf(policy, verdict, counted))
      return { admitted, policies }
    }
  }
}
