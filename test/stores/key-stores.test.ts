import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import pg from 'pg'
import t, { type Test } from 'tap'
import { createMemoryKeyStore, type KeyStore } from 'fastify-latchkey/keys'
import { createPgliteKeyStore, createPostgresKeyStore } from 'fastify-latchkey/keys/postgres'
import { createRedisKeyStore } from 'fastify-latchkey/keys/redis'
import { keyStoreConformance } from 'fastify-latchkey/testing'
import { startPostgres } from '../helpers/postgres.js'
import { startPrimaries } from '../helpers/redis-fleets.js'
import { startRedis } from '../helpers/redis-server.js'

async function conforms (t: Test, store: KeyStore): Promise<void> {
  t.teardown(() => store.close?.())
  t.ok(store.notices, 'it has notices')
  for (const { name, run } of keyStoreConformance()) {
    await t.test(name, async (t) => {
      await run(store)
      t.pass(name)
    })
  }
}

t.test('memory', (t) => conforms(t, createMemoryKeyStore()))

t.test('an embedded Postgres in a folder', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'latchkey-pglite-'))
  t.teardown(() => rm(folder, { recursive: true, force: true }))
  await conforms(t, createPgliteKeyStore({ dataDir: join(folder, 'keys') }))
})

t.test('Postgres', async (t) => {
  const server = await startPostgres(t)
  await t.test('by a connection string', async (t) => conforms(t, createPostgresKeyStore({ connectionString: await server.createDatabase() })))
  await t.test('by a pool of the host', async (t) => {
    const pool = new pg.Pool({ connectionString: await server.createDatabase() })
    t.teardown(() => pool.end())
    await conforms(t, createPostgresKeyStore({ pool, schema: 'other_keys' }))
  })
})

t.test('Redis', async (t) => {
  const server = await startRedis(t)
  await conforms(t, createRedisKeyStore({ redis: server.client() }))
})

t.test('a Redis Cluster', async (t) => {
  await conforms(t, createRedisKeyStore({ redis: await startPrimaries(t), namespace: 'acme:keys' }))
})
