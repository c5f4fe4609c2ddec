import Fastify from 'fastify'
import { createEvents, events, eventTypes, isEventType } from 'fastify-latchkey/events'
import { createMemoryKeyStore } from 'fastify-latchkey/keys'
import t from 'tap'
import { issued } from '../helpers/events.js'
import { bootError, guarded, untyped } from '../helpers/limits.js'

t.test('latchkey hangs the emitter on the app, and leaves it out where the host says so', async (t) => {
  const { app } = await guarded(t)
  const heard: string[] = []
  app.latchkey.events.on('*', ({ id }) => { heard.push(id) })
  await app.latchkey.events.emit(issued('key_1'))
  t.same(heard, ['evt_issued_key_1'])
  const { app: silent } = await guarded(t, { events: false })
  t.equal(silent.hasDecorator('events'), false)
})

t.test('an app that closes waits for who keeps events', async (t) => {
  const { app } = await guarded(t)
  const kept: string[] = []
  app.latchkey.events.onDurable(async ({ id }) => {
    await new Promise(setImmediate)
    kept.push(id)
  })
  await app.ready()
  app.latchkey.events.emit(issued('key_1'))
  await app.close()
  t.same(kept, ['evt_issued_key_1'])
})

t.test('what a listener fails with goes to the log of the app, without its words', async (t) => {
  const { app } = await guarded(t)
  const logged: unknown[] = []
  app.log.error = (...entry: unknown[]) => { logged.push(entry) }
  app.latchkey.events.on('*', () => { throw new TypeError('secret-word') })
  await app.latchkey.events.emit(issued('key_1'))
  await new Promise(setImmediate)
  t.same(logged, [[{ reason: 'TypeError' }, 'a listener of key.issued failed']])
})

t.test('options are checked at boot', async (t) => {
  t.match(await bootError(t, { events: untyped(null) }), 'option events must be { notices?, audit?, deadline? }, or false, not null')
  t.match(await bootError(t, { events: { deadline: 0 } }), 'option events.deadline must be seconds above 0 and at most 30, not 0')
  t.match(await bootError(t, { events: untyped({ on: 1 }) }), 'unknown option events.on')
  t.match(await bootError(t, { events: untyped(true) }), 'option events must be an object, or false for no events, not true')
})

t.test('a key store that fails is logged by the app once, and again when it is back', async (t) => {
  const logged: unknown[] = []
  let down = true
  const store = createMemoryKeyStore()
  const notices = { due: () => { if (down) throw new TypeError('secret-word'); return [] }, settle: () => true }
  const { app } = await guarded(t, { keys: { prefix: 'acme', store: { ...store, notices } }, events: { notices: { interval: 0.001 } } })
  const back = new Promise<void>((resolve) => {
    app.log.error = (...entry: unknown[]) => { logged.push(entry); down = false }
    app.log.info = (...entry: unknown[]) => { logged.push(entry); resolve() }
  })
  app.latchkey.events.on('key.expired', () => {})
  await app.ready()
  const held = setInterval(() => {}, 1000)
  await back
  clearInterval(held)
  t.same(logged, [[{ reason: 'TypeError' }, 'notices of keys could not be told; they are tried again'], [{}, 'notices of keys are told again']])
})

t.test('without keys there is nobody to be told of', async (t) => {
  const logged: unknown[] = []
  const room = createEvents({}, { clock: Date.now, deadline: 1, keyring: () => undefined, log: (...entry) => { logged.push(entry) }, inform: () => {} })
  room.emitter.on('*', () => {})
  room.observer.exposed({ principal: { kind: 'api-key', id: 'key_1', workspace: 'w1', environment: 'production', scopes: [] }, where: 'query', ip: undefined })
  await new Promise(setImmediate)
  t.same(logged, [['TypeError', 'key.exposed could not be told of key_1']])
  t.equal(room.scanner(), undefined)
})

t.test('the plugin wants a guarded context', async (t) => {
  const app = Fastify()
  t.teardown(() => app.close())
  await t.rejects(async () => { await app.register(events, createEvents({}, { clock: Date.now, deadline: 1, keyring: () => undefined, log: () => {}, inform: () => {} })) }, { name: 'OptionError' })
})

t.test('the types of events are known by name', async (t) => {
  t.equal(eventTypes.length, 10)
  t.ok(eventTypes.every(isEventType))
  t.notOk(['key.made', 'toString', ''].some(isEventType))
})
