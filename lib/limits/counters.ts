import type { Verdict } from './algorithms.js'
import type { Caller } from './caller.js'
import type { CompiledPolicy } from './policy.js'

/** The verdict of one policy on one take, and where its state is stored. */
export interface PolicyTake {
  readonly policy: CompiledPolicy
  readonly counters: Counters
  readonly partition: string
  /** Undefined for a partition without a counter. */
  readonly state: number[] | undefined
  readonly verdict: Verdict
}

/** The counters of one policy, by partition. */
export interface Counters {
  decide (policy: CompiledPolicy, caller: Caller, now: number, cost: number): PolicyTake
  /** Stores the next state. @returns by how many the number of counters has grown */
  commit (take: PolicyTake, now: number): number
  /** Checks up to `max` counters and removes those that have expired. @returns how many it has removed */
  removeExpired (now: number, max: number): number
}

/** Counters that are checked for each new one: with two, a round over all ends before their number has doubled. */
const CHECKS_PER_NEW = 2

/** @param compiled a policy, or another one of equal name and numbers */
export function createCounters (compiled: CompiledPolicy): Counters {
  const { algorithm, partitionOf } = compiled
  const states = new Map<string, number[]>()
  const rounds = repeat(states)

  function settle (state: number[], now: number): void {
    const settled = algorithm.settle(compiled, state, now)
    if (settled !== state) overwrite(state, settled)
  }

  function removeExpired (now: number, max: number): number {
    let removed = 0
    for (let left = Math.min(max, states.size); left > 0 && states.size > 0; left--) {
      const [partition, state] = rounds.next().value
      settle(state, now)
      if (algorithm.expiry(compiled, state) <= now && states.delete(partition)) removed++
    }
    return removed
  }

  const counters: Counters = {
    decide (policy, caller, now, cost) {
      const partition = partitionOf(caller)
      const state = states.get(partition)
      if (state !== undefined) settle(state, now)
      return { policy, counters, partition, state, verdict: algorithm.decide(compiled, state, now, cost) }
    },
    commit ({ partition, state, verdict: { next } }, now) {
      if (state !== undefined) {
        overwrite(state, next)
        return 0
      }
      states.set(partition, [...next])
      return 1 - removeExpired(now, CHECKS_PER_NEW)
    },
    removeExpired
  }
  return counters
}

/** Iterates over the items again and again; must not be called while there are none. */
function * repeat<T> (items: Iterable<T>): Generator<T, never> {
  for (;;) yield * items
}

/** States are changed in place, which saves a second look-up in the map. */
function overwrite (state: number[], next: readonly number[]): void {
  let i = 0
  for (const number of next) state[i++] = number
}
