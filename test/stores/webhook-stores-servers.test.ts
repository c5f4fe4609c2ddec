import pg from 'pg'
import t from 'tap'
import { webhookStoreConformance } from 'fastify-latchkey/testing'
import { createPostgresWebhookStore } from 'fastify-latchkey/webhooks/postgres'
import { createRedisWebhookStore } from 'fastify-latchkey/webhooks/redis'
import { conforms } from '../helpers/conforms.js'
import { startPostgres } from '../helpers/postgres.js'
import { startPrimaries } from '../helpers/redis-fleets.js'
import { startRedis } from '../helpers/redis-server.js'

t.test('Postgres', async (t) => {
  const server = await startPostgres(t)
  await t.test('by a connection string', async (t) => conforms(t, createPostgresWebhookStore({ connectionString: await server.createDatabase() }), webhookStoreConformance()))
  await t.test('by a pool of the host', async (t) => {
    const pool = new pg.Pool({ connectionString: await server.createDatabase() })
    t.teardown(() => pool.end())
    await conforms(t, createPostgresWebhookStore({ pool, schema: 'other_webhooks' }), webhookStoreConformance())
  })
  await t.test('stores that start at once make the tables once; those of a later release are refused', async (t) => {
    const connectionString = await server.createDatabase()
    const stores = Array.from({ length: 6 }, () => createPostgresWebhookStore({ connectionString, max: 2 }))
    t.teardown(() => Promise.all(stores.map((store) => store.close())))
    await Promise.all(stores.map((store) => store.migrate()))
    const client = new pg.Client(connectionString)
    await client.connect()
    t.teardown(() => client.end())
    t.strictSame((await client.query('SELECT version FROM latchkey.webhook_migrations')).rows, [{ version: 1 }])
    const same = createPostgresWebhookStore({ connectionString })
    t.teardown(() => same.close())
    await same.migrate()
    t.strictSame((await client.query('SELECT version FROM latchkey.webhook_migrations')).rows, [{ version: 1 }])
    await client.query('INSERT INTO latchkey.webhook_migrations (version) VALUES (2)')
    const older = createPostgresWebhookStore({ connectionString })
    t.teardown(() => older.close())
    await t.rejects(older.migrate(), { name: 'SchemaTooNewError', message: 'the webhook tables in the schema latchkey are of version 2, and this release of fastify-latchkey knows 1: install a later one' })
  })
})

t.test('Redis', async (t) => {
  const server = await startRedis(t)
  await conforms(t, createRedisWebhookStore({ redis: server.client() }), webhookStoreConformance())
})

t.test('a Redis Cluster', async (t) => {
  await conforms(t, createRedisWebhookStore({ redis: await startPrimaries(t), namespace: 'acme', timeout: 10 }), webhookStoreConformance())
})
