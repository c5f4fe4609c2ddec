import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import type { Principal } from '../core/principal.js'
import { compilePolicy } from '../limits/index.js'
import type { CompiledPolicy, LimitStore, Outcome, Policy, Take } from '../limits/index.js'

/** One sentence of the contract of limit stores. */
export interface LimitStoreCase {
  readonly name: string
  /** Rejects with an `AssertionError` where the store does otherwise. Counts by policies of its own. */
  run (store: LimitStore): Promise<void>
}

/** What an outcome says: of each policy whether it admits, the remaining units and the reset. */
export type Shown = readonly [admitted: boolean, ...policies: Array<readonly [boolean, number, number]>]

/** The outcome of a take by one policy. */
export const yes = (remaining: number, reset: number): Shown => [true, [true, remaining, reset]]
export const no = (remaining: number, reset: number): Shown => [false, [false, remaining, reset]]

/** The kinds of policies: what makes each of a quota in a window. */
export const KINDS: ReadonlyArray<readonly [name: string, kind: Partial<Policy>]> = [
  ['window', {}], ['bucket', { burst: 2 }], ['sliding', { sliding: true }]
]

/** A store with a clock of its own, and principals and policies that no other case uses. */
export interface Bench {
  readonly ada: Principal
  readonly bob: Principal
  /** Moves the clock on by seconds, to whole milliseconds; back, where negative. */
  advance (seconds: number): void
  policy (policy: Omit<Policy, 'name'>, name?: string): CompiledPolicy
  /** For `take` and `takeBatch` of the store, at this instant. */
  draft (policies: readonly CompiledPolicy[], who?: Principal, cost?: number): Take
  take (policies: readonly CompiledPolicy[], who?: Principal, cost?: number): Promise<Shown>
}

export function bench (store: LimitStore): Bench {
  const suffix = randomUUID()
  const ada = principal(`ada-${suffix}`)
  let now = Date.UTC(2026, 0, 1)

  function draft (policies: readonly CompiledPolicy[], who = ada, cost = 1): Take {
    return { policies, caller: who, cost, now }
  }

  return {
    ada,
    bob: principal(`bob-${suffix}`),
    advance (seconds) { now = Math.round(now + seconds * 1000) },
    policy: (policy, name = 'p') => compilePolicy({ name: `${name}-${suffix}`, ...policy }),
    draft,
    async take (...args) {
      const take = draft(...args)
      return show(take, await store.take(take))
    }
  }
}

export function principal (id: string, more: Partial<Principal> = {}): Principal {
  return Object.freeze({ kind: 'api-key', id, workspace: 'w1', environment: 'production', scopes: [], ...more })
}

export function show ({ policies: asked }: Take, { admitted, policies, failure }: Outcome): Shown {
  assert.equal(failure, undefined, 'the store has decided')
  assert.equal(policies.length, asked.length, 'one outcome for each policy')
  const inOrder = policies.every(({ policy }, i) => policy === asked[i])
  assert.ok(inOrder, 'outcomes name the policies of the take, in their order')
  return [admitted, ...policies.map((one) => [one.admitted, one.remaining, one.reset] as const)]
}
