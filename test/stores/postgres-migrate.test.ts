import { fileURLToPath } from 'node:url'
import pg from 'pg'
import t, { type Test } from 'tap'
import { createPostgresKeyStore, type SqlKeyStore } from 'fastify-latchkey/keys/postgres'
import { draft, inserted } from '../../lib/testing/key-store-drafts.js'
import { run } from '../helpers/child.js'
import { startPostgres } from '../helpers/postgres.js'

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

async function versions (client: pg.Client): Promise<unknown> {
  return (await client.query('SELECT version FROM latchkey.migrations ORDER BY version')).rows
}

t.test('processes that start at once on an empty database make its tables once', async (t) => {
  const url = await server.createDatabase()
  const { store, client } = await open(t, url)
  const finished = await Promise.all([1, 2, 3].map(() => run([process.execPath, child], undefined, { KEYS_URL: url })))
  for (const { code, stdout, stderr } of finished) t.strictSame([code, stdout.trim(), stderr], [0, 'inserted', ''])
  t.strictSame(await versions(client), [{ version: 1 }, { version: 2 }, { version: 3 }])
  t.equal((await store.list('w1', { limit: 10 })).keys.length, 3)
})

t.test('so do many stores of one process, and a second call changes nothing', async (t) => {
  const url = await server.createDatabase()
  const { client } = await open(t, url)
  const stores = Array.from({ length: 8 }, () => createPostgresKeyStore({ connectionString: url, max: 2 }))
  t.teardown(() => Promise.all(stores.map((store) => store.close())))
  await Promise.all(stores.flatMap((store) => [store.migrate(), store.migrate()]))
  await Promise.all(stores.map((store) => inserted(store, 'w1')))
  t.strictSame(await versions(client), [{ version: 1 }, { version: 2 }, { version: 3 }])
})

t.test('tables of a later release are refused, with the fix', async (t) => {
  const { store, client } = await open(t, await server.createDatabase())
  await store.migrate()
  await client.query('INSERT INTO latchkey.migrations (version) VALUES (4)')
  const { store: older } = await open(t, `postgres://postgres@/${client.database}?host=${encodeURIComponent(client.host)}`)
  const refusal = { name: 'SchemaTooNewError', message: 'the key tables in the schema latchkey are of version 4, and this release of fastify-latchkey knows 3: install a later one' }
  await t.rejects(older.migrate(), refusal)
  await t.rejects(Promise.resolve(older.findByHash('x')), refusal)
  await client.query('DELETE FROM latchkey.migrations WHERE version = 4')
  t.equal(await older.findByHash('x'), undefined, 'a failed migration is tried again')
})

t.test('a migration that fails leaves nothing behind, and is tried again with the next use', async (t) => {
  const { store, client } = await open(t, await server.createDatabase())
  await client.query('CREATE SCHEMA latchkey; CREATE TABLE latchkey.secrets ()')
  await t.rejects(store.migrate(), { name: 'StoreError', code: '42P07', message: 'Postgres failed: error 42P07: relation "secrets" already exists' })
  t.strictSame((await client.query('SELECT table_name FROM information_schema.tables WHERE table_schema = \'latchkey\'')).rows, [{ table_name: 'secrets' }])
  await client.query('DROP TABLE latchkey.secrets')
  await store.insert(draft('w1'), 'hash')
  t.strictSame(await versions(client), [{ version: 1 }, { version: 2 }, { version: 3 }])
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
