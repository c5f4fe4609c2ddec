import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { PGlite } from '@electric-sql/pglite'
import pg from 'pg'
import t, { type Test } from 'tap'
import { webhookStoreConformance } from 'fastify-latchkey/testing'
import { createMemoryWebhookStore, type WebhookStore } from 'fastify-latchkey/webhooks'
import { createPgliteWebhookStore, createPostgresWebhookStore } from 'fastify-latchkey/webhooks/postgres'
import { createRedisWebhookStore } from 'fastify-latchkey/webhooks/redis'
import { startPostgres } from '../helpers/postgres.js'
import { startPrimaries } from '../helpers/redis-fleets.js'
import { startRedis } from '../helpers/redis-server.js'

async function conforms (t: Test, store: WebhookStore): Promise<void> {
  t.teardown(() => store.close?.())
  for (const { name, run } of webhookStoreConformance()) {
    await t.test(name, async (t) => {
      await run(store)
      t.pass(name)
    })
  }
}

t.test('memory', (t) => conforms(t, createMemoryWebhookStore()))

t.test('an embedded Postgres', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'latchkey-pglite-'))
  t.teardown(() => rm(folder, { recursive: true, force: true }))
  await t.test('in a folder', (t) => conforms(t, createPgliteWebhookStore({ dataDir: join(folder, 'webhooks') })))
  await t.test('of the host', async (t) => {
    const db = await PGlite.create()
    t.teardown(() => db.close())
    await conforms(t, createPgliteWebhookStore({ db, schema: 'other' }))
  })
})

t.test('Postgres', async (t) => {
  const server = await startPostgres(t)
  await t.test('by a connection string', async (t) => conforms(t, createPostgresWebhookStore({ connectionString: await server.createDatabase() })))
  await t.test('by a pool of the host', async (t) => {
    const pool = new pg.Pool({ connectionString: await server.createDatabase() })
    t.teardown(() => pool.end())
    await conforms(t, createPostgresWebhookStore({ pool, schema: 'other_webhooks' }))
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
  await t.test('options that do not fit are refused, and no password is shown', async (t) => {
    for (const options of [{}, { connectionString: 'postgres://u:pa55@h/d', pool: new pg.Pool() }]) {
      t.throws(() => createPostgresWebhookStore(options), { name: 'OptionError', message: /^(?!.*pa55).*state exactly one of the options pool, connectionString, connection/ })
    }
    t.throws(() => createPostgresWebhookStore({ connectionString: '' }), { name: 'OptionError', message: /option connectionString must be a URL as text/ })
    t.throws(() => createPgliteWebhookStore({}), { name: 'OptionError', message: /state exactly one of the options dataDir, db/ })
    t.throws(() => createPostgresWebhookStore({ connectionString: 'x', statementTimeout: 0 }), { name: 'OptionError', message: /statementTimeout must be seconds/ })
  })
})

t.test('Redis', async (t) => {
  const server = await startRedis(t)
  await conforms(t, createRedisWebhookStore({ redis: server.client() }))
})

t.test('a Redis Cluster', async (t) => {
  await conforms(t, createRedisWebhookStore({ redis: await startPrimaries(t), namespace: 'acme', timeout: 10 }))
})
