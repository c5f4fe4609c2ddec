import pg from 'pg'
import t from 'tap'
import { createPostgresKeyStore } from 'fastify-latchkey/keys/postgres'
import { changed, inserted } from '../../lib/testing/key-store-drafts.js'
import { startBouncer } from '../helpers/bouncer.js'
import { startPostgres } from '../helpers/postgres.js'
import { until } from '../helpers/until.js'

const server = await startPostgres(t)

for (const mode of ['session', 'transaction'] as const) {
  t.test(`keys are in a Postgres behind PgBouncer (pool_mode ${mode}), and an update that waits too long does not happen later`, async (t) => {
    const url = await server.createDatabase()
    const store = createPostgresKeyStore({ connectionString: await startBouncer(t, url, mode), statementTimeout: 0.5 })
    t.teardown(() => store.close())
    const { key, hash } = await inserted(store, 'w1')
    t.equal((await store.findByHash(hash))?.principal.id, key.id)

    const other = new pg.Client(url)
    await other.connect()
    t.teardown(() => other.end())
    await other.query('BEGIN')
    await other.query('SELECT 1 FROM latchkey.keys FOR UPDATE')
    await t.rejects(async () => await store.update(changed(key)), { name: 'StoreError', code: '57014' })
    await other.query('ROLLBACK')
    t.equal((await store.get('w1', key.id))?.version, 1)
  })
}

t.test('a pool of the host needs no time-outs of its own for that', async (t) => {
  const url = await server.createDatabase()
  const [pool, other] = [new pg.Pool({ connectionString: url }), new pg.Client(url)]
  await other.connect()
  t.teardown(() => Promise.all([pool.end(), other.end()]))
  const store = createPostgresKeyStore({ pool, statementTimeout: 0.5 })
  const { key } = await inserted(store, 'w1')
  await other.query('BEGIN')
  await other.query('SELECT 1 FROM latchkey.keys FOR UPDATE')
  await t.rejects(async () => await store.update(changed(key)), { name: 'StoreError', code: '57014' })
  await other.query('ROLLBACK')
  t.equal((await store.get('w1', key.id))?.version, 1)
})

t.test('reads that wait for a lock do not pile up in Postgres', async (t) => {
  const url = await server.createDatabase()
  const other = new pg.Client(url)
  await other.connect()
  t.teardown(() => other.end())
  const store = createPostgresKeyStore({ connectionString: url, statementTimeout: 0.3, max: 2 })
  t.teardown(() => store.close())
  const { key, hash } = await inserted(store, 'w1')
  await other.query('BEGIN')
  await other.query('LOCK TABLE latchkey.secrets')
  for (let i = 0; i < 6; i++) await Promise.allSettled([store.findByHash(hash), store.findByHash(hash)])
  const { rows: [{ count }] } = await other.query('SELECT count(*)::int FROM pg_stat_activity WHERE wait_event_type = \'Lock\'')
  t.ok(count <= 4, `${count} connections wait`)
  await other.query('ROLLBACK')
  await until(async () => await Promise.resolve(store.findByHash(hash)).then((found) => found?.principal.id === key.id, () => false))
})
