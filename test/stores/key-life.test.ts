import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { createPgliteKeyStore } from 'fastify-latchkey/keys/postgres'
import { createRedisKeyStore } from 'fastify-latchkey/keys/redis'
import { liveKeys } from '../helpers/key-life.js'
import { startRedis } from '../helpers/redis-server.js'
import '../helpers/seed.js'

t.test('keys in Redis follow the model of their lifecycle', async (t) => {
  const store = createRedisKeyStore({ redis: (await startRedis(t)).client() })
  t.teardown(() => store.close?.())
  await liveKeys(() => store, { numRuns: 20 })
  t.pass()
})

t.test('and so do keys in an embedded Postgres', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'latchkey-life-'))
  t.teardown(() => rm(folder, { recursive: true, force: true }))
  const store = createPgliteKeyStore({ dataDir: join(folder, 'keys') })
  t.teardown(() => store.close?.())
  await liveKeys(() => store, { numRuns: 10 })
  t.pass()
})
