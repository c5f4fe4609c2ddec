import { AccessError, type Principal } from 'fastify-latchkey'
import type { AccessEvent } from 'fastify-latchkey/events'
import { fakeClock } from 'fastify-latchkey/testing'
import t from 'tap'
import { eventOfChange } from '../../lib/events/changes.js'
import { createEmitter } from '../../lib/events/emitter.js'
import { createOncePerWindow } from '../../lib/events/once-per-window.js'
import { createRequestEvents } from '../../lib/events/request-events.js'
import { day, keyOf } from '../helpers/notices.js'

const principal: Principal = { kind: 'api-key', id: 'key_1', workspace: 'w1', environment: 'production', scopes: [] }

function observing (listens: boolean) {
  const logged: string[] = []
  const asked: string[] = []
  const log = (reason: string, message: string): void => { logged.push(`${message}: ${reason}`) }
  const emitter = createEmitter({ deadline: 1, log })
  const heard: AccessEvent[] = []
  if (listens) emitter.on('*', (event) => { heard.push(event) })
  const observer = createRequestEvents({ emitter, clock: fakeClock().now, claim: undefined, deadline: 1, log, async findKey (_workspace, id) { asked.push(id); throw new AccessError('KEY_NOT_FOUND') } })
  return { observer, logged, asked, heard, settled: () => new Promise(setImmediate) }
}

t.test('a key that is gone is told of to nobody', async (t) => {
  const { observer, logged, heard, settled } = observing(true)
  observer.exposed({ principal, where: 'query', ip: undefined })
  observer.retiring({ ...principal, secretRetiresAt: day(1) })
  observer.retiring(principal)
  observer.exposed({ principal: { ...principal, kind: 'access-token' }, where: 'query', ip: undefined })
  await settled()
  t.same(heard, [])
  t.match(logged, [/^key\.exposed could not be told of key_1: /, /^key\.retiring_secret_used could not be told of key_1: /])
})

t.test('while nobody listens nobody is asked', async (t) => {
  const { observer, asked, settled } = observing(false)
  observer.exposed({ principal, where: 'query', ip: undefined })
  observer.retiring({ ...principal, secretRetiresAt: day(1) })
  observer.limited({ principal, policies: [] })
  await settled()
  t.same(asked, [])
})

t.test('a name is a first once in its period, and again when the clock steps back', async (t) => {
  const clock = fakeClock()
  const { isFirst, again } = createOncePerWindow(clock.now)
  t.same([isFirst('a', 10), isFirst('a', 10), isFirst('b', 10)], [true, false, true])
  clock.advance(9.999)
  t.equal(isFirst('a', 10), false)
  clock.advance(0.001)
  t.same([isFirst('a', 10), isFirst('a', 10)], [true, false])
  clock.advance(-5)
  t.same([isFirst('a', 10), isFirst('a', 10)], [true, false])
  again('a', 1)
  t.equal(isFirst('a', 10), false)
  clock.advance(1)
  t.same([isFirst('a', 10), isFirst('a', 10)], [true, false], 'sooner, where somebody says so')
  again('a', 0)
  t.equal(isFirst('a', 10), true)
})

t.test('an expiry has one id, whether it is noticed or brought about; other facts have one of their own', async (t) => {
  const key = keyOf({ expiresAt: day(1), secrets: [] })
  const told = eventOfChange({ type: 'key.expired', at: day(1), key }, false)
  t.equal(told.id, eventOfChange({ type: 'key.expired', at: day(2), key }, false).id)
  t.not(told.id, eventOfChange({ type: 'key.expired', at: day(2), key }, true).id)
  t.match(eventOfChange({ type: 'key.rotated', at: day(1), key }, false), { data: { key: { hint: '' } } })
  t.match(eventOfChange({ type: 'key.issued', at: day(1), key }, false), { data: { expiresAt: day(1).toISOString() } })
  t.match(eventOfChange({ type: 'key.expired', at: day(3), key: keyOf() }, false), { at: day(3) })
  const reports = [1, 2].map((days) => eventOfChange({ type: 'key.exposed', at: day(days), key }, true).id)
  t.equal(new Set(reports).size, 2)
})
