import { createOncePerWindow, eventId } from 'fastify-latchkey/events'
import { fakeClock } from 'fastify-latchkey/testing'
import t from 'tap'

t.test('a name is a first once in its window, and again when the clock steps back', async (t) => {
  const clock = fakeClock()
  const { isFirst } = createOncePerWindow(clock.now)
  t.same([isFirst('a', 10), isFirst('a', 10), isFirst('b', 10)], [true, false, true])
  clock.advance(9.999)
  t.equal(isFirst('a', 10), false)
  clock.advance(0.001)
  t.same([isFirst('a', 10), isFirst('a', 10)], [true, false])
  clock.advance(-5)
  t.same([isFirst('a', 10), isFirst('a', 10)], [true, false])
})

t.test('equal words make equal ids, and only they do', async (t) => {
  t.match(eventId('key.revoked', 'key_1', 2), /^evt_[0-9a-f]{32}$/)
  t.equal(eventId('key.revoked', 'key_1', 2), eventId('key.revoked', 'key_1', 2))
  const ids = [eventId('a', 'b'), eventId('ab'), eventId('a,b'), eventId('a', 'b', ''), eventId('a', 1), eventId('a', '1')]
  t.equal(new Set(ids).size, ids.length)
})
