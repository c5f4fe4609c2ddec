import pg from 'pg'
import t, { type Test } from 'tap'
import type { KeyStore } from 'fastify-latchkey/keys'
import { createPgliteKeyStore, createPostgresKeyStore } from 'fastify-latchkey/keys/postgres'
import { createPostgresWebhookStore } from 'fastify-latchkey/webhooks/postgres'
import { at, inserted } from '../../lib/testing/key-store-drafts.js'
import * as webhook from '../../lib/testing/webhook-store-drafts.js'
import { openDatabase } from '../helpers/pglite.js'
import { startPostgres } from '../helpers/postgres.js'

/** bool, int8, int4, text, json and jsonb, parsed in a way that nobody expects. */
const TYPES = [16, 20, 23, 25, 114, 3802]
const parse = (value: unknown) => ({ value })

async function works (t: Test, store: KeyStore): Promise<void> {
  const { key, hash } = await inserted(store, 'w1', { owner: 'ada', expiresAt: at(1000), metadata: { floor: 3 } })
  await store.recordUse([{ workspace: 'w1', id: key.id, lastUsedAt: at(5), scopesUsedAt: { 'devices:read': at(5) } }])
  const used = { ...key, lastUsedAt: at(5), scopesUsedAt: { 'devices:read': at(5) } }
  t.strictSame(await store.get('w1', key.id), used)
  t.strictSame((await store.list('w1', { limit: 1 })).keys, [used])
  t.match(await store.findByHash(hash), { generation: 1, principal: { id: key.id } })
  t.strictSame((await store.notices?.due(0, 10, 1))?.map((one) => one.key), [used])
}

t.test('stores work whatever parsers the host gives pg', async (t) => {
  for (const type of TYPES) {
    const before = pg.types.getTypeParser(type)
    pg.types.setTypeParser(type, parse)
    t.teardown(() => pg.types.setTypeParser(type, before))
  }
  const server = await startPostgres(t)
  const connectionString = await server.createDatabase()
  const own = createPostgresKeyStore({ connectionString })
  t.teardown(() => own.close())
  await works(t, own)
  const pool = new pg.Pool({ connectionString })
  t.teardown(() => pool.end())
  await works(t, createPostgresKeyStore({ pool, schema: 'other' }))

  const webhooks = createPostgresWebhookStore({ pool })
  const endpoint = await webhook.inserted(webhooks)
  const delivery = webhook.delivery(endpoint)
  t.strictSame(await webhooks.enqueue([delivery]), [delivery.id])
  t.strictSame((await webhook.one(webhooks, endpoint, 0)).delivery, { ...delivery, nextAt: webhook.at(webhook.LEASE) })
  t.strictSame(await webhooks.listEndpoints(endpoint.workspace), [endpoint])
})

t.test('and whatever parsers the host gives PGlite', async (t) => {
  const db = await openDatabase(t, { parsers: Object.fromEntries(TYPES.map((type) => [type, parse])) })
  await works(t, createPgliteKeyStore({ db }))
})
