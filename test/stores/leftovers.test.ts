import pg from 'pg'
import t, { type Test } from 'tap'
import type { KeyStore } from 'fastify-latchkey/keys'
import { createPgliteKeyStore, createPostgresKeyStore } from 'fastify-latchkey/keys/postgres'
import { createRedisKeyStore } from 'fastify-latchkey/keys/redis'
import { createMemoryWebhookStore, type WebhookStore } from 'fastify-latchkey/webhooks'
import { createBullmqEngine } from 'fastify-latchkey/webhooks/bullmq'
import { createPgliteWebhookStore, createPostgresWebhookStore } from 'fastify-latchkey/webhooks/postgres'
import { createRedisWebhookStore } from 'fastify-latchkey/webhooks/redis'
import { changed, inserted as issued, newHash, secret } from '../../lib/testing/key-store-drafts.js'
import { at, attempt, delivery, endpoint, inserted, LEASE, MAX, settled, START } from '../../lib/testing/webhook-store-drafts.js'
import { openDatabase } from '../helpers/pglite.js'
import { startPostgres } from '../helpers/postgres.js'
import { startRedis } from '../helpers/redis-server.js'
import { until } from '../helpers/until.js'
import { notice, webhookApi } from '../helpers/webhooks.js'

const LIVES = 200
const AT_ONCE = 20

/** An endpoint with a delivery of each kind, removed while another is enqueued and settled. */
async function live (store: WebhookStore, i: number): Promise<void> {
  const one = endpoint(`w${i}`)
  await store.insertEndpoint(one, MAX)
  const [failing, hanging] = [delivery(one), delivery(one)]
  await store.enqueue([failing, delivery(one, { nextAt: at(LEASE) }), hanging])
  const only = { workspace: one.workspace, endpointId: one.id }
  const { claims } = await store.claim(START, LEASE, { limit: 5, perEndpoint: 5, only })
  for (const claim of claims.slice(1)) await store.settle(claim, settled())
  await Promise.all([
    store.removeEndpoint(one.workspace, one.id),
    store.enqueue([delivery(one)]),
    ...claims.slice(0, 1).map((claim) => store.settle(claim, { attempt: attempt(), state: 'pending', nextAt: at(5) }))
  ])
}

async function leavesNothing (t: Test, store: WebhookStore, left: () => Promise<unknown>, lives = LIVES): Promise<void> {
  for (let i = 0; i < lives; i += AT_ONCE) await Promise.all(Array.from({ length: AT_ONCE }, (_, k) => live(store, i + k)))
  t.same((await store.claim(START + LEASE, LEASE, { limit: lives, perEndpoint: 5 })).claims, [])
  t.equal((await store.claim(START, LEASE, { limit: lives, perEndpoint: 5 })).nextAt, undefined, 'nothing is waited for')
  await store.prune(at(1), lives)
  t.same(await left(), 0)
}

/** A key that was rotated a hundred times, of whose secrets the record lists ten. */
async function rotated (store: KeyStore, listed = 10): Promise<string> {
  const made = await issued(store, 'w1')
  let { key } = made
  for (let generation = 2; generation <= 100; generation++) {
    key = changed(key, { secrets: [...key.secrets, secret(generation)].slice(-listed) })
    await store.update(key, newHash())
  }
  await store.update(changed(key, { revokedAt: at(1) }))
  for (const leased of await store.notices?.due(START, 1000, 10) ?? []) await store.notices?.settle(leased, [], undefined)
  return key.id
}

t.test('two hundred endpoints that lived leave nothing in memory', async (t) => {
  const store = createMemoryWebhookStore()
  await leavesNothing(t, store, async () => (await Promise.all(Array.from({ length: LIVES }, (_, i) => store.listEndpoints(`w${i}`)))).flat().length)
})

t.test('nor in Postgres; a key that was rotated a hundred times has the hashes of ten secrets', async (t) => {
  const pool = new pg.Pool({ connectionString: await (await startPostgres(t)).createDatabase() })
  t.teardown(() => pool.end())
  const count = async (table: string) => Number((await pool.query(`SELECT count(*) FROM latchkey.${table}`)).rows[0].count)
  const store = createPostgresWebhookStore({ pool, statementTimeout: 20 })
  await leavesNothing(t, store, async () => await count('webhook_endpoints') + await count('webhook_deliveries'))
  await rotated(createPostgresKeyStore({ pool }))
  t.equal(await count('secrets'), 10)
  t.same((await pool.query('SELECT notice_at FROM latchkey.keys')).rows, [{ notice_at: null }])

  const one = await inserted(store)
  const removal = await pool.connect()
  await removal.query('BEGIN; DELETE FROM latchkey.webhook_endpoints')
  const enqueued = store.enqueue([delivery(one)])
  await until(async () => (await pool.query('SELECT FROM pg_stat_activity WHERE wait_event_type = \'Lock\'')).rows.length === 1)
  await removal.query('COMMIT')
  removal.release()
  t.same(await enqueued, [], 'nothing is added to an endpoint while it is removed')
  t.equal(await count('webhook_deliveries'), 0)

  const two = await inserted(store)
  await store.enqueue([delivery(two), delivery(two), delivery(two)])
  await pool.query('DELETE FROM latchkey.webhook_endpoints')
  t.equal(await store.prune(at(-1), 2), 2, 'what a process left that ended while it removed an endpoint goes with the next pruning')
  t.equal(await store.prune(at(-1), 2), 1)
})

t.test('nor in an embedded Postgres', async (t) => {
  const db = await openDatabase(t)
  const count = async (table: string) => (await db.query(`SELECT FROM latchkey.${table}`)).rows.length
  await leavesNothing(t, createPgliteWebhookStore({ db }), async () => await count('webhook_endpoints') + await count('webhook_deliveries'), LIVES / 4)
  await rotated(createPgliteKeyStore({ db }))
  t.equal(await count('secrets'), 10)
})

t.test('nor in Redis', async (t) => {
  const redis = (await startRedis(t)).client()
  await leavesNothing(t, createRedisWebhookStore({ redis }), () => redis.dbsize())
  const id = await rotated(createRedisKeyStore({ redis }))
  const names = await redis.keys('*')
  t.same(names.filter((name) => !name.startsWith('latchkey:hash:')).sort(), [`latchkey:id:${id}`, `latchkey:{w1}:key:${id}`, 'latchkey:{w1}:list', 'latchkey:{w1}:list:environment:production'])
  t.equal(names.filter((name) => name.startsWith('latchkey:hash:')).length, 10)
})

t.test('nor in the queue of BullMQ', async (t) => {
  const { client, port } = await startRedis(t, ['--maxmemory-policy', 'noeviction'])
  const { app, receiver } = await webhookApi(t, { webhooks: { engine: createBullmqEngine({ connection: { host: '127.0.0.1', port }, sweep: 0.1 }), schedule: [0.2] } })
  const sizes: number[] = []
  for (let round = 0; round < 2; round++) {
    const made = []
    for (let i = 0; i < 20; i++) made.push((await app.latchkey.webhooks.create('w1', { url: receiver.url(i % 2 === 0 ? '/broken' : '/ok') })).endpoint.id)
    const before = receiver.received.length
    await app.latchkey.events.emit(notice())
    await until(() => receiver.received.length >= before + 20)
    for (const id of made) await app.latchkey.webhooks.remove('w1', id)
    await until(async () => (await client().keys('bull:*:de:*')).length === 0)
    sizes.push(await client().dbsize())
  }
  t.equal(sizes[0], sizes[1])
})
