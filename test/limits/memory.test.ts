import type { LimitStore } from 'fastify-latchkey'
import { compilePolicy, createMemoryLimitStore, LimitStoreFull, type CompiledPolicy } from 'fastify-latchkey/limits'
import { fakeClock } from 'fastify-latchkey/testing'
import t from 'tap'
import { collectRounds } from '../helpers/collect.js'
import { principal } from '../helpers/limits.js'

const minute = compilePolicy({ name: 'minute', quota: 2, window: 60 })
const hour = compilePolicy({ name: 'hour', quota: 100, window: 3600 })

function taker (store: LimitStore, clock = fakeClock()) {
  return function take (id: string, policies: readonly CompiledPolicy[] = [minute], cost = 1): unknown {
    try {
      const outcome = store.take({ policies, caller: principal(id), cost, now: clock.now() })
      return 'admitted' in outcome ? outcome.admitted : 'later'
    } catch (fault) {
      return fault instanceof LimitStoreFull ? fault.code : fault
    }
  }
}

const FULL = 'LATCHKEY_ERR_LIMIT_STORE_FULL'

t.test('a full store refuses new counters and goes on with those it has', async (t) => {
  const store = createMemoryLimitStore({ maxPartitions: 2 })
  const take = taker(store)
  t.same([take('a'), take('b'), take('c')], [true, true, FULL])
  t.same([take('a'), take('a'), take('b'), take('b'), take('c')], [true, false, true, false, FULL], 'nobody was forgotten to make room')
  t.equal(store.size, 2)
})

t.test('a full store takes new counters as soon as old ones have expired', async (t) => {
  const clock = fakeClock()
  const store = createMemoryLimitStore({ maxPartitions: 3 })
  const take = taker(store, clock)
  t.same([take('a'), take('b')], [true, true])
  clock.advance(30)
  t.same([take('c'), take('d')], [true, FULL])
  clock.advance(30)
  t.same([take('d'), take('e'), take('f')], [true, true, FULL], 'a and b have left, c has not')
  t.equal(store.size, 3)
})

t.test('a take of several policies needs room for all of its new counters, or counts nothing', async (t) => {
  const store = createMemoryLimitStore({ maxPartitions: 3 })
  const take = taker(store)
  t.same([take('a', [minute, hour]), take('b', [minute, hour]), take('b', [minute])], [true, FULL, true])
  t.equal(store.size, 3)
  t.equal(take('b', [minute, hour]), FULL, 'the hour of b has no room')
  t.equal(take('a', [minute, hour]), true, 'a has both')
})

t.test('expired counters make room for new ones within the bound', async (t) => {
  const clock = fakeClock()
  const store = createMemoryLimitStore({ maxPartitions: 2 })
  const take = taker(store, clock)
  t.same([take('a', [minute]), take('b', [hour])], [true, true])
  clock.advance(60)
  t.equal(take('a', [minute, hour]), FULL, 'a needs two counters, and there is room for one')
  t.ok(store.size <= 2)
  t.same([take('a', [hour]), take('b', [hour])], [true, true])
})

t.test('a take that is refused or costs nothing takes no room', async (t) => {
  const store = createMemoryLimitStore({ maxPartitions: 1 })
  const take = taker(store)
  const never = compilePolicy({ name: 'never', quota: 0, window: 60 })
  t.same([take('a', [never]), take('b', [minute], 0)], [false, true])
  t.equal(store.size, 0)
  t.same([take('c'), take('d', [minute], 0), take('d')], [true, true, FULL])
})

t.test('expired counters are removed as new ones come, so memory is bounded by those in use', async (t) => {
  const rounds = collectRounds()
  for (const policy of [minute, compilePolicy({ name: 'b', quota: 1, window: 1, burst: 60 }), compilePolicy({ name: 's', quota: 2, window: 60, sliding: true })]) {
    const clock = fakeClock()
    const store = createMemoryLimitStore()
    const take = taker(store, clock)
    let most = 0
    for (let i = 0; i < 20_000; i++) {
      take(`${policy.name}${i}`, [policy], policy.burst ?? 1)
      clock.advance(0.6)
      most = Math.max(most, store.size)
    }
    rounds.add(most <= 250, true, `${policy.name}: 100 live at a time, ${most} held at most`)
  }
  t.strictSame(rounds.seen, rounds.expected)
})

t.test('after a clock is set back, old counters expire a window later, not when the clock has caught up', async (t) => {
  const rounds = collectRounds()
  for (const policy of [minute, compilePolicy({ name: 'b', quota: 1, window: 10, burst: 1 }), compilePolicy({ name: 's', quota: 2, window: 60, sliding: true })]) {
    const clock = fakeClock()
    const take = taker(createMemoryLimitStore({ maxPartitions: 2 }), clock)
    rounds.add([take('a', [policy]), take('b', [policy])], [true, true])
    clock.advance(-31_536_000)
    rounds.add(take('c', [policy]), FULL)
    clock.advance(66)
    rounds.add([take('c', [policy]), take('d', [policy])], [true, true], policy.name)
  }
  t.strictSame(rounds.seen, rounds.expected)
})

t.test('a memory store has a million counters by default', async (t) => {
  const store = createMemoryLimitStore()
  const slow = compilePolicy({ name: 'slow', quota: 1, window: 3600 })
  const now = Date.UTC(2026, 0, 1)
  for (let i = 0; i < 1_000_000; i++) store.take({ policies: [slow], caller: principal(String(i)), cost: 1, now })
  t.equal(store.size, 1_000_000)
  t.throws(() => store.take({ policies: [slow], caller: principal('one more'), cost: 1, now }), { name: 'LimitStoreFull', message: 'all 1000000 counters are live; raise limits.maxPartitions' })
})
