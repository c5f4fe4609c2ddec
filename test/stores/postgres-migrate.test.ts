import { fileURLToPath } from 'node:url'
import Fastify from 'fastify'
import pg from 'pg'
import t, { type Test } from 'tap'
import { latchkey } from 'fastify-latchkey'
import type { KeyStore } from 'fastify-latchkey/keys'
import { createPgliteKeyStore, createPostgresKeyStore, type SqlKeyStore } from 'fastify-latchkey/keys/postgres'
import { keyStoreConformance } from 'fastify-latchkey/testing'
import { tables } from '../../lib/keys/postgres/schema.js'
import { withTables } from '../../lib/postgres/migrate.js'
import { ownPool } from '../../lib/postgres/pg.js'
import { hostPglite } from '../../lib/postgres/pglite.js'
import { draft, inserted } from '../../lib/testing/key-store-drafts.js'
import { run } from '../helpers/child.js'
import { collectRounds, rejection } from '../helpers/collect.js'
import { keyStore } from '../helpers/key-store.js'
import { scopes, untyped } from '../helpers/limits.js'
import { openDatabase } from '../helpers/pglite.js'
import { startPostgres } from '../helpers/postgres.js'
import { until } from '../helpers/until.js'

const child = fileURLToPath(new URL('../helpers/migrate.js', import.meta.url))
const server = await startPostgres(t)

async function open (t: Test, url: string): Promise<{ store: SqlKeyStore, client: pg.Client }> {
  const store = createPostgresKeyStore({ connectionString: url })
  t.teardown(() => store.close())
  const client = new pg.Client(url)
  client.on('error', () => {})
  await client.connect()
  t.teardown(() => client.end())
  return { store, client }
}

/** A server with these keys. */
async function start (t: Test, store: KeyStore): Promise<void> {
  const app = Fastify()
  t.teardown(() => app.close().catch(() => {}))
  await app.register(latchkey, { scopes, environment: 'production', keys: { prefix: 'acme', store, cache: false }, limits: false, deadline: 0.5 })
  await app.ready()
}

const urlOf = ({ database, host }: pg.Client): string => `postgres://postgres@/${database}?host=${encodeURIComponent(host)}`

/** Tables as a release made them that knew so many versions. */
async function olderTables (t: Test, connectionString: string, known: number): Promise<void> {
  const database = ownPool({ connectionString, max: 2 }, 1)
  await withTables(database, 'latchkey', { ...tables, migrations: tables.migrations.slice(0, known) }, false).migrate()
  await database.close()
}

/** Transactions that the database has ended so far. */
async function statements (client: pg.Client): Promise<number> {
  await client.query('SELECT pg_stat_clear_snapshot()')
  return Number((await client.query('SELECT xact_commit + xact_rollback AS count FROM pg_stat_database WHERE datname = current_database()')).rows[0].count)
}

const current = [{ version: 1 }, { version: 2 }, { version: 3 }, { version: 4 }]

async function versions (client: pg.Client): Promise<unknown[]> {
  return (await client.query('SELECT version FROM latchkey.migrations ORDER BY version')).rows
}

t.test('processes that start at once on an empty database make its tables once', async (t) => {
  const url = await server.createDatabase()
  const { store, client } = await open(t, url)
  const finished = await Promise.all([1, 2, 3].map(() => run([process.execPath, child], undefined, { KEYS_URL: url })))
  const rounds = collectRounds()
  for (const { code, stdout, stderr } of finished) rounds.add([code, stdout.trim(), stderr], [0, 'inserted', ''])
  t.strictSame(rounds.seen, rounds.expected)
  t.strictSame(await versions(client), current)
  t.equal((await store.list('w1', { limit: 10 })).keys.length, 3)
})

t.test('so do many stores of one process, and a second call changes nothing', async (t) => {
  const url = await server.createDatabase()
  const { client } = await open(t, url)
  const stores = Array.from({ length: 8 }, () => createPostgresKeyStore({ connectionString: url, max: 2 }))
  t.teardown(() => Promise.all(stores.map((store) => store.close())))
  await Promise.all(stores.flatMap((store) => [store.migrate(), store.migrate()]))
  await Promise.all(stores.map((store) => inserted(store, 'w1')))
  t.strictSame(await versions(client), current)
})

t.test('tables that only a later release can use are refused with the fix, and not looked at for each request', async (t) => {
  const { store, client } = await open(t, await server.createDatabase())
  await store.migrate()
  await client.query('INSERT INTO latchkey.migrations (version, readable_from) VALUES (5, 5)')
  const { store: older } = await open(t, urlOf(client))
  const refusal = { name: 'SchemaTooNewError', message: 'the key tables in the schema latchkey are of version 5, and this release of fastify-latchkey knows 4: install a later one' }
  await t.rejects(older.migrate(), refusal)
  await t.rejects(start(t, older), refusal, 'the server does not start')
  const before = await statements(client)
  const patterns = collectRounds()
  for (let i = 0; i < 500; i++) patterns.add(await rejection(Promise.resolve(older.findByHash('x'))), refusal)
  t.match(patterns.seen, patterns.expected)
  const asked = await statements(client) - before
  t.ok(asked < 100, `${asked} transactions for 500 requests`)
  await client.query('DELETE FROM latchkey.migrations WHERE version = 5')
  await until(async () => await Promise.resolve(older.findByHash('x')).then(() => true, () => false))
})

t.test('a release goes on working with the tables of a later one that only added to them', async (t) => {
  const { store, client } = await open(t, await server.createDatabase())
  await store.migrate()
  await client.query('INSERT INTO latchkey.migrations (version, readable_from) VALUES (5, 4); ALTER TABLE latchkey.keys ADD COLUMN later text, ADD COLUMN counted bigint NOT NULL DEFAULT 0')
  const { store: older } = await open(t, urlOf(client))
  await start(t, older)
  await older.migrate()
  const rounds = collectRounds()
  for (const { name, run } of keyStoreConformance()) rounds.add(await rejection(run(older)), undefined, name)
  t.strictSame(rounds.seen, rounds.expected)
})

t.test('tables of an earlier release are changed by migrate alone, step by step, while they are in use', async (t) => {
  const { store, client } = await open(t, await server.createDatabase())
  await olderTables(t, urlOf(client), 1)
  await client.query('ALTER TABLE latchkey.migrations DROP COLUMN readable_from')
  const refusal = { name: 'SchemaOutdatedError', message: 'the key tables in the schema latchkey are of version 1, and this release of fastify-latchkey needs 4: call await store.migrate() before it starts, or state the option migrate: \'at-boot\'' }
  await t.rejects(start(t, store), refusal)
  await t.rejects(Promise.resolve(store.findByHash('x')), refusal)

  const reader = new pg.Client(urlOf(client))
  await reader.connect()
  t.teardown(() => reader.end())
  await reader.query('BEGIN; SELECT FROM latchkey.keys')
  await t.rejects(store.migrate(), { name: 'StoreError', code: '55P03', message: 'Postgres failed: error 55P03: canceling statement due to lock timeout; another transaction uses the tables for long: end it, or migrate again later' })
  t.same((await client.query('SELECT max(version) AS version FROM latchkey.migrations')).rows, [{ version: 1 }])
  await reader.query('COMMIT')
  await client.query('CREATE INDEX keys_of_owner_in_environment ON latchkey.keys (id)')

  const stores = Array.from({ length: 3 }, () => createPostgresKeyStore({ connectionString: urlOf(client), migrate: 'at-boot', max: 2 }))
  t.teardown(() => Promise.all(stores.map((one) => one.close())))
  await Promise.all(stores.map((one) => one.migrate()))
  t.same((await client.query('SELECT version, readable_from FROM latchkey.migrations ORDER BY version')).rows, [
    { version: 1, readable_from: null }, { version: 2, readable_from: 1 }, { version: 3, readable_from: 1 }, { version: 4, readable_from: 1 }
  ])
  const { rows: [index] } = await client.query('SELECT indexdef FROM pg_indexes WHERE indexname = \'keys_of_owner_in_environment\'')
  t.match(index?.indexdef, /\(workspace, owner, environment, created_at, id\)/, 'an index that was left unfinished is built anew')
  for (const one of stores) await start(t, one)
  await until(async () => await Promise.resolve(store.findByHash('x')).then(() => true, () => false))
})

t.test('or when the server starts, where the store says so', async (t) => {
  const { client } = await open(t, await server.createDatabase())
  await olderTables(t, urlOf(client), 2)
  const store = createPostgresKeyStore({ connectionString: urlOf(client), migrate: 'at-boot' })
  t.teardown(() => store.close())
  await start(t, store)
  await until(async () => (await versions(client)).length === 4)
  const db = await openDatabase(t)
  await withTables(hostPglite(db), 'latchkey', { ...tables, migrations: tables.migrations.slice(0, 2) }, true).migrate()
  const embedded = createPgliteKeyStore({ db })
  await start(t, embedded)
  t.equal((await inserted(embedded, 'w1')).key.version, 1)
  t.same((await db.query('SELECT version FROM latchkey.migrations ORDER BY version')).rows, [1, 2, 3, 4].map((version) => ({ version })))
  t.throws(() => createPostgresKeyStore({ connectionString: 'x', migrate: untyped('always') }), { name: 'OptionError', message: /option migrate must be 'at-boot', or left out/ })
})

t.test('an outage, or a store that is slow, does not keep a server from starting', async (t) => {
  const down = createPostgresKeyStore({ connectionString: 'postgres://postgres@127.0.0.1:1/none' })
  t.teardown(() => down.close())
  await start(t, down)
  await start(t, keyStore({ ready: () => new Promise(() => {}) }))
  await t.rejects(start(t, keyStore({ ready: async () => { throw new Error('never') } })), { message: 'never' })
})

t.test('a table of versions without a version is none', async (t) => {
  const { store, client } = await open(t, await server.createDatabase())
  await client.query('CREATE SCHEMA latchkey; CREATE TABLE latchkey.migrations (version integer PRIMARY KEY, readable_from integer)')
  await inserted(store, 'w1')
  t.strictSame(await versions(client), current)
})

t.test('a migration that fails leaves nothing behind, and is tried again with the next use', async (t) => {
  const { store, client } = await open(t, await server.createDatabase())
  await client.query('CREATE SCHEMA latchkey; CREATE TABLE latchkey.secrets ()')
  await t.rejects(store.migrate(), { name: 'StoreError', code: '42P07', message: 'Postgres failed: error 42P07: relation "secrets" already exists' })
  t.strictSame((await client.query('SELECT table_name FROM information_schema.tables WHERE table_schema = \'latchkey\'')).rows, [{ table_name: 'secrets' }])
  await client.query('DROP TABLE latchkey.secrets')
  await store.insert(draft('w1'), 'hash')
  t.strictSame(await versions(client), current)
})

t.test('an account that may not create tables uses those that exist', async (t) => {
  const { store, client } = await open(t, await server.createDatabase())
  await store.migrate()
  await client.query('CREATE ROLE served LOGIN; GRANT USAGE ON SCHEMA latchkey TO served; GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA latchkey TO served')
  const { store: served } = await open(t, `postgres://served@/${client.database}?host=${encodeURIComponent(client.host)}`)
  const { key, hash } = await inserted(served, 'w1')
  t.equal((await served.findByHash(hash))?.principal.id, key.id)
})

t.test('a replica is refused, with the fix', async (t) => {
  const url = await server.createDatabase()
  const { store } = await open(t, url)
  await store.migrate()
  await store.close()
  await server.stop()
  await server.demote()
  await server.start()
  const replica = createPostgresKeyStore({ connectionString: url })
  t.teardown(() => replica.close())
  await t.rejects(replica.migrate(), { name: 'ReplicaError', message: 'this Postgres is a replica, which may not know of a revocation yet: connect the store to the primary' })
})
