import { compilePolicy, type Policy } from 'fastify-latchkey/limits'
import t from 'tap'
import { collectRounds } from '../helpers/collect.js'

const now = Date.UTC(2026, 0, 1) * 1000
const policies: Policy[] = [
  { name: 'window', quota: 5, window: 7 },
  { name: 'bucket', quota: 7, window: 3, burst: 5 },
  { name: 'sliding', quota: 5, window: 7, sliding: true },
]

for (const policy of policies.map(compilePolicy)) {
  const { algorithm, name } = policy

  t.test(`${name}: a decision is pure`, async (t) => {
    const state = Object.freeze([...algorithm.decide(policy, undefined, now, 1).next])
    t.same(algorithm.decide(policy, state, now + 1, 1), algorithm.decide(policy, state, now + 1, 1))
    t.equal(algorithm.settle(policy, state, now), state, 'nothing to settle unless the clock was set back')
    t.not(algorithm.settle(policy, state, now - 100_000_000), state)
  })

  t.test(`${name}: a refusal ends at the microsecond that its reset names`, async (t) => {
    const state = algorithm.decide(policy, undefined, now, 4).next
    const rounds = collectRounds()
    for (const [at, cost] of [[now, 2], [now + 123_457, 3], [now + 1_000_001, 5]] as const) {
      const { admitted, reset } = algorithm.decide(policy, state, at, cost)
      rounds.add(admitted, false)
      rounds.add(algorithm.decide(policy, state, at + reset - 1, cost).admitted, false)
      rounds.add(algorithm.decide(policy, state, at + reset, cost).admitted, true)
    }
    t.strictSame(rounds.seen, rounds.expected)
  })

  t.test(`${name}: a unit that was taken comes back at the microsecond that reset names`, async (t) => {
    const { next, reset } = algorithm.decide(policy, undefined, now, 2)
    const available = (at: number) => algorithm.decide(policy, next, at, 0).available
    t.equal(available(now + reset - 1), 3)
    t.ok(available(now + reset) > 3)
  })

  t.test(`${name}: from its expiry on a state decides as no state does`, async (t) => {
    const { next } = algorithm.decide(policy, undefined, now, 3)
    const expiry = algorithm.expiry(policy, next)
    t.same(algorithm.decide(policy, next, expiry, 2), algorithm.decide(policy, undefined, expiry, 2))
    t.notSame(algorithm.decide(policy, next, expiry - 1, 2), algorithm.decide(policy, undefined, expiry - 1, 2))
  })

  t.test(`${name}: a state that is too short counts as nothing taken`, async (t) => {
    t.match(algorithm.decide(policy, [], now, 1), { admitted: true, available: 5 })
  })

  t.test(`${name}: a cost above the capacity is refused`, async (t) => {
    t.equal(algorithm.decide(policy, undefined, now, 6).admitted, false)
  })
}

t.test('a full bucket has no reset', async (t) => {
  const bucket = compilePolicy({ name: 'bucket', quota: 7, window: 3, burst: 5 })
  t.match(bucket.algorithm.decide(bucket, undefined, now, 0), { admitted: true, available: 5, reset: 0 })
})

t.test('the largest numbers of a policy stay exact', async (t) => {
  const wide = compilePolicy({ name: 'wide', quota: 999_999_999_999_999, window: 31_622_400 })
  const first = wide.algorithm.decide(wide, undefined, now, 999_999_999_999_998)
  t.match([first, wide.algorithm.decide(wide, first.next, now, 1), wide.algorithm.decide(wide, first.next, now, 2)],
    [{ admitted: true }, { admitted: true, available: 1 }, { admitted: false, available: 1 }])
  const deep = compilePolicy({ name: 'deep', quota: 1, window: 31_622_400, burst: 101 })
  const emptied = deep.algorithm.decide(deep, undefined, now, 101)
  t.match(deep.algorithm.decide(deep, emptied.next, now + 31_622_400_000_000, 1), { admitted: true, available: 1 })
  t.match(deep.algorithm.decide(deep, emptied.next, now + 31_622_400_000_000 - 1, 1), { admitted: false, available: 0, reset: 1 })
})

t.test('a bucket whose unit is no whole number of microseconds fills late, not early', async (t) => {
  const bucket = compilePolicy({ name: 'bucket', quota: 7, window: 3, burst: 7 })
  const emptied = bucket.algorithm.decide(bucket, undefined, now, 7)
  t.match(bucket.algorithm.decide(bucket, emptied.next, now + 2_999_999, 0), { available: 6 })
  t.match(bucket.algorithm.decide(bucket, emptied.next, now + 3_000_004, 0), { available: 7 })
})
