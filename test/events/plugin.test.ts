import { eventTypes, isEventType } from 'fastify-latchkey/events'
import t from 'tap'
import { issued } from '../helpers/events.js'
import { bootError, guarded, untyped } from '../helpers/limits.js'

t.test('latchkey offers an emitter, and leaves it out where the host says so', async (t) => {
  const { app } = await guarded(t)
  const received: string[] = []
  app.latchkey.events.on('*', ({ id }) => { received.push(id) })
  await app.latchkey.events.emit(issued('key_1'))
  t.same(received, ['evt_issued_key_1'])
  const { app: silent } = await guarded(t, { events: false })
  t.throws(() => silent.latchkey.events, { message: /app\.latchkey\.events is not there: option events is false; leave it out/ })
})

t.test('an app that closes waits for durable listeners', async (t) => {
  const { app } = await guarded(t)
  const stored: string[] = []
  app.latchkey.events.onDurable(async ({ id }) => {
    await new Promise(setImmediate)
    stored.push(id)
  })
  await app.ready()
  app.latchkey.events.emit(issued('key_1'))
  await app.close()
  t.same(stored, ['evt_issued_key_1'])
})

t.test('what a listener fails with goes to the log of the app, without its message', async (t) => {
  const { app } = await guarded(t)
  const logged: unknown[] = []
  app.log.error = (...entry: unknown[]) => { logged.push(entry) }
  app.latchkey.events.on('*', () => { throw new TypeError('secret-word') })
  await app.latchkey.events.emit(issued('key_1'))
  await new Promise(setImmediate)
  t.same(logged, [[{ reason: 'TypeError' }, 'a listener of key.issued failed']])
})

t.test('options are checked at boot', async (t) => {
  t.match(await bootError(t, { events: untyped(null) }), 'option events must be { audit?, deadline? }, or false, not null')
  t.match(await bootError(t, { events: { deadline: 0 } }), 'option events.deadline must be seconds above 0 and at most 30, not 0')
  t.match(await bootError(t, { events: untyped({ on: 1 }) }), 'unknown option events.on')
  t.match(await bootError(t, { events: untyped({ audit: 'log' }) }), 'option events.audit must be true, false or a function of the entry')
  t.match(await bootError(t, { events: untyped(true) }), 'option events must be an object, or false for no events, not true')
})

t.test('types of events are known by name', async (t) => {
  t.equal(eventTypes.length, 12)
  t.ok(eventTypes.every(isEventType))
  t.notOk(['key.made', 'toString', ''].some(isEventType))
})
