import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { PGlite } from '@electric-sql/pglite'
import t from 'tap'
import { usageStoreConformance } from 'fastify-latchkey/testing'
import { createMemoryUsageStore } from 'fastify-latchkey/usage'
import { createPgliteUsageStore, createPostgresUsageStore } from 'fastify-latchkey/usage/postgres'
import { batch, count, found } from '../../lib/testing/usage-store-drafts.js'
import { conforms } from '../helpers/conforms.js'

t.test('memory', (t) => conforms(t, createMemoryUsageStore(), usageStoreConformance()))

t.test('where the memory store is full, its oldest hours make room', async (t) => {
  const store = createMemoryUsageStore({ maxCounts: 3 })
  for (const hour of [2, 1, 3]) await store.add(batch(['key_1', 'key_2'].map((keyId) => count('w1', hour, { keyId }))))
  t.strictSame(await found(store, 'w1'), { '3 ADMITTED': 1 })
  await store.add(batch([count('w1', 0)]))
  t.strictSame(await found(store, 'w1'), { '0 ADMITTED': 1, '3 ADMITTED': 1 })
  t.throws(() => createMemoryUsageStore({ maxCounts: 0 }), { name: 'OptionError', message: /option maxCounts must be a whole number, at least 1, not 0/ })
})

t.test('an embedded Postgres', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'latchkey-pglite-'))
  t.teardown(() => rm(folder, { recursive: true, force: true }))
  await t.test('in a folder', (t) => conforms(t, createPgliteUsageStore({ dataDir: join(folder, 'usage') }), usageStoreConformance()))
  await t.test('of the host', async (t) => {
    const db = await PGlite.create()
    t.teardown(() => db.close())
    await conforms(t, createPgliteUsageStore({ db, schema: 'other' }), usageStoreConformance())
  })
})

t.test('options that do not fit are refused', async (t) => {
  t.throws(() => createPostgresUsageStore({}), { name: 'OptionError', message: /state exactly one of the options pool, connectionString, connection/ })
  t.throws(() => createPgliteUsageStore({}), { name: 'OptionError', message: /state exactly one of the options dataDir, db/ })
})
