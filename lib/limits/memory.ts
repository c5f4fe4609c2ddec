import type { Principal } from '../core/principal.js'
import type { Verdict } from './algorithms.js'
import type { CompiledPolicy } from './policy.js'
import { outcomeOf, type LimitStore, type Outcome, type PolicyOutcome, type Take } from './store.js'

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

/** Counters looked at with each new one: two, so that a pass over all ends before their number doubles. */
const SWEPT_PER_NEW = 2
/** Counters looked at with each new one that finds no room: enough to find some soon, too few to be felt. */
const SWEPT_WHEN_FULL = 1_000

/** Decides at once. */
export interface MemoryLimitStore extends LimitStore {
  take (take: Take): Outcome
  /** Counters that it holds. */
  readonly size: number
}

/** Counters of one process. Exact, synchronous, bounded; a live counter is never dropped to make room. */
export function createMemoryLimitStore ({ maxPartitions = 1_000_000 }: MemoryLimitStoreOptions = {}): MemoryLimitStore {
  const ledgers = new Map<string, Ledger>()
  let size = 0

  function ledgerOf (policy: CompiledPolicy): Ledger {
    let ledger = ledgers.get(policy.id)
    if (ledger === undefined) {
      ledger = createLedger(policy)
      ledgers.set(policy.id, ledger)
    }
    return ledger
  }

  function look ({ policies, principal, cost }: Take, now: number): PolicyTake[] {
    const takes: PolicyTake[] = []
    for (const policy of policies) takes.push(ledgerOf(policy).look(policy, principal, now, cost))
    return takes
  }

  function hasRoom (takes: readonly PolicyTake[]): boolean {
    let wanted = size
    for (const { state } of takes) if (state === undefined) wanted++
    return wanted <= maxPartitions
  }

  function lookAfterSweep (take: Take, now: number): PolicyTake[] {
    for (const ledger of ledgers.values()) size -= ledger.sweep(now, SWEPT_WHEN_FULL)
    const takes = look(take, now)
    if (!hasRoom(takes)) throw new LimitStoreFull(maxPartitions)
    return takes
  }

  return {
    get size () { return size },
    take (take) {
      const now = Math.floor(take.now * 1000)
      let takes = look(take, now)
      let admitted = true
      for (const { verdict } of takes) if (!verdict.admitted) admitted = false
      const counted = admitted ? take.cost : 0
      if (counted > 0) {
        if (!hasRoom(takes)) takes = lookAfterSweep(take, now)
        for (const one of takes) size += one.ledger.keep(one, now)
      }
      const policies: PolicyOutcome[] = []
      for (const { policy, verdict } of takes) policies.push(outcomeOf(policy, verdict, counted))
      return { admitted, policies }
    }
  }
}

/** What one policy says of a take, with where it is to be kept. */
interface PolicyTake {
  readonly policy: CompiledPolicy
  readonly ledger: Ledger
  readonly partition: string
  /** Undefined for a partition that is not known yet. */
  readonly state: number[] | undefined
  readonly verdict: Verdict
}

/** The states of equal policies, by partition. */
interface Ledger {
  look (policy: CompiledPolicy, principal: Principal, now: number, cost: number): PolicyTake
  /** @returns by how many the number of states has grown */
  keep (take: PolicyTake, now: number): number
  /** Looks at up to `most` states, drops those that say nothing any more and returns how many. */
  sweep (now: number, most: number): number
}

function createLedger (terms: CompiledPolicy): Ledger {
  const { algorithm, partitionOf } = terms
  const states = new Map<string, number[]>()
  const cursor = rounds(states)

  function settle (state: number[], now: number): void {
    const settled = algorithm.settle(terms, state, now)
    if (settled !== state) overwrite(state, settled)
  }

  function sweep (now: number, most: number): number {
    let dropped = 0
    for (let left = Math.min(most, states.size); left > 0 && states.size > 0; left--) {
      const [partition, state] = cursor.next().value
      settle(state, now)
      if (algorithm.expiry(terms, state) <= now && states.delete(partition)) dropped++
    }
    return dropped
  }

  const ledger: Ledger = {
    look (policy, principal, now, cost) {
      const partition = partitionOf(principal)
      const state = states.get(partition)
      if (state !== undefined) settle(state, now)
      return { policy, ledger, partition, state, verdict: algorithm.decide(terms, state, now, cost) }
    },
    keep ({ partition, state, verdict: { next } }, now) {
      if (state !== undefined) {
        overwrite(state, next)
        return 0
      }
      states.set(partition, [...next])
      return 1 - sweep(now, SWEPT_PER_NEW)
    },
    sweep
  }
  return ledger
}

/** All items over and over, from where it was left; must not be asked while there are none. */
function * rounds<T> (items: Iterable<T>): Generator<T, never> {
  for (;;) yield * items
}

/** States are written in place: a look-up less, and nothing left for the garbage collector. */
function overwrite (state: number[], next: readonly number[]): void {
  let i = 0
  for (const number of next) state[i++] = number
}
