import { getDefaultAutoSelectFamily, setDefaultAutoSelectFamily } from 'node:net'
import Fastify from 'fastify'
import t from 'tap'
import { allowPlainHttp, latchkey } from 'fastify-latchkey'
import { createMemoryWebhookStore, webhooks } from 'fastify-latchkey/webhooks'
import { createPgliteWebhookStore, createPostgresWebhookStore } from 'fastify-latchkey/webhooks/postgres'
import { createRedisStore } from '../../lib/webhooks/redis/store.js'
import { createSend } from '../../lib/webhooks/send.js'
import { collectRounds, rejection, thrown } from '../helpers/collect.js'
import { keptLog } from '../helpers/contracts.js'
import { untyped } from '../helpers/limits.js'
import { databaseFolder } from '../helpers/pglite.js'
import { startReceiver } from '../helpers/receiver.js'
import { notice, scopes, webhookApi } from '../helpers/webhooks.js'
import { until } from '../helpers/until.js'
import { forgets } from '../helpers/webhook-history.js'

t.test('an endpoint that is changed all the time keeps its health as it was, and its delivery ends all the same', async (t) => {
  const store = createMemoryWebhookStore()
  let updates = 0
  const { app, receiver } = await webhookApi(t, { webhooks: { store: { ...store, updateEndpoint: async () => { updates++; return false } } } })
  const { endpoint } = await app.latchkey.webhooks.create('w1', { events: ['key.expiring'], url: receiver.url('/broken') })
  await app.latchkey.events.emit(notice())
  await until(async () => (await store.listDeliveries('w1', endpoint.id, { limit: 1 })).deliveries[0]?.state === 'failed')
  t.match((await store.listDeliveries('w1', endpoint.id, { limit: 1 })).deliveries, [{ state: 'failed', attempts: [{}, {}, {}] }])
  t.equal(updates, 9, 'three times an attempt')
  t.equal((await store.getEndpoint('w1', endpoint.id))?.failingSince, undefined)
})

t.test('an endpoint that fails shows since when', async (t) => {
  const { app, receiver, send } = await webhookApi(t)
  const { endpoint } = await app.latchkey.webhooks.create('w1', { events: ['key.expiring'], url: receiver.url('/broken'), environment: 'production' })
  await app.latchkey.events.emit(notice())
  await until(async () => (await app.latchkey.webhooks.get('w1', endpoint.id)).failingSince !== undefined)
  const read = await send('reader', `GET /webhooks/${endpoint.id}`)
  t.equal(read.statusCode, 200)
  t.match(read.json(), { id: endpoint.id, failingSince: /^\d{4}-\d\d-\d\dT/, enabled: true })
})

t.test('with no options at all, nothing of this machine is an address', async (t) => {
  const app = Fastify()
  t.teardown(() => app.close())
  await app.register(latchkey, { scopes, environment: 'production', keys: { prefix: 'acme' }, limits: false, transport: allowPlainHttp, failures: false })
  await app.register(webhooks, {})
  await app.ready()
  await t.rejects(app.latchkey.webhooks.create('w1', { url: 'https://127.0.0.1/' }), { code: 'WEBHOOK_INPUT_INVALID', statusCode: 400 })
  await t.rejects(app.latchkey.webhooks.create('w1', untyped({ url: 'https://example.com/', events: ['key.forged'] })), { code: 'WEBHOOK_INPUT_INVALID', detail: /^events\.0 must be one of / })
})

t.test('a store that is left out is a warning at boot that says what to pass; a store that is passed is none', async (t) => {
  const rounds = collectRounds()
  const patterns = collectRounds()
  for (const [options, warnings] of [[{}, 1], [{ store: createMemoryWebhookStore() }, 0]] as const) {
    const log = keptLog()
    const app = Fastify({ logger: log.logger })
    t.teardown(() => app.close())
    await app.register(latchkey, { scopes, environment: 'production', keys: { prefix: 'acme' }, limits: false, failures: false })
    await app.register(webhooks, options)
    await app.ready()
    const lines = log.text().trim().split('\n').filter((line) => line.includes('webhooks'))
    rounds.add(lines.length, warnings)
    for (const line of lines) patterns.add(JSON.parse(line), { level: 40, msg: /^webhooks\.store is left out: .* lost with it; pass a store, such as createPostgresWebhookStore\(\)/ })
  }
  t.strictSame(rounds.seen, rounds.expected)
  t.match(patterns.seen, patterns.expected)
})

t.test('a Node that tries one address alone reaches a receiver too', async (t) => {
  const receiver = await startReceiver(t)
  const before = getDefaultAutoSelectFamily()
  setDefaultAutoSelectFamily(false)
  t.teardown(() => setDefaultAutoSelectFamily(before))
  const send = createSend({ signal: new AbortController().signal, anywhere: true, resolve: async () => ['127.0.0.1'], deadline: 10, ca: receiver.cert })
  t.match(await send({ url: receiver.url(), headers: {}, body: '{}' }), { status: 204 })
})

t.test('the time that a statement may take is seconds', async (t) => {
  const connectionString = 'postgres://127.0.0.1:1/none'
  const patterns = collectRounds()
  for (const statementTimeout of [0, 3601, NaN]) {
    patterns.add(thrown(() => createPostgresWebhookStore({ connectionString, statementTimeout })), { name: 'OptionError', message: /statementTimeout must be seconds/ }, String(statementTimeout))
  }
  t.match(patterns.seen, patterns.expected)
  t.throws(() => createPostgresWebhookStore(untyped({ connectionString, statementTimeout: '1' })), { name: 'OptionError', message: /statementTimeout must be seconds/ })
  await createPostgresWebhookStore({ connectionString, statementTimeout: 1 }).close()
})

t.test('an endpoint is removed with its long history', async (t) => {
  const embedded = createPgliteWebhookStore({ dataDir: await databaseFolder(t) })
  t.teardown(() => embedded.close())
  await forgets(t, embedded)
})

t.test('unexpected replies of Redis are errors, not an empty store', async (t) => {
  const replies: unknown[] = [null, null, ['', null]]
  const store = createRedisStore({ command: async () => replies.shift() ?? null, namespace: 'mute' })
  const refusal = { message: 'the answer of Redis is not a list' }
  const only = { workspace: 'w1', endpointId: 'whe_1' }
  await t.rejects(store.getDelivery('w1', 'whe_1', 'evt_1'), refusal)
  const patterns = collectRounds()
  for (let i = 0; i < 2; i++) patterns.add(await rejection(store.claim(0, 1, { limit: 1, perEndpoint: 1, only })), refusal)
  t.match(patterns.seen, patterns.expected)
})
