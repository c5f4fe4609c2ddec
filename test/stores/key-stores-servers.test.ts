import { Redis as Valkey } from 'iovalkey'
import pg from 'pg'
import t from 'tap'
import { createPostgresKeyStore } from 'fastify-latchkey/keys/postgres'
import { createRedisKeyStore } from 'fastify-latchkey/keys/redis'
import { keyStoreConformance } from 'fastify-latchkey/testing'
import { conforms } from '../helpers/conforms.js'
import { startPostgres } from '../helpers/postgres.js'
import { startPrimaries } from '../helpers/redis-fleets.js'
import { startRedis } from '../helpers/redis-server.js'

t.test('Postgres', async (t) => {
  const server = await startPostgres(t)
  await t.test('by a connection string', async (t) => {
    await conforms(t, createPostgresKeyStore({ connectionString: await server.createDatabase() }), keyStoreConformance())
  })
  await t.test('by a pool of the host', async (t) => {
    const pool = new pg.Pool({ connectionString: await server.createDatabase() })
    t.teardown(() => pool.end())
    await conforms(t, createPostgresKeyStore({ pool, schema: 'other_keys' }), keyStoreConformance())
  })
})

t.test('Redis', async (t) => {
  const server = await startRedis(t)
  await conforms(t, createRedisKeyStore({ redis: server.client() }), keyStoreConformance())
})

t.test('Redis by a client of iovalkey', async (t) => {
  const { url } = await startRedis(t)
  const redis = new Valkey(url)
  t.teardown(() => redis.disconnect())
  await conforms(t, createRedisKeyStore({ redis }), keyStoreConformance())
})

t.test('a Redis Cluster', async (t) => {
  await conforms(t, createRedisKeyStore({ redis: await startPrimaries(t), namespace: 'acme:keys' }), keyStoreConformance())
})
