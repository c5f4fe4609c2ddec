import pg from 'pg'
import t from 'tap'
import { webhookStoreConformance } from 'fastify-latchkey/testing'
import { createMemoryWebhookStore } from 'fastify-latchkey/webhooks'
import { createPgliteWebhookStore, createPostgresWebhookStore } from 'fastify-latchkey/webhooks/postgres'
import { collectRounds, thrown } from '../helpers/collect.js'
import { conforms } from '../helpers/conforms.js'
import { databaseFolder, openDatabase } from '../helpers/pglite.js'

t.test('memory', (t) => conforms(t, createMemoryWebhookStore(), webhookStoreConformance()))

t.test('an embedded Postgres', async (t) => {
  await t.test('in a folder', async (t) => conforms(t, createPgliteWebhookStore({ dataDir: await databaseFolder(t) }), webhookStoreConformance()))
  await t.test('of the host', async (t) => conforms(t, createPgliteWebhookStore({ db: await openDatabase(t), schema: 'other' }), webhookStoreConformance()))
})

t.test('options that do not fit are refused, and no password is shown', async (t) => {
  const patterns = collectRounds()
  for (const options of [{}, { connectionString: 'postgres://u:pa55@h/d', pool: new pg.Pool() }]) {
    patterns.add(thrown(() => createPostgresWebhookStore(options)), { name: 'OptionError', message: /^(?!.*pa55).*state exactly one of the options pool, connectionString, connection/ })
  }
  t.match(patterns.seen, patterns.expected)
  t.throws(() => createPostgresWebhookStore({ connectionString: '' }), { name: 'OptionError', message: /option connectionString must be a URL as text/ })
  t.throws(() => createPgliteWebhookStore({}), { name: 'OptionError', message: /state exactly one of the options dataDir, db/ })
  t.throws(() => createPostgresWebhookStore({ connectionString: 'x', statementTimeout: 0 }), { name: 'OptionError', message: /statementTimeout must be seconds/ })
})
