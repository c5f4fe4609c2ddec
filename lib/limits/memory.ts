import type { Principal } from '../principal.js'
import type { Verdict } from './algorithms.js'
import type { CompiledPolicy } from './policy.js'
import type { LimitStore, Outcome, PolicyOutcome, Take } from './store.js'

export interface MemoryLimitStoreOptions {
  /** Counters that may live at once over all policies; 1,000,000 by default. Beyond it new ones are refused (503). */
  maxPartitions?: number | undefined
}

/** Raised when every counter is live and there is no room for another: forgetting one would let its owner in again. */
export class LimitStoreFull extends Error {
  readonly code = 'LATCHKEY_ERR_LIMIT_STORE_FULL'
  constructor (maxPartitions: number) {
    super(`all ${maxPartitions} counters are live; raise limits.maxPartitions`)
    this.name = 'LimitStoreFull'
  }
}

/** Expired counters looked for with each new one: two, so that a pass over all ends before their number doubles. */
const SWEPT_PER_NEW = 2
/** Microseconds between two full passes of a store that has no room. */
const FULL_SWEEP_EVERY = 1_000_000

/** Counters of one process. Exact, synchronous, bounded; a live counter is never dropped to make room. */
export function createMemoryLimitStore ({ maxPartitions = 1_000_000 }: MemoryLimitStoreOptions = {}): LimitStore & { readonly size: number } {
  const ledgers = new Map<string, Ledger>()
  let size = 0
  let fullSweepAt = -Infinity

  function ledgerOf (policy: CompiledPolicy): Ledger {
    let ledger = ledgers.get(policy.id)
    if (ledger === undefined) {
      ledger = createLedger(policy)
      ledgers.set(policy.id, ledger)
    }
    return ledger
  }

  function look (policies: readonly CompiledPolicy[], principal: Principal, now: number, cost: number): PolicyTake[] {
    const takes: PolicyTake[] = []
    for (const policy of policies) takes.push(ledgerOf(policy).look(policy.partitionOf(principal), now, cost))
    return takes
  }

  /** @returns whether states were dropped, so that what was looked at before may be gone */
  function makeRoom (count: number, now: number): boolean {
    if (size + count <= maxPartitions) return false
    if (now - fullSweepAt >= FULL_SWEEP_EVERY || now < fullSweepAt) {
      fullSweepAt = now
      for (const ledger of ledgers.values()) size -= ledger.sweep(now, Infinity)
    }
    if (size + count > maxPartitions) throw new LimitStoreFull(maxPartitions)
    return true
  }

  return {
    get size () { return size },
    take ({ policies, principal, cost, now: milliseconds }: Take): Outcome {
      const now = milliseconds * 1000
      let takes = look(policies, principal, now, cost)
      let admitted = true
      let fresh = 0
      for (const { verdict, state } of takes) {
        if (!verdict.admitted) admitted = false
        if (state === undefined) fresh++
      }
      if (admitted) {
        if (fresh > 0 && makeRoom(fresh, now)) takes = look(policies, principal, now, cost)
        for (const take of takes) size += take.ledger.keep(take, now)
      }
      const outcomes: PolicyOutcome[] = []
      for (const { ledger, verdict } of takes) outcomes.push(outcomeOf(ledger.policy, verdict, admitted ? cost : 0))
      return { admitted, policies: outcomes }
    }
  }
}

/** What a verdict tells the caller, in whole units and seconds. */
export function outcomeOf (policy: CompiledPolicy, { admitted, available, reset }: Verdict, counted: number): PolicyOutcome {
  return { policy, admitted, remaining: Math.max(0, available - counted), reset: Math.ceil(reset / 1_000_000) }
}

/** What one policy says of a take, with where it is to be kept. */
interface PolicyTake {
  readonly ledger: Ledger
  readonly partition: string
  /** Undefined for a partition that is not known yet. */
  readonly state: number[] | undefined
  readonly verdict: Verdict
}

/** The states of one policy, by partition. */
interface Ledger {
  readonly policy: CompiledPolicy
  look (partition: string, now: number, cost: number): PolicyTake
  /** @returns by how many the number of states has grown */
  keep (take: PolicyTake, now: number): number
  /** Looks at up to `most` states, drops those that say nothing any more and returns how many. */
  sweep (now: number, most: number): number
}

function createLedger (policy: CompiledPolicy): Ledger {
  const states = new Map<string, number[]>()
  let cursor = states.entries()

  function sweep (now: number, most: number): number {
    let dropped = 0
    for (let looked = 0; looked < Math.min(most, states.size + dropped); looked++) {
      let step = cursor.next()
      if (step.done === true) {
        cursor = states.entries()
        step = cursor.next()
        if (step.done === true) return dropped
      }
      const [partition, state] = step.value
      if (policy.algorithm.expiry(policy, state) <= now && states.delete(partition)) dropped++
    }
    return dropped
  }

  const ledger: Ledger = {
    policy,
    look (partition, now, cost) {
      const state = states.get(partition)
      return { ledger, partition, state, verdict: policy.algorithm.decide(policy, state, now, cost) }
    },
    keep ({ partition, state, verdict: { next } }, now) {
      if (state === undefined) {
        states.set(partition, [...next])
        return 1 - sweep(now, SWEPT_PER_NEW)
      }
      for (let i = 0; i < next.length; i++) state[i] = next[i] ?? 0
      return 0
    },
    sweep
  }
  return ledger
}
