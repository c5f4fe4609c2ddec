import pg from 'pg'
import t from 'tap'
import { usageStoreConformance } from 'fastify-latchkey/testing'
import { createPostgresUsageStore } from 'fastify-latchkey/usage/postgres'
import { createRedisUsageStore } from 'fastify-latchkey/usage/redis'
import { batch, count, DAY, found, START } from '../../lib/testing/usage-store-drafts.js'
import { conforms } from '../helpers/conforms.js'
import { startPostgres } from '../helpers/postgres.js'
import { startPrimaries } from '../helpers/redis-fleets.js'
import { startRedis } from '../helpers/redis-server.js'

t.test('Postgres', async (t) => {
  const server = await startPostgres(t)
  await t.test('by a connection string', async (t) => conforms(t, createPostgresUsageStore({ connectionString: await server.createDatabase() }), usageStoreConformance()))
  await t.test('by a pool of the host, the tables made once by stores that start together', async (t) => {
    const pool = new pg.Pool({ connectionString: await server.createDatabase() })
    t.teardown(() => pool.end())
    const stores = [1, 2, 3].map(() => createPostgresUsageStore({ pool, schema: 'other' }))
    await Promise.all(stores.map((store) => store.migrate()))
    await Promise.all(stores.map((store) => store.ready()))
    t.strictSame((await pool.query('SELECT version FROM other.usage_migrations')).rows, [{ version: 1 }])
    await conforms(t, createPostgresUsageStore({ pool, schema: 'other' }), usageStoreConformance())
  })
  await t.test('many counts are forgotten in several statements', async (t) => {
    const store = createPostgresUsageStore({ connectionString: await server.createDatabase() })
    t.teardown(() => store.close())
    const keys = Array.from({ length: 5001 }, (_, i) => `key_${i}`)
    await store.add(batch(keys.map((keyId) => count('w1', 1, { keyId }))))
    await store.prune(START + DAY)
    t.strictSame(await found(store, 'w1', { keyIds: keys }), {})
  })
})

t.test('Redis', async (t) => {
  const server = await startRedis(t)
  const redis = server.client()
  await conforms(t, createRedisUsageStore({ redis }), usageStoreConformance())
  await t.test('a batch of 10,000 keys is added, and once where it is repeated', async (t) => {
    const store = createRedisUsageStore({ redis, namespace: 'many' })
    const keys = Array.from({ length: 10_000 }, (_, i) => `key_${i}`)
    const many = batch(keys.map((keyId) => count('w1', 1, { keyId })))
    await store.add(many)
    await store.add(many)
    t.strictSame(await found(store, 'w1', { keyIds: ['key_0', 'key_9999'] }), { 'key_0 1 ADMITTED': 1, 'key_9999 1 ADMITTED': 1 })
  })
  await t.test('a long report reads 100 hashes at a time, one script after the other', async (t) => {
    const watched = server.client()
    const sent: number[] = []
    let waiting = 0
    let most = 0
    async function call (command: string, ...args: string[]) {
      sent.push(args.filter((part) => part.startsWith('many:')).length)
      most = Math.max(most, ++waiting)
      return await watched.call(command, ...args).finally(() => { waiting-- })
    }
    const counting = new Proxy(watched, { get: (target, name) => name === 'call' ? call : Reflect.get(target, name) })
    const store = createRedisUsageStore({ redis: counting, namespace: 'many' })
    const keyIds = Array.from({ length: 50 }, (_, i) => `key_${i}`)
    const sums = await store.read({ workspace: 'w1', environment: 'production', keyIds, from: START - 8 * DAY, to: START + DAY, by: 'day' })
    t.equal(sums.length, 50)
    t.strictSame([most, Math.max(...sent)], [1, 100])
  })
  await t.test('every key of it expires', async (t) => {
    const names = await redis.keys('*')
    const expiries = await Promise.all(names.map((name) => redis.pttl(name)))
    t.ok(names.length > 0)
    t.strictSame(names.filter((_, i) => Number(expiries[i]) <= 0), [])
  })
})

t.test('a Redis Cluster', async (t) => {
  await conforms(t, createRedisUsageStore({ redis: await startPrimaries(t), namespace: 'acme', timeout: 10 }), usageStoreConformance())
})
