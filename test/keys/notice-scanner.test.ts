import { setImmediate } from 'node:timers/promises'
import { createMemoryKeyStore, type KeyStore } from 'fastify-latchkey/keys'
import t from 'tap'
import { changed, newHash } from '../../lib/testing/key-store-drafts.js'
import { guarded } from '../helpers/limits.js'
import { add, day, scanning } from '../helpers/notices.js'
import { until } from '../helpers/until.js'

const FAILED = 'notices of keys could not be emitted; they are tried again'
const WORKS = 'notices of keys are emitted again'

t.test('each notice is emitted once, by whichever process scans', async (t) => {
  const store = createMemoryKeyStore()
  const [one, other] = [scanning(store), scanning(store)]
  await add(store, { expiresAt: day(60) })
  const emitted: string[] = []
  for (const days of [0, 29, 30, 31, 53, 53, 58, 59, 60, 61, 90, 91]) emitted.push(...await one.scan(day(days)), ...await other.scan(day(days)))
  t.same(emitted, ['key.expiring 30', 'key.expiring 7', 'key.expiring 1', 'key.expired'])
})

t.test('a key that was renewed, revoked or rotated before its notice is due has none', async (t) => {
  const { store, scan } = scanning()
  const renewed = await add(store, { expiresAt: day(60) })
  const revoked = await add(store, { expiresAt: day(60) })
  const rotated = await add(store)
  t.same(await scan(day(20)), [])
  await store.update(changed(renewed, { expiresAt: day(200) }))
  await store.update(changed(revoked, { revokedAt: day(20) }))
  await store.update(changed(rotated, { secrets: [...rotated.secrets, { generation: 2, hint: 'xyz0', createdAt: day(80) }] }), newHash())
  const early: string[] = []
  for (const days of [21, 30, 53, 59, 60, 89]) early.push(...await scan(day(days)))
  t.same(early, [])
  t.same(await scan(day(90)), ['key.rotation_due'], 'of the renewed one')
  t.same((await scan(day(170))).sort(), ['key.expiring 30', 'key.rotation_due'])
})

t.test('after a pause, the last threshold that has passed is emitted', async (t) => {
  const { store, scan } = scanning()
  await add(store, { expiresAt: day(60) })
  t.same(await scan(day(54)), ['key.expiring 7'])
  t.same(await scan(day(75)), ['key.expired'])
})

t.test('more keys than one batch are all notified, once, also by two scans at once', async (t) => {
  const { store, emitted, time, scanner } = scanning()
  for (let i = 0; i < 250; i++) await add(store, { expiresAt: day(10) })
  time.now = day(10).getTime()
  await Promise.all([scanner.scan(), scanner.scan()])
  t.equal(new Set(emitted.map(({ id }) => id)).size, 250)
  t.equal(emitted.length, 250)
})

t.test('a notice that no durable listener has stored is emitted again once its lease is over, with the same id', async (t) => {
  let stored = false
  const ids: string[] = []
  const { store, scan, logged } = scanning(createMemoryKeyStore(), async ({ id }) => { ids.push(id); return stored })
  await add(store, { expiresAt: day(10) })
  await scan(day(10))
  await scan(new Date(day(10).getTime() + 30_000))
  t.equal(ids.length, 1, 'it is leased')
  stored = true
  await scan(new Date(day(10).getTime() + 60_000))
  await scan(day(11))
  t.equal(ids.length, 2)
  t.equal(new Set(ids).size, 1)
  t.same(logged, [`${FAILED}: NotStored`, WORKS])
})

t.test('a notice that could not be settled is not emitted again by the same process', async (t) => {
  const store = createMemoryKeyStore()
  const { notices } = store
  if (notices === undefined) throw new Error('no notices')
  let down = true
  const failing: KeyStore = { ...store, notices: { ...notices, settle (...end) { if (down) throw new Error('secret-word'); return notices.settle(...end) } } }
  const { scan, logged } = scanning(failing)
  await add(store, { expiresAt: day(10) })
  t.same(await scan(day(10)), ['key.expired'])
  down = false
  t.same(await scan(day(10.01)), [])
  t.same(await scan(day(11)), [])
  t.same(logged, [`${FAILED}: Error`, WORKS])
})

t.test('a process that was stopped for longer than its lease leaves the key to others', async (t) => {
  const store = createMemoryKeyStore()
  await add(store, { expiresAt: day(10) })
  let reads = 0
  const stopped = scanning(store, undefined, { clock: () => day(10).getTime() + (reads++ === 0 ? 0 : 60_000) })
  await stopped.scanner.scan()
  t.same(stopped.emitted, [])
  t.same(stopped.logged, [`${FAILED}: LeaseExpired`])
  t.same(await scanning(store).scan(day(11)), ['key.expired'])
})

t.test('a store that fails or hangs is logged once and asked again; without a working clock nothing is asked', async (t) => {
  const store = createMemoryKeyStore()
  let answer = (): readonly never[] | Promise<readonly never[]> => { throw new Error('secret-word') }
  const notices = { due: () => answer(), settle: () => true, emitted () {} }
  const { scan, logged, scanner, time } = scanning({ ...store, notices }, undefined, { deadline: 0.01 })
  await scan(day(1))
  answer = () => new Promise(() => {})
  await scan(day(2))
  answer = () => []
  await scan(day(3))
  await scan(day(4))
  time.now = NaN
  await scanner.scan()
  t.same(logged, [`${FAILED}: Error`, WORKS, `${FAILED}: TypeError`])
})

t.test('while nobody listens nothing is leased, and so nothing counts as emitted', async (t) => {
  const store = createMemoryKeyStore()
  await add(store, { expiresAt: day(10) })
  const silent = scanning(store, undefined, { events: { hasListeners: () => false, hasDurableListeners: () => false, async emit () { throw new Error('was emitted') } } })
  await silent.scan(day(10))
  t.same(silent.logged, [])
  t.same(await scanning(store).scan(day(10)), ['key.expired'])
})

t.test('it scans as soon as it is started, and again after each interval until it is closed', async (t) => {
  const { store, scanner, emitted, time } = scanning(createMemoryKeyStore(), undefined, { interval: 0.001 })
  t.teardown(() => scanner.close())
  const key = await add(store, { expiresAt: day(10) })
  time.now = day(10).getTime()
  scanner.start()
  await until(() => emitted.length === 1)
  t.match(emitted, [{ data: { key: { id: key.id } } }])
  await add(store, { expiresAt: day(9) })
  await until(() => emitted.length === 2)
  await scanner.close()
  await add(store, { expiresAt: day(9) })
  await scanner.scan()
  t.equal(emitted.length, 2)
})

t.test('closing waits for what is being emitted, and begins nothing more', async (t) => {
  let release = (): void => {}
  const emit = () => new Promise<boolean>((resolve) => { release = () => resolve(true) })
  const { store, scanner, emitted, time } = scanning(createMemoryKeyStore(), emit)
  await add(store, { expiresAt: day(10) })
  time.now = day(10).getTime()
  scanner.start()
  await until(() => emitted.length === 1)
  let closed = false
  const closing = scanner.close().then(() => { closed = true })
  await setImmediate()
  t.equal(closed, false)
  release()
  await closing
  t.same(await scanning(store).scan(day(11)), [])
})

t.test('a key store that fails is logged by the app once, and again when it works', async (t) => {
  const logged: unknown[] = []
  let down = true
  const notices = { due: () => { if (down) throw new TypeError('secret-word'); return [] }, settle: () => true, emitted () {} }
  const { app } = await guarded(t, { keys: { prefix: 'acme', store: { ...createMemoryKeyStore(), notices }, notices: { interval: 0.001 } } })
  app.log.error = (...entry: unknown[]) => { logged.push(entry); down = false }
  app.log.info = (...entry: unknown[]) => { logged.push(entry) }
  app.latchkey.events.on('key.expired', () => {})
  await app.ready()
  await until(() => logged.length === 2)
  t.same(logged, [[{ reason: 'TypeError' }, FAILED], [{}, WORKS]])
})

t.test('an app without events, or whose store has no notices, scans nothing', async (t) => {
  const { notices, ...store } = createMemoryKeyStore()
  const asked: string[] = []
  const watched = { due: () => { asked.push('due'); return [] }, settle: () => true, emitted () {} }
  for (const options of [{ events: false, keys: { prefix: 'acme', store: { ...store, notices: watched } } }, { keys: { prefix: 'acme', store } }] as const) {
    const { app } = await guarded(t, options)
    if ('events' in app.latchkey) app.latchkey.events.on('*', () => {})
    await app.ready()
    await app.close()
  }
  t.same(asked, [])
})
