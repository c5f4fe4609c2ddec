import { createKeys, createSecretFormat, createMemoryKeyStore, createRecordCache, hashSecret, loadKey } from 'fastify-latchkey/keys'
import { fakeClock } from 'fastify-latchkey/testing'
import t from 'tap'
import { createKeyResolver } from '../../lib/keys/verification/resolver.js'
import { untyped } from '../helpers/limits.js'
import { record, slowStore } from '../helpers/slow-keys.js'

const text = createSecretFormat('acme', ['live'])
const KEY = text.generate('live')

t.test('a fresh principal is the one of the store as it is now, whatever is held', async (t) => {
  const store = slowStore()
  const cache = createRecordCache(store, { clock: fakeClock().now })
  const resolver = createKeyResolver(text, cache)
  const key = record()
  await store.memory.insert(key, hashSecret(KEY))
  t.match(await resolver.resolve(KEY, 0), { version: 1 })
  await store.memory.update({ ...key, tier: 'pro', version: 2 })
  t.match(resolver.resolve(KEY, 0), { version: 1 }, 'held, and given at once')
  t.match(await resolver.resolve(KEY, 0, true), { version: 2, tier: 'pro' })
  t.match(resolver.resolve(KEY, 0), { version: 2 })
  const memory = createMemoryKeyStore()
  await memory.insert(key, hashSecret(KEY))
  t.match(createKeyResolver(text, memory).resolve(KEY, 0, true), { version: 1 }, 'at once, of a store of values')
})

t.test('every request of a held key gets the same principal, and none of it waits', async (t) => {
  const { keys, resolver } = createKeys({ prefix: 'acme', permissionsOf: async () => untyped(['a']) }, { clock: () => 0, scopes: ['a', 'b'], deadline: 1 })
  const { secret } = await keys.issue({ workspace: 'w1', owner: 'u1', scopes: ['a', 'b'] })
  const first = await resolver.resolve(secret, 0)
  t.match(first, { scopes: ['a'] })
  t.equal(resolver.resolve(secret, 9_999), first)
  t.type(resolver.resolve(secret, 10_000), Promise)
})

t.test('a secret that the record has forgotten opens nothing, and says why', async (t) => {
  const { goodUntil, refusal } = loadKey(record(), 7)
  t.equal(goodUntil, -Infinity)
  t.equal(refusal, 'The API key was rotated; this is an earlier secret of it.')
})

t.test('a key that expires while the store is asked is judged by the time of the answer', async (t) => {
  const store = slowStore()
  const clock = fakeClock(0)
  await store.memory.insert(record({ expiresAt: new Date(1000) }), hashSecret(KEY))
  const resolver = createKeyResolver(text, store)
  t.match(await resolver.resolve(KEY, clock.now(), false, undefined, clock.now), { id: 'key_1' })
  const pending = resolver.resolve(KEY, clock.now(), false, undefined, clock.now)
  clock.advance(1)
  await t.rejects(Promise.resolve(pending), { name: 'InvalidCredential', detail: 'The API key has expired.' })
})
