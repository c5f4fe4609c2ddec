import { fakeClock } from 'fastify-latchkey/testing'
import t from 'tap'

t.test('a clock stands still until it is told', async (t) => {
  const clock = fakeClock()
  t.equal(clock.now(), Date.UTC(2026, 0, 1))
  t.equal(clock.now(), clock.now())
  clock.advance(60)
  t.equal(clock.now(), Date.UTC(2026, 0, 1, 0, 1))
})

t.test('a clock starts where it is told, in milliseconds, and moves by seconds', async (t) => {
  const clock = fakeClock(5_000)
  clock.advance(1.5)
  t.equal(clock.now(), 6_500)
  clock.advance(-6.5)
  t.equal(clock.now(), 0)
})

t.test('a clock tells whole milliseconds, however the steps were added up', async (t) => {
  const clock = fakeClock(0)
  for (let i = 0; i < 1_000; i++) clock.advance(0.1)
  t.equal(clock.now(), 100_000)
  clock.advance(0.0004)
  t.equal(clock.now(), 100_000)
})

t.test('two clocks know nothing of each other, and now may be handed on by itself', async (t) => {
  const [one, other] = [fakeClock(), fakeClock()]
  const { now } = one
  one.advance(1)
  t.equal(now() - other.now(), 1_000)
})
