import { compilePolicy, type CompiledPolicy, type LimitStore, type Outcome, type Policy } from 'fastify-latchkey/limits'
import { fakeClock, type FakeClock } from 'fastify-latchkey/testing'
import type { Principal } from 'fastify-latchkey'
import type { Test } from 'tap'
import { principal } from '../helpers/limits.js'

/** Makes an empty store, whose time is the `now` of each take. */
export type CreateLimitStore = () => LimitStore | Promise<LimitStore>

interface Bench {
  readonly clock: FakeClock
  /** Takes `cost` of all policies, and shows what each said as `admitted, remaining, reset`. */
  take (policies: readonly CompiledPolicy[], who?: Principal, cost?: number): Promise<Shown>
}

interface Shown { readonly admitted: boolean, readonly policies: ReadonlyArray<readonly [admitted: boolean, remaining: number, reset: number]> }

const ada = principal('ada')
const bob = principal('bob')
const yes = (remaining: number, reset: number): Shown => ({ admitted: true, policies: [[true, remaining, reset]] })
const no = (remaining: number, reset: number): Shown => ({ admitted: false, policies: [[false, remaining, reset]] })
const compile = (policy: Omit<Policy, 'name'>, name = 'p'): CompiledPolicy => compilePolicy({ name, ...policy })

/** What every limit store does, to the unit and the second. */
export async function limitStoreConformance (t: Test, createStore: CreateLimitStore): Promise<void> {
  function test (sentence: string, check: (t: Test, bench: Bench) => Promise<void>) {
    return t.test(sentence, async (t) => {
      const store = await createStore()
      const clock = fakeClock()
      await check(t, {
        clock,
        async take (policies, who = ada, cost = 1) {
          return show(t, policies, await store.take({ policies, principal: who, cost, now: clock.now() }))
        },
      })
    })
  }

  await windows(test)
  await buckets(test)
  await slides(test)
  await takes(test)
  await clocks(test)
}

type Tester = (sentence: string, check: (t: Test, bench: Bench) => Promise<void>) => Promise<unknown>

function show (t: Test, asked: readonly CompiledPolicy[], { admitted, policies }: Outcome): Shown {
  t.equal(policies.length, asked.length)
  for (const [i, { policy }] of policies.entries()) t.equal(policy, asked[i], 'outcomes are of the very policies asked, in their order')
  return { admitted, policies: policies.map((one) => [one.admitted, one.remaining, one.reset] as const) }
}

async function windows (test: Tester): Promise<void> {
  await test('a fixed window opens with the first request and closes a window later', async (t, { take, clock }) => {
    const policy = [compile({ quota: 3, window: 60 })]
    t.same(await take(policy), yes(2, 60))
    clock.advance(20)
    t.same(await take(policy), yes(1, 40))
    t.same(await take(policy), yes(0, 40))
    t.same(await take(policy), no(0, 40))
    clock.advance(39.999)
    t.same(await take(policy), no(0, 1), 'refused until the last millisecond')
    clock.advance(0.001)
    t.same(await take(policy), yes(2, 60), 'a new window, with all of its quota')
  })

  await test('around the seam of two fixed windows twice the quota passes, and no more', async (t, { take, clock }) => {
    const policy = [compile({ quota: 2, window: 10 })]
    await take(policy)
    clock.advance(9.9)
    t.same(await take(policy), yes(0, 1))
    clock.advance(0.1)
    t.same([await take(policy), await take(policy), await take(policy)], [yes(1, 10), yes(0, 10), no(0, 10)])
  })

  await test('a quota of 0 always refuses, whatever the kind and the cost', async (t, { take, clock }) => {
    for (const more of [{}, { burst: 5 }, { sliding: true }]) {
      const policy = [compile({ quota: 0, window: 10, ...more })]
      t.same([await take(policy), await take(policy, ada, 0)], [no(0, 10), no(0, 10)])
      clock.advance(10)
      t.same(await take(policy), no(0, 10))
    }
  })
}

async function buckets (test: Tester): Promise<void> {
  await test('a token bucket holds a burst, and fills one unit at a time', async (t, { take, clock }) => {
    const policy = [compile({ quota: 60, window: 60, burst: 3 })]
    t.same([await take(policy), await take(policy), await take(policy), await take(policy)], [yes(2, 1), yes(1, 1), yes(0, 1), no(0, 1)])
    clock.advance(0.999)
    t.same(await take(policy), no(0, 1))
    clock.advance(0.001)
    t.same([await take(policy), await take(policy)], [yes(0, 1), no(0, 1)])
    clock.advance(1000)
    t.same([await take(policy), await take(policy)], [yes(2, 1), yes(1, 1)], 'it never holds more than the burst')
  })

  await test('a token bucket says when the units for a costly request are there', async (t, { take, clock }) => {
    const policy = [compile({ quota: 1, window: 10, burst: 5 })]
    t.same(await take(policy, ada, 4), yes(1, 10))
    t.same(await take(policy, ada, 5), no(1, 40))
    clock.advance(40)
    t.same(await take(policy, ada, 5), yes(0, 10))
  })

  await test('the rate of a bucket whose unit is no whole number of microseconds is not exceeded', async (t, { take, clock }) => {
    const policy = [compile({ quota: 7, window: 1, burst: 1 })]
    let admitted = 0
    for (let millisecond = 0; millisecond < 7000; millisecond++) {
      if ((await take(policy)).admitted) admitted++
      clock.advance(0.001)
    }
    t.ok(admitted <= 49 && admitted > 47, `${admitted} in 7 s, of at most 49`)
  })
}

async function slides (test: Tester): Promise<void> {
  await test('a sliding window gives each unit back a window after it was taken, or up to a tenth later', async (t, { take, clock }) => {
    const policy = [compile({ quota: 3, window: 10, sliding: true })]
    t.same(await take(policy), yes(2, 10))
    clock.advance(0.5)
    t.same(await take(policy), yes(1, 10))
    clock.advance(5)
    t.same([await take(policy), await take(policy)], [yes(0, 5), no(0, 5)])
    clock.advance(4.499)
    t.same(await take(policy), no(0, 1))
    clock.advance(0.001)
    t.same([await take(policy), await take(policy)], [yes(0, 1), no(0, 1)], 'the first is back after 10 s, the second is not')
    clock.advance(0.999)
    t.same(await take(policy), no(0, 1))
    clock.advance(0.001)
    t.same([await take(policy), await take(policy)], [yes(0, 5), no(0, 5)], 'the second is back 10.5 s after it was taken')
  })

  await test('a sliding window has no seam', async (t, { take, clock }) => {
    const policy = [compile({ quota: 2, window: 10, sliding: true })]
    t.same(await take(policy), yes(1, 10))
    clock.advance(9.9)
    t.same(await take(policy), yes(0, 1))
    clock.advance(0.1)
    t.same([await take(policy), await take(policy)], [yes(0, 10), no(0, 10)])
    clock.advance(30)
    t.same([await take(policy, ada, 2), await take(policy)], [yes(0, 10), no(0, 10)], 'after a rest it starts anew')
  })
}

async function takes (test: Tester): Promise<void> {
  await test('a user whose tokens are of several workspaces, or environments, is a caller of its own in each', async (t, { take }) => {
    const policy = [compile({ quota: 1, window: 60 })]
    const user = (workspace: string, environment: string) => principal('issuer:user:ada', { kind: 'access-token', workspace, environment })
    for (const [workspace, environment] of [['w1', 'production'], ['w2', 'production'], ['w1', 'sandbox']] as const) {
      t.same(await take(policy, user(workspace, environment)), yes(0, 60))
      t.same(await take(policy, user(workspace, environment)), no(0, 60))
    }
  })

  await test('several policies are decided together: refused by one is counted by none', async (t, { take, clock }) => {
    const policies = [compile({ quota: 5, window: 60 }, 'minute'), compile({ quota: 1, window: 1, burst: 2 }, 'second'), compile({ quota: 9, window: 60, sliding: true }, 'slide')]
    t.same(await take(policies), { admitted: true, policies: [[true, 4, 60], [true, 1, 1], [true, 8, 60]] })
    t.same(await take(policies), { admitted: true, policies: [[true, 3, 60], [true, 0, 1], [true, 7, 60]] })
    for (let i = 0; i < 5; i++) t.same(await take(policies), { admitted: false, policies: [[true, 3, 60], [false, 0, 1], [true, 7, 60]] })
    clock.advance(1)
    t.same(await take(policies), { admitted: true, policies: [[true, 2, 59], [true, 0, 1], [true, 6, 59]] })
  })

  await test('a request takes as many units as it costs; one that costs nothing is never counted', async (t, { take, clock }) => {
    for (const [name, more, reset] of [['window', {}, 100], ['bucket', { burst: 10 }, 10], ['sliding', { sliding: true }, 100]] as const) {
      const policy = [compile({ quota: 10, window: 100, ...more }, name)]
      t.equal((await take(policy, ada, 0)).policies[0]?.[1], 10, `${name}: nothing is taken yet`)
      clock.advance(50)
      t.same([await take(policy, ada, 7), await take(policy, ada, 0), await take(policy, ada, 3), await take(policy, ada, 0), await take(policy, ada, 1)],
        [yes(3, reset), yes(3, reset), yes(0, reset), yes(0, reset), no(0, reset)], name)
    }
  })

  await test('principals are counted apart, and workspaces by environment', async (t, { take }) => {
    const own = [compile({ quota: 1, window: 60 })]
    t.same([await take(own, ada), await take(own, bob), await take(own, ada)], [yes(0, 60), yes(0, 60), no(0, 60)])

    const shared = [compile({ quota: 2, window: 60, partition: 'workspace' })]
    t.same([await take(shared, ada), await take(shared, bob), await take(shared, principal('eve'))], [yes(1, 60), yes(0, 60), no(0, 60)])
    t.same(await take(shared, principal('ada', { environment: 'sandbox' })), yes(1, 60), 'the sandbox of the same workspace')
    t.same(await take(shared, principal('ada', { workspace: 'w2' })), yes(1, 60), 'another workspace')
    t.same(await take(shared, principal('x', { environment: 'production w1', workspace: 'w1' })), yes(1, 60), 'a name made to look like another')
  })

  await test('equal policies count together, others apart', async (t, { take }) => {
    const numbers = { quota: 1, window: 60 }
    t.same([await take([compile(numbers)]), await take([compile(numbers)])], [yes(0, 60), no(0, 60)], 'by what they say, not by which object says it')
    for (const other of [compile(numbers, 'q'), compile({ quota: 2, window: 60 }), compile({ quota: 1, window: 61 }), compile({ ...numbers, burst: 1 }), compile({ ...numbers, sliding: true }), compile({ ...numbers, partition: 'workspace' })]) {
      t.equal((await take([other])).admitted, true, other.id)
    }
  })

  await test('of many at once, exactly the quota passes', async (t, { take }) => {
    for (const [name, more] of [['window', {}], ['bucket', { burst: 100 }], ['sliding', { sliding: true }]] as const) {
      const policies = [compile({ quota: 100, window: 3600, ...more }, name), compile({ quota: 1000, window: 3600 }, 'wide')]
      const all = await Promise.all(Array.from({ length: 300 }, () => take(policies)))
      t.equal(all.filter(({ admitted }) => admitted).length, 100, name)
    }
  })

  await test('partitions with the names of built-in properties are partitions like any other', async (t, { take }) => {
    const policy = [compile({ quota: 1, window: 60 })]
    for (const id of ['__proto__', 'constructor', 'toString', 'hasOwnProperty']) {
      t.same([await take(policy, principal(id)), await take(policy, principal(id))], [yes(0, 60), no(0, 60)], id)
    }
  })
}

async function clocks (test: Tester): Promise<void> {
  const kinds = [['window', {}], ['bucket', { burst: 2 }], ['sliding', { sliding: true }]] as const

  await test('a clock that is set back frees nothing, and locks nobody out for longer', async (t, { take, clock }) => {
    for (const [name, more] of kinds) {
      const policy = [compile({ quota: 2, window: 10, ...more }, name)]
      await take(policy, ada, 2)
      clock.advance(-1_000_000)
      const { admitted, policies: [one] } = await take(policy)
      t.equal(admitted, false, `${name}: still used up`)
      const wait = one?.[2] ?? 0
      t.ok(wait > 0 && wait <= 11, `${name}: ${wait} s`)
      for (let i = 1; i < wait; i++) {
        clock.advance(1)
        await take(policy)
      }
      clock.advance(1)
      t.equal((await take(policy)).admitted, true, `${name}: back when it was said to be, whoever asked in between`)
    }
  })

  await test('a clock that trembles frees nothing', async (t, { take, clock }) => {
    for (const [name, more] of kinds) {
      const policy = [compile({ quota: 2, window: 10, ...more }, name)]
      await take(policy, ada, 2)
      for (let i = 0; i < 200; i++) {
        clock.advance(i % 2 === 0 ? -0.003 : 0.003)
        t.equal((await take(policy)).admitted, false, name)
      }
    }
  })
}
