import { fakeClock } from 'fastify-latchkey/testing'
import t from 'tap'
import { createBackoff } from '../../lib/core/backoff.js'

t.test('pauses grow while something fails, end with its success, and no clock that steps back makes one longer', async (t) => {
  const clock = fakeClock()
  const backoff = createBackoff(clock.now)
  const pauses: number[] = []
  t.equal(backoff.isOver(), true)
  for (let i = 0; i < 8; i++) {
    backoff.failed()
    let pause = 0
    while (!backoff.isOver()) {
      clock.advance(0.05)
      pause += 50
    }
    pauses.push(pause)
  }
  t.same(pauses, [100, 200, 400, 800, 1600, 3200, 5000, 5000])
  backoff.failed()
  t.equal(backoff.isOver(), false)
  clock.advance(-1)
  t.equal(backoff.isOver(), true)
  backoff.worked()
  t.equal(backoff.isOver(), true)
})
