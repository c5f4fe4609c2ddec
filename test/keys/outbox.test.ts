import { createMemoryKeyStore, type KeyStore } from 'fastify-latchkey/keys'
import type { AccessEvent } from 'fastify-latchkey/events'
import t, { type Test } from 'tap'
import { day, scanning } from '../helpers/notices.js'
import { guarded } from '../helpers/limits.js'
import { until } from '../helpers/until.js'

/** An app whose durable listener fails, or hangs, until a test says otherwise. */
async function host (t: Test, store: KeyStore, listener: (event: AccessEvent) => unknown) {
  const made = await guarded(t, { keys: { prefix: 'acme', store, notices: { interval: 0.01 } } })
  made.app.latchkey.events.onDurable(listener)
  await made.app.ready()
  return { ...made, keys: made.app.latchkey.keys }
}

const types = (events: readonly AccessEvent[]): string[] => events.map(({ type }) => type)

t.test('what a durable listener could not store comes again, with the same ids', async (t) => {
  const store = createMemoryKeyStore()
  const failed: AccessEvent[] = []
  const taken: AccessEvent[] = []
  let down = true
  const { keys, clock } = await host(t, store, (event) => {
    if (!down) return taken.push(event)
    failed.push(event)
    throw new Error('the queue is down')
  })
  const { key } = await keys.issue({ workspace: 'w1', scopes: [], name: 'CI' })
  await keys.update('w1', key.id, { name: 'CD' })
  await keys.revoke('w1', key.id, { reason: 'left' })
  await until(() => new Set(failed.map(({ id }) => id)).size === 3)
  down = false
  const byId = () => new Map(taken.map((event) => [event.id, event]))
  await until(() => { clock.advance(60); return byId().size === 3 })
  t.same(new Set(byId().keys()), new Set(failed.map(({ id }) => id)))
  t.match([...byId().values()].sort((a, b) => a.type < b.type ? -1 : 1), [
    { type: 'key.issued', data: { key: { name: 'CI' } } },
    { type: 'key.revoked', data: { reason: 'left' } },
    { type: 'key.updated', data: { changed: ['name'] } }
  ])
  await until(async () => { clock.advance(60); return (await store.notices?.due(clock.now(), 0, 10))?.every(({ events }) => events.length === 0) === true })
})

t.test('without a scan in between, a failed event is tried again about a second later', async (t) => {
  const taken: AccessEvent[] = []
  let attempts = 0
  const { app } = await guarded(t, { keys: { prefix: 'acme', notices: { interval: 3600 } } })
  app.latchkey.events.onDurable((event) => {
    if (attempts++ === 0) throw new Error('the queue is down')
    taken.push(event)
  })
  await app.ready()
  await app.latchkey.keys.issue({ workspace: 'w1', scopes: [] })
  await until(() => taken.length > 0)
  t.same([types(taken), attempts], [['key.issued'], 2])
})

t.test('what a process had not emitted when it was killed, another one emits', async (t) => {
  const store = createMemoryKeyStore()
  const begun: AccessEvent[] = []
  const { keys } = await host(t, store, (event) => { begun.push(event); return new Promise(() => {}) })
  const { key } = await keys.issue({ workspace: 'w1', scopes: [] })
  await until(() => begun.length === 1)
  const taken: AccessEvent[] = []
  const next = await host(t, store, (event) => { taken.push(event) })
  next.clock.advance(120)
  await until(() => taken.length > 0)
  t.match(taken, [{ id: begun[0]?.id, type: 'key.issued', data: { key: { id: key.id } } }])
})

t.test('a key that is issued while the app closes is an event of the next process', async (t) => {
  const store = createMemoryKeyStore()
  const closed: AccessEvent[] = []
  const { app, keys } = await host(t, store, (event) => { closed.push(event); throw new Error('closed') })
  await app.close()
  await keys.issue({ workspace: 'w1', scopes: [] })
  await until(() => closed.length === 2, 'it is tried again a second later')
  const taken: AccessEvent[] = []
  await host(t, store, (event) => { taken.push(event) })
  await until(() => taken.length > 0)
  t.same(new Set(taken.map(({ id }) => id)), new Set(closed.map(({ id }) => id)))
})

t.test('without durable listeners nothing is stored with a change, and what others stored is left to them', async (t) => {
  const store = createMemoryKeyStore()
  const { scanner, scan, emitted } = scanning(store, undefined, {})
  const deaf = scanning(store, undefined, { events: { hasListeners: () => true, hasDurableListeners: () => false, emit: async () => true } })
  const { app } = await guarded(t, { keys: { prefix: 'acme', store } })
  app.latchkey.events.on('*', () => {})
  await app.ready()
  const { key } = await app.latchkey.keys.issue({ workspace: 'w1', scopes: [] })
  t.same(await scan(day(0)), [])
  const event: AccessEvent = { id: 'evt_1', type: 'key.updated', at: day(0), workspace: 'w1', data: { key: { id: key.id, environment: 'production' }, changed: [] } }
  await store.update({ ...key, version: 2 }, undefined, event)
  await deaf.scan(day(0))
  t.same(await scan(day(0)), [], 'the other one looks for it a minute later')
  t.same(await scan(new Date(day(0).getTime() + 60_000)), ['key.updated'])
  t.equal(emitted.length, 0)
  await deaf.scanner.emitStored(event, key)
  await scanner.close()
})

t.test('an event whose removal fails is not emitted again by the process that emitted it', async (t) => {
  const store = createMemoryKeyStore()
  const { notices } = store
  if (notices === undefined) throw new Error('no notices')
  let down = true
  const failing = { ...store, notices: { ...notices, emitted (...which: Parameters<typeof notices.emitted>) { if (down) throw new Error('secret-word'); return notices.emitted(...which) } } }
  const { logged, emitted, scan, scanner, time } = scanning(failing)
  const { key } = await (await guarded(t, { keys: { prefix: 'acme', store } })).app.latchkey.keys.issue({ workspace: 'w1', scopes: [] })
  const event: AccessEvent = { id: 'evt_1', type: 'key.updated', at: day(0), workspace: 'w1', data: { key: { id: key.id, environment: 'production' }, changed: [] } }
  await store.update({ ...key, version: 2 }, undefined, event)
  time.now = day(0).getTime()
  await Promise.all([scanner.emitStored(event, key), scanner.emitStored(event, key)])
  t.equal(emitted.splice(0).length, 1, 'calls at the same time share it')
  t.same(await scan(day(0)), [])
  down = false
  t.same(await scan(day(1)), [])
  t.same(await scan(day(2)), [])
  t.match(logged, [/Error$/, /emitted again$/])
})
