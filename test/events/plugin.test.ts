import Fastify from 'fastify'
import { createEvents, events, eventTypes, isEventType } from 'fastify-latchkey/events'
import t from 'tap'
import { issued } from '../helpers/events.js'
import { bootError, guarded, untyped } from '../helpers/limits.js'

t.test('latchkey hangs the emitter on the app, and leaves it out where the host says so', async (t) => {
  const { app } = await guarded(t)
  const heard: string[] = []
  app.events.on('*', ({ id }) => { heard.push(id) })
  await app.events.emit(issued('key_1'))
  t.same(heard, ['evt_issued_key_1'])
  const { app: silent } = await guarded(t, { events: false })
  t.equal(silent.hasDecorator('events'), false)
})

t.test('an app that closes waits for who keeps events', async (t) => {
  const { app } = await guarded(t)
  const kept: string[] = []
  app.events.keep(async ({ id }) => {
    await new Promise(setImmediate)
    kept.push(id)
  })
  await app.ready()
  app.events.emit(issued('key_1'))
  await app.close()
  t.same(kept, ['evt_issued_key_1'])
})

t.test('what a listener fails with goes to the log of the app, without its words', async (t) => {
  const { app } = await guarded(t)
  const logged: unknown[] = []
  app.log.error = (...entry: unknown[]) => { logged.push(entry) }
  app.events.on('*', () => { throw new TypeError('secret-word') })
  await app.events.emit(issued('key_1'))
  await new Promise(setImmediate)
  t.same(logged, [[{ reason: 'TypeError' }, 'a listener of key.issued failed']])
})

t.test('options are checked at boot', async (t) => {
  t.match(await bootError(t, { events: untyped(null) }), 'option events must be { deadline? }, or false, not null')
  t.match(await bootError(t, { events: { deadline: 0 } }), 'option events.deadline must be seconds above 0 and at most 30, not 0')
  t.match(await bootError(t, { events: untyped({ on: 1 }) }), 'unknown option events.on')
  t.match(await bootError(t, { events: untyped(true) }), 'option events must be an object, or false for no events, not true')
})

t.test('the plugin wants a guarded context', async (t) => {
  const app = Fastify()
  t.teardown(() => app.close())
  await t.rejects(async () => { await app.register(events, { events: createEvents({}, { log: () => {} }) }) }, { name: 'OptionError' })
})

t.test('the types of events are known by name', async (t) => {
  t.equal(eventTypes.length, 10)
  t.ok(eventTypes.every(isEventType))
  t.notOk(['key.made', 'toString', ''].some(isEventType))
})
