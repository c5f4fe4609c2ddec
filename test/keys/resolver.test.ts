import { createKeys, createMemoryKeyStore, createRecordCache, createSecretFormat, hashSecret, loadKey } from 'fastify-latchkey/keys'
import { fakeClock } from 'fastify-latchkey/testing'
import t from 'tap'
import { createSecrets } from '../../lib/keys/import/secrets.js'
import { createKeyResolver } from '../../lib/keys/verification/resolver.js'
import { untyped } from '../helpers/limits.js'
import { lookup } from '../helpers/lookup.js'
import { record, slowStore } from '../helpers/slow-keys.js'

const format = createSecretFormat('acme', ['live'])
const SECRET = format.generate('live')
const early = lookup({ clock: () => 0 })
const fresh = lookup({ fresh: true, clock: () => 0 })

t.test('a fresh principal is read from the store, whatever is cached', async (t) => {
  const store = slowStore()
  const resolver = createKeyResolver({ secrets: createSecrets(format, []), store: createRecordCache(store, { clock: fakeClock().now }) })
  const key = record()
  await store.memory.insert(key, hashSecret(SECRET))
  t.match(await resolver.resolve(SECRET, 0, early), { version: 1, scheme: 'apiKey' })
  await store.memory.update({ ...key, tier: 'pro', version: 2 })
  t.match(resolver.resolve(SECRET, 0, early), { version: 1 }, 'cached, and answered at once')
  t.match(await resolver.resolve(SECRET, 0, fresh), { version: 2, tier: 'pro' })
  t.match(resolver.resolve(SECRET, 0, early), { version: 2 })
  const memory = createMemoryKeyStore()
  await memory.insert(key, hashSecret(SECRET))
  t.match(createKeyResolver({ secrets: createSecrets(format, []), store: memory }).resolve(SECRET, 0, fresh), { version: 1 }, 'at once, from a store that answers at once')
})

t.test('every request of a cached key gets the same principal, and none of them waits', async (t) => {
  const { keys, resolver } = createKeys({ prefix: 'acme', permissionsOf: async () => untyped(['a']) }, { clock: () => 0, scopes: ['a', 'b'], deadline: 1 })
  const { secret } = await keys.issue({ workspace: 'w1', owner: 'u1', scopes: ['a', 'b'] })
  const first = await resolver.resolve(secret, 0, early)
  t.match(first, { scopes: ['a'] })
  t.equal(resolver.resolve(secret, 9_999, lookup({ clock: () => 9_999 })), first)
  t.type(resolver.resolve(secret, 10_000, lookup({ clock: () => 10_000 })), Promise)
})

t.test('a text of another form is not looked at, and one that can\'t be a secret is refused without a look-up', async (t) => {
  const resolver = createKeyResolver({ secrets: createSecrets(format, []), store: { findByHash () { throw new Error('was asked') } } })
  t.equal(resolver.resolve('other_live_x', 0, early), undefined)
  t.throws(() => resolver.resolve('acme_live_x', 0, early), { name: 'InvalidCredential', message: 'not the form of a secret' })
})

t.test('a secret that the record has forgotten opens nothing, and says why', async (t) => {
  const { goodUntil, refusal } = loadKey(record(), 7)
  t.equal(goodUntil, -Infinity)
  t.equal(refusal, 'The API key was rotated; this is an earlier secret of it.')
})

t.test('a key that expires while the store is asked is judged by the time of the answer', async (t) => {
  const store = slowStore()
  const clock = fakeClock(0)
  await store.memory.insert(record({ expiresAt: new Date(1000) }), hashSecret(SECRET))
  const resolver = createKeyResolver({ secrets: createSecrets(format, []), store })
  const now = lookup({ clock: clock.now })
  t.match(await resolver.resolve(SECRET, clock.now(), now), { id: 'key_1' })
  const pending = resolver.resolve(SECRET, clock.now(), now)
  clock.advance(1)
  await t.rejects(Promise.resolve(pending), { name: 'InvalidCredential', detail: 'The API key has expired.' })
})
