import { deepStrictEqual } from 'node:assert'
import fc from 'fast-check'
import { compilePolicy, createMemoryLimitStore, LimitStoreFull, type CompiledPolicy, type Policy } from 'fastify-latchkey/limits'
import type { LimitStore } from 'fastify-latchkey'
import t from 'tap'
import { principal } from '../helpers/limits.js'
import { naiveCounter, type NaiveCounter } from '../helpers/naive-limits.js'
import '../helpers/seed.js'

const START = Date.UTC(2026, 0, 1)

const window = fc.record({ quota: fc.integer({ min: 1, max: 20 }), window: fc.integer({ min: 1, max: 20 }) })
const fixed = window.map((numbers) => ({ name: 'fixed', ...numbers }))
const sliding = window.map((numbers) => ({ name: 'sliding', ...numbers, sliding: true }))
const bucket = fc.record({ quota: fc.integer({ min: 1, max: 20 }), window: fc.integer({ min: 1, max: 20 }), burst: fc.integer({ min: 1, max: 20 }) }).map((numbers) => ({ name: 'bucket', ...numbers }))
const never = fc.constant({ name: 'never', quota: 0, window: 5 })

/** Milliseconds between two requests: mostly none or few, sometimes a rest. */
const forward = fc.oneof({ weight: 3, arbitrary: fc.integer({ min: 0, max: 50 }) }, { weight: 2, arbitrary: fc.integer({ min: 0, max: 3_000 }) }, { weight: 1, arbitrary: fc.integer({ min: 0, max: 60_000 }) })
/** The same with a clock that trembles, and that is set by hours. */
const stepping = fc.oneof({ weight: 6, arbitrary: forward }, { weight: 4, arbitrary: fc.integer({ min: -50, max: 50 }) }, { weight: 1, arbitrary: fc.integer({ min: -10_000_000, max: 10_000_000 }) })

const requests = (step: fc.Arbitrary<number>) => fc.array(fc.record({ step, cost: fc.integer({ min: 0, max: 4 }), id: fc.constantFrom('a', 'b', '__proto__') }), { minLength: 1, maxLength: 120 })

interface Admitted { readonly at: number, readonly cost: number }

/** Sends the requests; `at` is in milliseconds of the time in which the clock went forward. */
function send (store: LimitStore, policy: CompiledPolicy, steps: ReadonlyArray<{ step: number, cost: number }>): { admitted: Admitted[], now: number } {
  const admitted: Admitted[] = []
  let now = START
  let at = 0
  for (const { step, cost } of steps) {
    now += step
    at += Math.max(0, step)
    if (take(store, [policy], cost, now).admitted) admitted.push({ at, cost })
  }
  return { admitted, now }
}

function take (store: LimitStore, policies: readonly CompiledPolicy[], cost: number, now: number, id = 'a') {
  const outcome = store.take({ policies, caller: principal(id), cost, now })
  if (!('admitted' in outcome)) throw new Error('the memory store answers at once')
  return outcome
}

/** Most units admitted in any `length` milliseconds; `bound` may depend on the length of what is looked at. */
function holds (admitted: readonly Admitted[], length: number, bound: (milliseconds: number) => number): boolean {
  return admitted.every((first, from) => {
    let sum = 0
    return admitted.slice(from).every(({ at, cost }) => {
      if (at - first.at >= length) return true
      sum += cost
      return sum <= bound(at - first.at)
    })
  })
}

function property (policy: fc.Arbitrary<Policy>, step: fc.Arbitrary<number>, check: (policy: CompiledPolicy, admitted: Admitted[]) => boolean): void {
  fc.assert(fc.property(policy.map(compilePolicy), requests(step), (policy, steps) =>
    check(policy, send(createMemoryLimitStore(), policy, steps).admitted)), { numRuns: 300 })
}

t.test('fixed windows that open with the first request hold at most the quota each', async () => {
  property(fixed, forward, ({ quota, window }, admitted) => {
    let opened = -Infinity
    let sum = 0
    return admitted.filter(({ cost }) => cost > 0).every(({ at, cost }) => {
      if (at >= opened + window * 1000) {
        opened = at
        sum = 0
      }
      sum += cost
      return sum <= quota
    })
  })
})

t.test('a fixed window never admits more than twice the quota in its length, whatever the clock does', async () => {
  property(fixed, stepping, ({ quota, window }, admitted) => holds(admitted, window * 1000, () => 2 * quota))
})

t.test('a token bucket admits at most burst + rate × W in any W, whatever the clock does', async () => {
  property(bucket, stepping, ({ quota, window, burst = 0 }, admitted) =>
    holds(admitted, Infinity, (milliseconds) => burst + milliseconds * quota / (window * 1000) + 1e-9))
})

t.test('a sliding window never holds more than the quota, whatever its position and whatever the clock does', async () => {
  property(sliding, stepping, ({ quota, window }, admitted) => holds(admitted, window * 1000, () => quota))
})

t.test('a sliding window admits what leaves room in a window and a tenth', async () => {
  fc.assert(fc.property(sliding.map(compilePolicy), requests(forward), (policy, steps) => {
    const store = createMemoryLimitStore()
    const { admitted } = send(store, policy, steps)
    const at = steps.reduce((sum, { step }) => sum + step, 0)
    const recent = admitted.filter((one) => at - one.at < policy.window * 1100).reduce((sum, { cost }) => sum + cost, 0)
    return take(store, [policy], 1, START + at).admitted || recent + 1 > policy.quota
  }))
})

t.test('whoever waits as long as a refusal says is admitted, and nobody is locked out for longer than the policy states', async () => {
  fc.assert(fc.property(fc.oneof(fixed, bucket, sliding).map(compilePolicy), requests(stepping), fc.integer({ min: 1, max: 4 }), (policy, steps, wanted) => {
    const cost = Math.min(wanted, policy.capacity)
    const store = createMemoryLimitStore()
    const { now } = send(store, policy, steps)
    const { policies: [outcome] } = take(store, [policy], cost, now)
    if (outcome === undefined) return false
    if (outcome.admitted) return true
    const { reset } = outcome
    const longest = policy.burst === undefined ? policy.window * (policy.sliding === true ? 1.1 : 1) : cost * policy.window / policy.quota
    return reset >= 1 && reset <= Math.ceil(longest + 1e-3) && take(store, [policy], cost, now + reset * 1000).admitted
  }), { numRuns: 500 })
})

t.test('a refusal asked for again and again still ends when the first said it would', async () => {
  fc.assert(fc.property(fc.oneof(fixed, bucket, sliding).map(compilePolicy), requests(stepping), fc.array(fc.integer({ min: 0, max: 999 }), { maxLength: 10 }), (policy, steps, asked) => {
    const store = createMemoryLimitStore()
    const { now } = send(store, policy, steps)
    while (take(store, [policy], 1, now).admitted);
    const { policies: [outcome] } = take(store, [policy], policy.capacity, now)
    if (outcome === undefined || outcome.admitted) return false
    for (const part of asked.sort((a, b) => a - b)) {
      if (take(store, [policy], policy.capacity, now + Math.floor(part * (outcome.reset - 1))).admitted) return true
    }
    return take(store, [policy], policy.capacity, now + outcome.reset * 1000).admitted
  }), { numRuns: 300 })
})

const profile = fc.uniqueArray(fc.oneof(fixed, bucket, sliding, never), { selector: ({ name }) => name, minLength: 1, maxLength: 4 }).map((policies) => policies.map((policy, i) => compilePolicy(i === 1 ? { ...policy, partition: 'workspace' } : policy)))

/** Every counter there has ever been, none forgotten. */
function naiveStore () {
  const counters = new Map<string, NaiveCounter>()
  const keyOf = (policy: CompiledPolicy, id: string): string => `${policy.id} ${policy.partition === 'workspace' ? '' : id}`
  function counterOf (policy: CompiledPolicy, id: string): NaiveCounter {
    const key = keyOf(policy, id)
    const counter = counters.get(key) ?? naiveCounter(policy)
    counters.set(key, counter)
    return counter
  }
  return {
    take (policies: readonly CompiledPolicy[], id: string, cost: number, now: number) {
      const found = policies.map((policy) => counterOf(policy, id))
      const each = found.map((counter) => cost <= counter.available(now))
      const admitted = !each.includes(false)
      if (admitted && cost > 0) for (const counter of found) counter.count(cost, now)
      return { admitted, policies: found.map((counter, i) => ({ admitted: each[i], remaining: Math.max(0, counter.available(now)) })) }
    },
    live: (now: number) => [...counters.values()].filter((counter) => counter.live(now)).length,
    lacking: (policies: readonly CompiledPolicy[], id: string, now: number) => policies.filter((policy) => !counterOf(policy, id).live(now)).length,
  }
}

t.test('the memory store decides as a plain map of all counters would: counted by all policies or by none', async () => {
  fc.assert(fc.property(profile, requests(forward), (policies, steps) => {
    const store = createMemoryLimitStore()
    const naive = naiveStore()
    let now = START
    for (const { step, cost, id } of steps) {
      now += step
      const expected = naive.take(policies, id, cost, now * 1000)
      const { admitted, policies: outcomes } = take(store, policies, cost, now, id)
      deepStrictEqual({ admitted, policies: outcomes.map(({ admitted, remaining }) => ({ admitted, remaining })) }, expected)
    }
  }), { numRuns: 100 })
})

t.test('a bounded store never forgets a live counter, and is full only when all are live', async (t) => {
  const many = fc.array(fc.record({ step: forward, cost: fc.integer({ min: 0, max: 3 }), id: fc.nat({ max: 9 }).map(String) }), { minLength: 1, maxLength: 200 })
  fc.assert(fc.property(profile, many, fc.integer({ min: 1, max: 8 }), (policies, steps, maxPartitions) => {
    const store = createMemoryLimitStore({ maxPartitions })
    const naive = naiveStore()
    let now = START
    for (const { step, cost, id } of steps) {
      now += step
      const micros = now * 1000
      const room = maxPartitions - naive.live(micros)
      const lacking = naive.lacking(policies, id, micros)
      try {
        const { admitted } = take(store, policies, cost, now, id)
        if (admitted !== naive.take(policies, id, cost, micros).admitted) return false
      } catch (fault) {
        if (!(fault instanceof LimitStoreFull) || lacking <= room) return false
      }
      if (store.size > maxPartitions) return false
    }
    return true
  }), { numRuns: 200 })
  t.pass()
})
