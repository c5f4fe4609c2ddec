import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import pg from 'pg'
import t from 'tap'
import { createPostgresKeyStore } from 'fastify-latchkey/keys/postgres'
import { draft } from '../../lib/testing/key-store-drafts.js'
import { PASSWORD, startPostgres } from '../helpers/postgres.js'

async function bootError (connectionString: string): Promise<unknown> {
  const store = createPostgresKeyStore({ connectionString })
  return await store.migrate().catch((error: unknown) => error).finally(() => store.close())
}

t.test('an error at boot is what Postgres says, with the fix', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'latchkey-hba-'))
  t.teardown(() => rm(folder, { recursive: true, force: true }))
  await chmod(folder, 0o755)
  const hba = join(folder, 'pg_hba.conf')
  await writeFile(hba, 'local all postgres trust\nlocal all limited trust\nlocal all known scram-sha-256\n', { mode: 0o644 })
  const server = await startPostgres(t, `hba_file=${hba}`)
  const url = await server.createDatabase()
  const client = new pg.Client(url)
  await client.connect()
  t.teardown(() => client.end())
  await client.query('CREATE ROLE limited LOGIN; CREATE ROLE known LOGIN')
  const as = (user: string) => url.replace('//postgres:', `//${user}:`)

  t.match(await bootError(server.url('nothing')), { name: 'StoreError', code: '3D000', message: 'Postgres failed: error 3D000: database "nothing" does not exist; create it, or correct its name where the store connects' })
  t.match(await bootError(as('known')), { code: '28P01', message: 'Postgres failed: error 28P01: password authentication failed for user "known"; correct the user or the password that the store connects with' })
  t.match(await bootError(as('stranger')), { code: '28000', message: /^Postgres failed: error 28000: .*"stranger".*; correct the user that the store connects with, or let it connect \(pg_hba\.conf\)$/ })
  t.match(await bootError(as('limited')), { code: '42501', message: /^Postgres failed: error 42501: permission denied for database d\w+; grant it, or call migrate\(\) once with an account that may create tables$/ })

  const store = createPostgresKeyStore({ connectionString: url })
  await store.migrate()
  await store.close()
  const denied = await bootError(as('limited'))
  t.match(denied, { code: '42501', message: /permission denied for schema latchkey/ })
  t.notMatch(String(denied), PASSWORD)
})

t.test('an error that may quote a value says none of it', async (t) => {
  const server = await startPostgres(t)
  const store = createPostgresKeyStore({ connectionString: await server.createDatabase() })
  t.teardown(() => store.close())
  const key = draft('w1', { createdAt: new Date(NaN), name: 'a secret' })
  await t.rejects(async () => await store.insert(key, 'hash'), { name: 'StoreError', code: '22P02', message: /^Postgres failed: error 22P02$/ })
})
