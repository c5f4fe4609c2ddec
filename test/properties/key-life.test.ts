import { createMemoryKeyStore } from 'fastify-latchkey/keys'
import t from 'tap'
import { liveKeys } from '../helpers/key-life.js'
import { keyStore } from '../helpers/key-store.js'
import '../helpers/seed.js'

t.test('a key lives on the memory store as on paper', async (t) => {
  await liveKeys(createMemoryKeyStore, { numRuns: 300 })
  t.pass()
})

t.test('and where every answer takes its time', async (t) => {
  const later = async <T>(value: T | Promise<T>): Promise<T> => {
    await new Promise(setImmediate)
    return await value
  }
  await liveKeys(() => {
    const store = keyStore()
    return keyStore({
      insert: (...given) => later(store.insert(...given)),
      findByHash: (...given) => later(store.findByHash(...given)),
      get: (...given) => later(store.get(...given)),
      list: (...given) => later(store.list(...given)),
      update: (...given) => later(store.update(...given))
    })
  }, { numRuns: 50 })
  t.pass()
})

t.test('a store that forgets a revocation is found out', async (t) => {
  await t.rejects(liveKeys(() => {
    const store = keyStore()
    return keyStore({
      ...store,
      update ({ revokedAt, ...key }, hash) { return store.update(key, hash) }
    })
  }), /Property failed/)
})

t.test('so is one that keeps the hash of a secret that was rotated away alive', async (t) => {
  await t.rejects(liveKeys(() => {
    const store = keyStore()
    return keyStore({
      ...store,
      update: (key, hash) => store.update({ ...key, secrets: key.secrets.map(({ retiresAt, ...secret }) => secret) }, hash)
    })
  }), /Property failed/)
})
