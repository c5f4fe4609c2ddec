import pg from 'pg'
import t, { type Test } from 'tap'
import type { WebhookStore } from 'fastify-latchkey/webhooks'
import { createPgliteWebhookStore, createPostgresWebhookStore } from 'fastify-latchkey/webhooks/postgres'
import { createRedisWebhookStore } from 'fastify-latchkey/webhooks/redis'
import { at, delivery, endpoint, MAX, START } from '../../lib/testing/webhook-store-drafts.js'
import { collectRounds, rejection } from '../helpers/collect.js'
import { openDatabase } from '../helpers/pglite.js'
import { startPostgres } from '../helpers/postgres.js'
import { startRedis } from '../helpers/redis-server.js'
import { until } from '../helpers/until.js'
import { notice, webhookApi } from '../helpers/webhooks.js'

interface Setting {
  readonly store: WebhookStore
  /** Writes the record of an endpoint of w1 behind the store's back. */
  setEndpoint (id: string, record: string): Promise<void>
  /** Writes a field of a delivery to an endpoint of w1. */
  setDelivery (endpointId: string, id: string, field: string, value: string): Promise<void>
}

/** What no release writes, by field. */
const garbage = [['record', '{}'], ['record', '[]'], ['record', 'ID'], ['attempts', '{}'], ['attempts', '[{"at":"soon"}]'], ['state', 'lost']] as const

async function passesOver (t: Test, { store, setEndpoint, setDelivery }: Setting): Promise<void> {
  const reported: string[] = []
  const onBroken = ({ message }: Error): void => { reported.push(message) }
  const one = endpoint('w1')
  await store.insertEndpoint(one, MAX)
  const all = [...garbage, undefined].map(() => delivery(one))
  await store.enqueue(all)
  for (const [i, [field, value]] of garbage.entries()) {
    const { id } = all[i] ?? one
    await setDelivery(one.id, id, field, value.replace('ID', JSON.stringify({ ...all[i], id: 'other' })))
  }
  const whole = all.at(-1)?.id
  const named = /^the stored record of delivery "(.+)" is not valid: (.+)$/
  const namesOf = () => reported.splice(0).map((message) => named.exec(message)?.[1]).sort()
  const broken = all.slice(0, -1).map(({ id }) => id).sort()

  const page = await store.listDeliveries('w1', one.id, { limit: 50 }, onBroken)
  t.same(page.deliveries.map(({ id }) => id), [whole])
  t.same(namesOf(), broken)
  const found: string[] = []
  let after
  do {
    const { deliveries, next } = await store.listDeliveries('w1', one.id, { limit: 1, after })
    found.push(...deliveries.map(({ id }) => id))
    after = next
  } while (after !== undefined)
  t.same(found, [whole], 'every page has a next one, also where nothing on it can be read')

  const { claims } = await store.claim(START, 1000, { limit: 50, perEndpoint: 50 }, onBroken)
  t.same(claims.map(({ delivery: { id } }) => id), [whole])
  t.same(namesOf(), broken)
  t.same((await store.claim(START, 1000, { limit: 50, perEndpoint: 50 }, onBroken)).claims, [])
  t.same(reported, [], 'those that can\'t be read are leased too')
  await t.rejects(store.getDelivery('w1', one.id, all[0]?.id ?? ''), { name: 'RecordError' }, 'whoever asks for it alone gets an error')

  const { nextAt: _never, ...ended } = delivery(one, { state: 'delivered', createdAt: at(-10) })
  await store.enqueue([ended])
  await setDelivery(one.id, ended.id, 'record', '{}')
  t.equal(await store.prune(at(-5), 10), 1, 'it is pruned like any other')

  const other = endpoint('w1')
  await store.insertEndpoint(other, MAX)
  const rounds = collectRounds()
  const patterns = collectRounds()
  for (const [record, what] of [['{}', '/id: Expected required property'], [JSON.stringify({ ...one, workspace: 'w2' }), 'workspace is another than that of its row']] as const) {
    await setEndpoint(one.id, record)
    rounds.add((await store.listEndpoints('w1', onBroken)).map(({ id }) => id), [other.id])
    rounds.add((await store.subscribed('w1', 'key.revoked', onBroken)).map(({ id }) => id), [other.id])
    const message = `the stored record of endpoint "${one.id}" is not valid: ${what}`
    rounds.add(reported.splice(0), [message, message])
    patterns.add(await rejection(store.getEndpoint('w1', one.id)), { name: 'RecordError', message })
  }
  t.strictSame(rounds.seen, rounds.expected)
  t.match(patterns.seen, patterns.expected)
  await setEndpoint(other.id, '{}')

  const { app, receiver, log } = await webhookApi(t, { webhooks: { store } })
  const { endpoint: good } = await app.latchkey.webhooks.create('w1', { url: receiver.url('/ok'), events: ['key.expiring'] })
  for (let i = 0; i < 3; i++) await app.latchkey.events.emit(notice())
  await until(async () => (await store.listDeliveries('w1', good.id, { limit: 5, state: 'delivered' })).deliveries.length === 3)
  t.same((await app.latchkey.webhooks.list('w1')).map(({ id }) => id), [good.id])
  const lines = log.text().split('\n').filter((line) => line.includes(one.id) && line.includes('a stored record is passed over'))
  t.equal(lines.filter((line) => line.includes('endpoint \\"')).length, 1, 'it is logged once')
}

t.test('Postgres passes over endpoints and deliveries that can\'t be read', async (t) => {
  const pool = new pg.Pool({ connectionString: await (await startPostgres(t)).createDatabase() })
  t.teardown(() => pool.end())
  await passesOver(t, {
    store: createPostgresWebhookStore({ pool }),
    async setEndpoint (id, record) { await pool.query('UPDATE latchkey.webhook_endpoints SET record = $2 WHERE id = $1', [id, record]) },
    async setDelivery (_endpoint, id, field, value) { await pool.query(`UPDATE latchkey.webhook_deliveries SET ${field} = $2 WHERE id = $1`, [id, value]) }
  })
})

t.test('so does an embedded Postgres', async (t) => {
  const db = await openDatabase(t)
  await passesOver(t, {
    store: createPgliteWebhookStore({ db }),
    async setEndpoint (id, record) { await db.exec(`UPDATE latchkey.webhook_endpoints SET record = '${record}' WHERE id = '${id}'`) },
    async setDelivery (_endpoint, id, field, value) { await db.exec(`UPDATE latchkey.webhook_deliveries SET ${field} = '${value}' WHERE id = '${id}'`) }
  })
})

t.test('and Redis', async (t) => {
  const redis = (await startRedis(t)).client()
  const store = createRedisWebhookStore({ redis })
  await passesOver(t, {
    store,
    async setEndpoint (id, record) { await redis.hset(`latchkey:{w1}:webhooks:endpoint:${id}`, 'record', record) },
    async setDelivery (endpointId, id, field, value) { await redis.hset(`latchkey:{w1}:webhooks:of:${endpointId}:delivery:${id}`, field, value) }
  })
  const one = endpoint('w1')
  const late = delivery(one)
  await store.insertEndpoint(one, MAX)
  await store.enqueue([late])
  await redis.hset(`latchkey:{w1}:webhooks:of:${one.id}:delivery:${late.id}`, 'due', 'soon')
  await t.rejects(store.getDelivery('w1', one.id, late.id), { name: 'RecordError', message: /when it is due is no time$/ })
})
