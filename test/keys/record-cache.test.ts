import { createProcessChanges, createRecordCache, type ApiKey, type LoadedKey, type RecordCacheOptions } from 'fastify-latchkey/keys'
import { fakeClock } from 'fastify-latchkey/testing'
import t from 'tap'
import { untyped } from '../helpers/limits.js'
import { gate, record, slowStore, type SlowStore } from '../helpers/slow-keys.js'

function cached (options: RecordCacheOptions = {}, store: SlowStore = slowStore()) {
  const clock = fakeClock()
  return { clock, store, cache: createRecordCache(store, { clock: clock.now, ...options }) }
}

const versionOf = (loaded: LoadedKey | undefined) => loaded?.principal.version
const revoked = (key: ApiKey): ApiKey => ({ ...key, revokedAt: new Date(), version: key.version + 1 })

t.test('a record is held from its first use on, as the very object, until maxAge after the store was asked', async (t) => {
  const { cache, store, clock } = cached({ maxAge: 30 })
  await cache.insert(record(), 'h1')
  t.equal(cache.recall('h1'), undefined)
  store.pause = async () => clock.advance(1)
  const loaded = await cache.findByHash('h1')
  t.match(loaded, { principal: { id: 'key_1', version: 1 } })
  t.equal(cache.recall('h1'), loaded)
  t.equal(cache.findByHash('h1'), loaded, 'at once')
  clock.advance(28.999)
  t.equal(cache.recall('h1'), loaded)
  clock.advance(0.001)
  t.equal(cache.recall('h1'), undefined, '30 s after the question, not after the answer')
  t.not(await cache.findByHash('h1'), undefined)
  t.same(store.asked, [false, false])
})

t.test('no record gets younger, or eternal, by a clock that steps back or tells nothing', async (t) => {
  const { cache, store, clock } = cached()
  await cache.insert(record(), 'h1')
  await cache.findByHash('h1')
  clock.advance(-1)
  t.equal(cache.recall('h1'), undefined)
  clock.advance(NaN)
  t.equal(cache.recall('h1'), undefined)
  t.equal(versionOf(await cache.findByHash('h1')), 1)
  t.equal(cache.recall('h1'), undefined)
  t.equal(store.asked.length, 2)
})

t.test('a thousand first uses of one key are one question to the store', async (t) => {
  const { cache, store } = cached()
  await cache.insert(record(), 'h1')
  const answers = await Promise.all(Array.from({ length: 1000 }, async () => await cache.findByHash('h1')))
  t.equal(new Set(answers).size, 1)
  t.equal(versionOf(answers[0]), 1)
  t.same(store.asked, [false])
})

t.test('a question that fails fails for all who share it, and for nobody after them', async (t) => {
  const { cache, store } = cached()
  await cache.insert(record(), 'h1')
  store.pause = async () => { throw new Error('down') }
  const answers = await Promise.allSettled([cache.findByHash('h1'), cache.findByHash('h1')])
  t.match(answers, [{ status: 'rejected', reason: { message: 'down' } }, { status: 'rejected' }])
  t.equal(store.asked.length, 1)
  store.pause = async () => {}
  t.equal(versionOf(await cache.findByHash('h1')), 1)
})

t.test('a question that is never answered ends at the deadline, and the next one is asked anew', async (t) => {
  const { cache, store } = cached({ deadline: 0.02 })
  await cache.insert(record(), 'h1')
  store.pause = () => new Promise(() => {})
  await t.rejects(async () => await cache.findByHash('h1'), { name: 'DeadlineExceeded', message: 'the key store did not answer within 0.02 s' })
  await t.rejects(async () => await cache.findByHash('h1', true), { name: 'DeadlineExceeded' })
  store.pause = async () => {}
  t.equal(versionOf(await cache.findByHash('h1')), 1)
})

t.test('nothing is held of a key that is not known, so one created a moment later is found', async (t) => {
  const { cache, store } = cached()
  t.equal(await cache.findByHash('h1'), undefined)
  await store.memory.insert(record(), 'h1')
  t.equal(versionOf(await cache.findByHash('h1')), 1)
})

t.test('who asks after a key was inserted does not share the answer of who asked before', async (t) => {
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
  t.equal(versionOf(cache.recall('h1')), 1, 'the earlier answer takes nothing away')
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

t.test('a fresh question is always asked, and its answer replaces what is held', async (t) => {
  const { cache, store } = cached()
  const key = record()
  await cache.insert(key, 'h1')
  await cache.findByHash('h1')
  await store.memory.update({ ...key, tier: 'pro', version: 2 })
  t.equal(versionOf(cache.recall('h1')), 1, 'changed elsewhere')
  t.equal(versionOf(await cache.findByHash('h1', true)), 2)
  t.equal(versionOf(cache.recall('h1')), 2)
  t.same(store.asked, [false, true])
})

t.test('fresh questions of one moment are one, and later ones another', async (t) => {
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

t.test('a key that a fresh answer does not know any more is forgotten', async (t) => {
  const known = slowStore()
  const { cache, store } = cached({}, known)
  await cache.insert(record(), 'h1')
  await cache.findByHash('h1')
  store.findByHash = async () => undefined
  t.equal(await cache.findByHash('h1', true), undefined)
  t.equal(cache.recall('h1'), undefined)
})

t.test('an answer that a change has overtaken lets nobody in: it is asked for again, of the truth', async (t) => {
  const { cache, store } = cached()
  const key = record()
  await cache.insert(key, 'h1')
  const late = gate()
  store.pause = () => late.opened
  const before = cache.findByHash('h1')
  store.pause = async () => {}
  t.equal(await cache.update(revoked(key)), true)
  const after = cache.findByHash('h1')
  t.equal(after, before, 'who comes after the revocation shares the look-up')
  late.open()
  t.match(await after, { goodUntil: -Infinity })
  t.same(store.asked, [false, true])
  t.match(cache.recall('h1'), { principal: { version: 2 } })
})

t.test('of answers that end in another order than they were asked in, the newest version stays', async (t) => {
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
  t.equal(versionOf(cache.recall('h1')), 2)
})

t.test('what is held is dropped before an update is answered, also where it was refused or has failed', async (t) => {
  const { cache, store } = cached()
  const key = record()
  await cache.insert(key, 'h1')
  await cache.findByHash('h1')
  t.equal(await cache.update({ ...key, version: 3 }), false)
  t.equal(cache.recall('h1'), undefined)
  t.equal(versionOf(await cache.findByHash('h1')), 1, 'a wrong update says nothing of versions')
  store.pause = async () => { throw new Error('down') }
  await t.rejects(async () => await cache.update(revoked(key)), { message: 'down' })
  t.equal(cache.recall('h1'), undefined, 'nobody knows whether it was written')
  await t.rejects(async () => await cache.insert(record({ id: 'key_2' }), 'h2'), { message: 'down' })
})

t.test('a store that answers older records than are known, or nonsense, lets nobody in', async (t) => {
  const { cache, store } = cached()
  const key = record()
  await cache.insert(key, 'h1')
  const old = await cache.findByHash('h1')
  await cache.update(revoked(key))
  store.findByHash = () => old
  await t.rejects(async () => await cache.findByHash('h1'), { message: 'the key store answers older records than it has' })
  for (const nonsense of [null, true, 'key', {}, { principal: old?.principal }, { ...old, principal: { ...old?.principal, version: '2' } }, { ...old, goodUntil: '9' }, { ...old, refusal: undefined }]) {
    store.findByHash = () => untyped<LoadedKey>(nonsense)
    await t.rejects(async () => await cache.findByHash('h1'), { name: 'TypeError' }, JSON.stringify(nonsense))
    await t.rejects(async () => await cache.findByHash('h1', true), { name: 'TypeError' })
    t.equal(cache.recall('h1'), undefined)
  }
})

t.test('the rest of the store is handed on, and closing closes it', async (t) => {
  let closed = 0
  const changes = createProcessChanges()
  const { cache, store, clock } = cached({ changes }, slowStore({ close () { closed++ } }))
  const key = record()
  await cache.insert(key, 'h1')
  t.match(await cache.get('w1', 'key_1'), { id: 'key_1' })
  t.match((await cache.list('w1', { limit: 1 })).keys, [{ id: 'key_1' }])
  await cache.recordUse([{ workspace: 'w1', id: 'key_1', lastUsedAt: new Date(clock.now()), scopesUsedAt: {} }])
  t.same((await store.memory.get('w1', 'key_1'))?.lastUsedAt, new Date(clock.now()))
  await cache.findByHash('h1')
  await cache.close?.()
  t.equal(closed, 1)
  await changes.publish({ id: 'key_1', version: 2 })
  t.equal(versionOf(cache.recall('h1')), 1, 'hears of nothing any more')
  const plain = createRecordCache(slowStore())
  plain.release()
  t.equal(await plain.close?.(), undefined)
})
