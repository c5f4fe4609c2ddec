import t from 'tap'
import { createPgliteKeyStore } from 'fastify-latchkey/keys/postgres'
import { createRedisKeyStore } from 'fastify-latchkey/keys/redis'
import { liveKeys } from '../helpers/key-life.js'
import { databaseFolder } from '../helpers/pglite.js'
import { startRedis } from '../helpers/redis-server.js'
import '../helpers/seed.js'

t.test('keys in Redis follow the model of their lifecycle', async (t) => {
  const store = createRedisKeyStore({ redis: (await startRedis(t)).client() })
  t.teardown(() => store.close?.())
  await liveKeys(() => store, { numRuns: 20 })
  t.pass()
})

t.test('and so do keys in an embedded Postgres', async (t) => {
  const store = createPgliteKeyStore({ dataDir: await databaseFolder(t) })
  t.teardown(() => store.close?.())
  await liveKeys(() => store, { numRuns: 10 })
  t.pass()
})
