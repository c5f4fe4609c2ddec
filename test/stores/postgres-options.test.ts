import { existsSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { createPgliteKeyStore, createPostgresKeyStore } from 'fastify-latchkey/keys/postgres'
import { inserted } from '../../lib/testing/key-store-drafts.js'
import { collectRounds } from '../helpers/collect.js'
import { untyped } from '../helpers/limits.js'
import { databaseFolder, openDatabase } from '../helpers/pglite.js'

const PASSWORD = 'pa55word'
const URL = `postgres://app:${PASSWORD}@127.0.0.1:1/keys`

t.test('options that do not fit are refused at boot, by name and with the fix', async (t) => {
  const refused: Array<[unknown, string]> = [
    [{}, 'state exactly one of the options pool, connectionString, connection; none is stated'],
    [{ connectionString: URL, connection: {} }, 'state exactly one of the options pool, connectionString, connection; connectionString and connection are stated'],
    [{ connectionString: '' }, 'option connectionString must be a URL as text: \'postgres://user:password@host/database\''],
    [{ connectionString: [URL] }, 'option connectionString must be a URL as text: \'postgres://user:password@host/database\''],
    [{ connection: URL }, 'option connection must be an object: { host, port, database, user, password, ssl }; a URL is the option connectionString'],
    [{ connection: null }, 'option connection must be an object: { host, port, database, user, password, ssl }; a URL is the option connectionString'],
    [{ pool: {} }, 'option pool must be a pool of pg, not an object with nothing in it'],
    [{ connectionString: URL, statementTimeout: 0 }, 'option statementTimeout must be seconds: a number above 0, at most 3600, not 0'],
    [{ connectionString: URL, statementTimeout: 3601 }, 'option statementTimeout must be seconds: a number above 0, at most 3600, not 3601'],
    [{ connectionString: URL, statementTimeout: NaN }, 'option statementTimeout must be seconds: a number above 0, at most 3600, not NaN'],
    [{ connectionString: URL, statementTimeout: '1' }, 'option statementTimeout must be seconds: a number above 0, at most 3600, not "1"'],
    [{ connectionString: URL, max: 0.5 }, 'option max must be a whole number of connections, at least 1, not 0.5'],
    [{ connectionString: URL, size: 1 }, 'unknown option size; known here: schema, migrate, pool, connectionString, connection, max, statementTimeout'],
    ...['', 'Keys', 'a-b', '"', 'pg_keys', '1st', 'a;b', 'x'.repeat(64)].map((schema): [unknown, string] => [{ connectionString: URL, schema }, 'option schema must be the name of a schema: lower-case letters, digits and underscores, at most 63, not beginning with pg_'])
  ]
  const rounds = collectRounds()
  const patterns = collectRounds()
  for (const [options, message] of refused) {
    try {
      createPostgresKeyStore(untyped(options))
      t.fail(message)
    } catch (fault) {
      patterns.add(fault, { name: 'OptionError', message })
      rounds.add(String(String(fault)).includes(PASSWORD), false)
    }
  }
  t.strictSame(rounds.seen, rounds.expected)
  t.match(patterns.seen, patterns.expected)
  t.throws(() => createPgliteKeyStore({}), { message: 'fastify-latchkey: state exactly one of the options dataDir, db; none is stated' })
  t.throws(() => createPgliteKeyStore({ dataDir: '' }), { message: 'fastify-latchkey: option dataDir must be a folder, not ""' })
})

t.test('the error of a server that cannot be reached has its code, and no connection string', async (t) => {
  const store = createPostgresKeyStore({ connectionString: URL })
  t.teardown(() => store.close())
  try {
    await store.findByHash('hash-of-a-secret')
    t.fail('nobody listens there')
  } catch (fault) {
    t.match(fault, { name: 'StoreError', code: 'ECONNREFUSED', message: 'Postgres failed: Error ECONNREFUSED' })
    t.strictSame(Object.keys(Object(fault)).sort(), ['code', 'name'])
    t.notMatch(JSON.stringify(fault) + String(fault), PASSWORD)
  }
})

t.test('a store that was never used opens nothing, and closes', async (t) => {
  const folder = join(tmpdir(), `latchkey-never-${process.pid}`)
  await createPgliteKeyStore({ dataDir: folder }).close()
  t.notOk(existsSync(folder))
  await createPostgresKeyStore({ connection: { host: '127.0.0.1', port: 1, password: PASSWORD } }).close()
})

t.test('keys in a folder are there for the next store', async (t) => {
  const dataDir = await databaseFolder(t)
  const first = createPgliteKeyStore({ dataDir })
  const { key, hash } = await inserted(first, 'w1')
  await first.close()
  const second = createPgliteKeyStore({ dataDir })
  t.strictSame(await second.get('w1', key.id), key)
  t.equal((await second.findByHash(hash))?.principal.id, key.id)
  await second.close()
})

t.test('a PGlite of the host may have several schemas, and stays open', async (t) => {
  const db = await openDatabase(t)
  const [some, others] = [createPgliteKeyStore({ db }), createPgliteKeyStore({ db, schema: 'others' })]
  await Promise.all([some.migrate(), others.migrate()])
  const { key } = await inserted(some, 'w1')
  t.equal(await others.get('w1', key.id), undefined)
  await some.close()
  t.strictSame((await db.query('SELECT count(*)::int FROM latchkey.keys')).rows, [{ count: 1 }])
  await t.rejects(Promise.resolve(others.insert({ ...key, createdAt: new Date(NaN) }, 'hash')), { name: 'StoreError' }, 'its errors are wrapped too')
})
