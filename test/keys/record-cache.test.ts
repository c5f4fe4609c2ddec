import { createProcessChanges, createRecordCache, type ApiKey, type LoadedKey, type RecordCacheOptions } from 'fastify-latchkey/keys'
import { fakeClock } from 'fastify-latchkey/testing'
import t from 'tap'
import { collectRounds, rejection } from '../helpers/collect.js'
import { untyped } from '../helpers/limits.js'
import { gate, record, slowStore, type SlowStore } from '../helpers/slow-keys.js'

function cached (options: RecordCacheOptions = {}, store: SlowStore = slowStore()) {
  const clock = fakeClock()
  return { clock, store, cache: createRecordCache(store, { clock: clock.now, ...options }) }
}

const versionOf = (loaded: LoadedKey | undefined) => loaded?.principal.version
const revoked = (key: ApiKey): ApiKey => ({ ...key, revokedAt: new Date(), version: key.version + 1 })

t.test('a record is cached from its first use on, as one object, until maxAge after the store was asked', async (t) => {
  const { cache, store, clock } = cached({ maxAge: 30 })
  await cache.insert(record(), 'h1')
  t.equal(cache.cached('h1'), undefined)
  store.pause = async () => clock.advance(1)
  const loaded = await cache.findByHash('h1')
  t.match(loaded, { principal: { id: 'key_1', version: 1 } })
  t.equal(cache.cached('h1'), loaded)
  t.equal(cache.findByHash('h1'), loaded, 'at once')
  clock.advance(28.999)
  t.equal(cache.cached('h1'), loaded)
  clock.advance(0.001)
  t.equal(cache.cached('h1'), undefined, '30 s after the store was asked, not after its answer')
  t.not(await cache.findByHash('h1'), undefined)
  t.same(store.asked, [false, false])
})

t.test('a clock that steps back, or tells no time, makes no record younger', async (t) => {
  const { cache, store, clock } = cached()
  await cache.insert(record(), 'h1')
  await cache.findByHash('h1')
  clock.advance(-1)
  t.equal(cache.cached('h1'), undefined)
  clock.advance(NaN)
  t.equal(cache.cached('h1'), undefined)
  t.equal(versionOf(await cache.findByHash('h1')), 1)
  t.equal(cache.cached('h1'), undefined)
  t.equal(store.asked.length, 2)
})

t.test('a thousand first uses of one key are one look-up in the store', async (t) => {
  const { cache, store } = cached()
  await cache.insert(record(), 'h1')
  const answers = await Promise.all(Array.from({ length: 1000 }, async () => await cache.findByHash('h1')))
  t.equal(new Set(answers).size, 1)
  t.equal(versionOf(answers[0]), 1)
  t.same(store.asked, [false])
})

t.test('a look-up that fails fails for all who share it, and for nobody after them', async (t) => {
  const { cache, store } = cached()
  await cache.insert(record(), 'h1')
  store.pause = async () => { throw new Error('down') }
  const answers = await Promise.allSettled([cache.findByHash('h1'), cache.findByHash('h1')])
  t.match(answers, [{ status: 'rejected', reason: { message: 'down' } }, { status: 'rejected' }])
  t.equal(store.asked.length, 1)
  store.pause = async () => {}
  t.equal(versionOf(await cache.findByHash('h1')), 1)
})

t.test('a look-up that is never answered ends at the deadline, and the next one asks again', async (t) => {
  const { cache, store } = cached({ deadline: 0.02 })
  await cache.insert(record(), 'h1')
  store.pause = () => new Promise(() => {})
  await t.rejects(async () => await cache.findByHash('h1'), { name: 'DeadlineExceeded', message: 'the key store did not answer within 0.02 s' })
  await t.rejects(async () => await cache.findByHash('h1', true), { name: 'DeadlineExceeded' })
  store.pause = async () => {}
  t.equal(versionOf(await cache.findByHash('h1')), 1)
})

t.test('an unknown key is not cached, so that one created a moment later is found', async (t) => {
  const { cache, store } = cached()
  t.equal(await cache.findByHash('h1'), undefined)
  await store.memory.insert(record(), 'h1')
  t.equal(versionOf(await cache.findByHash('h1')), 1)
})

t.test('a look-up after a key was inserted does not share one from before', async (t) => {
  const { cache, store } = cached()
  const late = gate()
  store.pause = () => late.opened
  const before = cache.findByHash('h1')
  store.pause = async () => {}
  await cache.insert(record(), 'h1')
  const after = cache.findByHash('h1')
  late.open()
  t.equal(await before, undefined)
  t.equal(versionOf(await after), 1)
  t.equal(versionOf(cache.cached('h1')), 1, 'the earlier answer takes nothing away')
})

t.test('the same holds for the secret that a rotation adds', async (t) => {
  const { cache, store } = cached()
  const key = record()
  await cache.insert(key, 'h1')
  const late = gate()
  store.pause = () => late.opened
  const before = cache.findByHash('h2')
  store.pause = async () => {}
  t.equal(await cache.update({ ...key, secrets: [{ generation: 2, hint: 'efgh', createdAt: new Date() }], version: 2 }, 'h2'), true)
  const after = cache.findByHash('h2')
  late.open()
  t.equal(await before, undefined)
  t.match(await after, { generation: 2 })
  t.equal(await cache.findByHash('h1'), undefined, 'a secret that the record lists no more')
})

t.test('a fresh look-up always asks the store, and its answer replaces the cached record', async (t) => {
  const { cache, store } = cached()
  const key = record()
  await cache.insert(key, 'h1')
  await cache.findByHash('h1')
  await store.memory.update({ ...key, tier: 'pro', version: 2 })
  t.equal(versionOf(cache.cached('h1')), 1, 'changed elsewhere')
  t.equal(versionOf(await cache.findByHash('h1', true)), 2)
  t.equal(versionOf(cache.cached('h1')), 2)
  t.same(store.asked, [false, true])
})

t.test('fresh look-ups of one moment are one, and later ones another', async (t) => {
  const { cache, store } = cached()
  await cache.insert(record(), 'h1')
  const first = Promise.all([cache.findByHash('h1', true), cache.findByHash('h1', true)])
  await Promise.resolve()
  t.same(store.asked, [true])
  const second = cache.findByHash('h1', true)
  const joined = cache.findByHash('h1')
  const [a, b] = await first
  t.equal(a, b)
  t.equal(await joined, await second)
  t.same(store.asked, [true, true])
})

t.test('a key that a fresh look-up no longer finds leaves the cache', async (t) => {
  const known = slowStore()
  const { cache, store } = cached({}, known)
  await cache.insert(record(), 'h1')
  await cache.findByHash('h1')
  store.findByHash = async () => undefined
  t.equal(await cache.findByHash('h1', true), undefined)
  t.equal(cache.cached('h1'), undefined)
})

t.test('an answer that a change has outdated lets nobody in: the store is asked again, for a fresh one', async (t) => {
  const { cache, store } = cached()
  const key = record()
  await cache.insert(key, 'h1')
  const late = gate()
  store.pause = () => late.opened
  const before = cache.findByHash('h1')
  store.pause = async () => {}
  t.equal(await cache.update(revoked(key)), true)
  const after = cache.findByHash('h1')
  t.equal(after, before, 'a request after the revocation shares the look-up')
  late.open()
  t.match(await after, { goodUntil: -Infinity })
  t.same(store.asked, [false, true])
  t.match(cache.cached('h1'), { principal: { version: 2 } })
})

t.test('of answers that arrive in another order than they were asked for, the newest version stays', async (t) => {
  const { cache, store } = cached()
  const key = record()
  await cache.insert(key, 'h1')
  const late = gate()
  store.pause = () => late.opened
  const stale = cache.findByHash('h1')
  await store.memory.update({ ...key, version: 2 })
  store.pause = async () => {}
  t.equal(versionOf(await cache.findByHash('h1', true)), 2)
  late.open()
  t.equal(versionOf(await stale), 2)
  t.equal(versionOf(cache.cached('h1')), 2)
})

t.test('a cached record is dropped before an update is answered, also where it was refused or has failed', async (t) => {
  const { cache, store } = cached()
  const key = record()
  await cache.insert(key, 'h1')
  await cache.findByHash('h1')
  t.equal(await cache.update({ ...key, version: 3 }), false)
  t.equal(cache.cached('h1'), undefined)
  t.equal(versionOf(await cache.findByHash('h1')), 1, 'a wrong update says nothing of versions')
  store.pause = async () => { throw new Error('down') }
  await t.rejects(async () => await cache.update(revoked(key)), { message: 'down' })
  t.equal(cache.cached('h1'), undefined, 'nobody knows whether it was written')
  await t.rejects(async () => await cache.insert(record({ id: 'key_2' }), 'h2'), { message: 'down' })
})

t.test('a store that answers outdated records, or nonsense, lets nobody in', async (t) => {
  const { cache, store } = cached({ deadline: 0.05 })
  const key = record()
  await cache.insert(key, 'h1')
  const old = await cache.findByHash('h1')
  await cache.update(revoked(key))
  store.findByHash = () => old
  const older = { message: 'the key store answers older records than it has' }
  await t.rejects(async () => await cache.findByHash('h1'), older)
  let reconnected = 0
  Object.assign(store, { reconnect () { reconnected++ } })
  await t.rejects(async () => await cache.findByHash('h1'), older)
  t.equal(reconnected, 1, 'a former primary may have answered')
  Object.assign(store, { reconnect: async () => await new Promise(() => {}) })
  await t.rejects(async () => await cache.findByHash('h1'), { name: 'DeadlineExceeded' }, 'it can\'t be reached anew, and nobody waits for it')
  const rounds = collectRounds()
  const patterns = collectRounds()
  for (const nonsense of [null, true, 'key', {}, { principal: old?.principal }, { ...old, principal: { ...old?.principal, version: '2' } }, { ...old, goodUntil: '9' }, { ...old, refusal: undefined }]) {
    store.findByHash = () => untyped<LoadedKey>(nonsense)
    patterns.add(await rejection(async () => await cache.findByHash('h1')), { name: 'TypeError' }, JSON.stringify(nonsense))
    patterns.add(await rejection(async () => await cache.findByHash('h1', true)), { name: 'TypeError' })
    rounds.add(cache.cached('h1'), undefined)
  }
  t.strictSame(rounds.seen, rounds.expected)
  t.match(patterns.seen, patterns.expected)
})

t.test('all other calls go to the store, and closing closes it', async (t) => {
  let closed = 0
  let reconnected = 0
  const changes = createProcessChanges()
  const { cache, store, clock } = cached({ changes }, slowStore({ close () { closed++ }, reconnect () { reconnected++ } }))
  const key = record()
  await cache.insert(key, 'h1')
  t.match(await cache.get('w1', 'key_1'), { id: 'key_1' })
  t.match((await cache.list('w1', { limit: 1 })).keys, [{ id: 'key_1' }])
  await cache.recordUse([{ workspace: 'w1', id: 'key_1', lastUsedAt: new Date(clock.now()), scopesUsedAt: {} }])
  t.same((await store.memory.get('w1', 'key_1'))?.lastUsedAt, new Date(clock.now()))
  await cache.findByHash('h1')
  await cache.reconnect?.()
  await cache.close?.()
  t.same([reconnected, closed], [1, 1])
  await changes.publish({ id: 'key_1', version: 2 })
  t.equal(versionOf(cache.cached('h1')), 1, 'it is informed of nothing any more')
  const plain = createRecordCache(slowStore())
  plain.release()
  t.equal(await plain.close?.(), undefined)
})
