import { randomBytes } from 'node:crypto'
import t from 'tap'
import { createEmbeddedEngine, createMemoryWebhookStore, type Delivery, type WebhookStore } from 'fastify-latchkey/webhooks'
import { RecordError } from '../../lib/core/store-error.js'
import { collectRounds } from '../helpers/collect.js'
import { notice, webhookApi } from '../helpers/webhooks.js'
import { verified } from '../helpers/receiver.js'
import { until } from '../helpers/until.js'

type Api = Awaited<ReturnType<typeof webhookApi>>

/** Sends a notice to a new endpoint. @returns how it ended */
async function ended ({ app, receiver, store }: Api, path: string): Promise<{ delivery: Delivery | undefined, endpoint: string }> {
  const { endpoint } = await app.latchkey.webhooks.create('w1', { events: ['key.expiring'], url: receiver.url(path) })
  const event = notice()
  await app.latchkey.events.emit(event)
  const find = async () => await store.getDelivery('w1', endpoint.id, `${event.id}.${endpoint.id}`)
  await until(async () => (await find())?.state !== 'pending')
  const delivery = await find()
  await app.latchkey.webhooks.update('w1', endpoint.id, { enabled: false })
  return { delivery, endpoint: endpoint.id }
}

t.test('receivers that misbehave are tried again by the schedule, with the same webhook-id', async (t) => {
  const patient = await webhookApi(t)
  const impatient = await webhookApi(t, { webhooks: { deadline: 0.3 } })
  const rounds = collectRounds()
  const patterns = collectRounds()
  for (const [api, path, outcome, status] of [[patient, '/redirect', 'redirected', 302], [patient, '/broken', 'refused', 500], [patient, '/reset', 'unreachable'], [impatient, '/silent', 'timeout'], [impatient, '/slow-headers', 'timeout']] as const) {
    const { delivery } = await ended(api, path)
    patterns.add(delivery, { state: 'failed', attempts: Array.from({ length: 3 }, () => ({ outcome, ...status !== undefined && { status } })) }, path)
    const sent = api.receiver.received.filter((one) => one.path === path)
    rounds.add(new Set(sent.map(({ headers }) => headers['webhook-id'])).size, 1)
    if (api === patient) rounds.add(sent.length, 3)
  }
  t.strictSame(rounds.seen, rounds.expected)
  t.match(patterns.seen, patterns.expected)
  t.equal(patient.receiver.received.filter(({ path }) => path === '/ok').length, 0)
})

t.test('410 disables, a success ends failing, 429 waits as long as it asks, an endless response is cut', async (t) => {
  const api = await webhookApi(t)
  const { app, receiver, store } = api
  const gone = await ended(api, '/gone')
  t.match(gone.delivery, { state: 'failed', attempts: [{ status: 410, outcome: 'gone' }] })
  t.match(await app.latchkey.webhooks.get('w1', gone.endpoint), { disabledReason: 'gone' })

  let tries = 0
  receiver.made['/recovers'] = (_request, response) => { response.writeHead(++tries === 2 ? 200 : 503).end() }
  const recovered = await ended(api, '/recovers')
  t.match(recovered.delivery, { state: 'delivered', attempts: [{ status: 503 }, { status: 200 }] })
  t.equal((await app.latchkey.webhooks.get('w1', recovered.endpoint)).failingSince, undefined)
  t.match((await ended(api, '/endless')).delivery, { state: 'delivered', attempts: [{ status: 200 }] })

  const { endpoint } = await app.latchkey.webhooks.create('w1', { events: ['key.expiring'], url: receiver.url('/busy') })
  const event = notice()
  await app.latchkey.events.emit(event)
  const find = async () => await store.getDelivery('w1', endpoint.id, `${event.id}.${endpoint.id}`)
  await until(async () => (await find())?.attempts.length === 1)
  const wait = Number((await find())?.nextAt) - Date.now()
  t.ok(wait > 600_000 && wait <= 840_000, `${wait} ms`)
})

t.test('an endpoint that fails for too long is disabled', async (t) => {
  const api = await webhookApi(t, { webhooks: { disableAfter: 0.001, schedule: [0.1, 0.1, 0.1] } })
  const { endpoint } = await api.app.latchkey.webhooks.create('w1', { events: ['key.expiring'], url: api.receiver.url('/broken') })
  await api.app.latchkey.events.emit(notice())
  await until(async () => (await api.app.latchkey.webhooks.get('w1', endpoint.id)).disabledAt !== undefined)
  t.match(await api.app.latchkey.webhooks.get('w1', endpoint.id), { disabledReason: 'failing', failingSince: Date })
  await until(async () => (await api.store.listDeliveries('w1', endpoint.id, { limit: 9, state: 'failed' })).deliveries.length === 1)
  t.match((await api.store.listDeliveries('w1', endpoint.id, { limit: 9 })).deliveries[0]?.attempts.at(-1), { outcome: 'disabled' })
  t.match(api.log.text(), /is disabled/)
})

t.test('a name that leads elsewhere in the moment of connecting is not followed', async (t) => {
  const answers = [['8.8.8.8'], ['127.0.0.1'], ['169.254.169.254'], ['8.8.8.8', '10.0.0.1']]
  const api = await webhookApi(t, { webhooks: { destinations: undefined, resolve: async () => answers.shift() ?? [] } })
  const { endpoint } = await api.app.latchkey.webhooks.create('w1', { events: ['key.expiring'], url: 'https://rebinds.example.com/' })
  await api.app.latchkey.events.emit(notice())
  await until(async () => (await api.store.listDeliveries('w1', endpoint.id, { limit: 1 })).deliveries[0]?.state === 'failed')
  t.match((await api.store.listDeliveries('w1', endpoint.id, { limit: 1 })).deliveries[0]?.attempts, [{ outcome: 'forbidden-address' }, { outcome: 'forbidden-address' }, { outcome: 'forbidden-address' }])
})

t.test('secrets are encrypted in the store; without the key nothing is sent, and attempts fail by the schedule', async (t) => {
  const secretKeys = [randomBytes(32)]
  const encrypted = await webhookApi(t, { webhooks: { secretKeys } })
  const { endpoint, secret } = await encrypted.app.latchkey.webhooks.create('w1', { events: ['key.expiring'], url: encrypted.receiver.url() })
  t.match((await encrypted.store.getEndpoint('w1', endpoint.id))?.secrets, [{ value: /^encrypted\./ }])
  await encrypted.app.latchkey.events.emit(notice())
  const [received] = await encrypted.receiver.count(1)
  t.ok(received && verified(secret, received))
  await encrypted.app.close()

  const keyless = await webhookApi(t, { webhooks: { store: encrypted.store } })
  const event = notice()
  await keyless.app.latchkey.events.emit(event)
  const find = async () => await encrypted.store.getDelivery('w1', endpoint.id, `${event.id}.${endpoint.id}`)
  await until(async () => (await find())?.state === 'failed')
  t.match((await find())?.attempts, [{ outcome: 'undecryptable' }, { outcome: 'undecryptable' }, { outcome: 'undecryptable' }], 'by the schedule')
  t.match(keyless.log.text(), new RegExp(`no key of webhooks.secretKeys decrypts the secret of the endpoint ${endpoint.id}`))
  t.equal((await keyless.app.latchkey.webhooks.get('w1', endpoint.id)).failingSince, undefined, 'it is not the endpoint that fails')
  t.equal(encrypted.receiver.received.length, 1)
})

t.test('a store that fails makes emit say so; the health of an endpoint is updated after conflicts', async (t) => {
  const store = createMemoryWebhookStore()
  const { app, receiver, log } = await webhookApi(t, { webhooks: { store } })
  const { subscribed, updateEndpoint } = store
  store.subscribed = async () => { throw new Error('a secret of the store') }
  t.equal(await app.latchkey.events.emit(notice()), false)
  store.subscribed = subscribed
  const { endpoint } = await app.latchkey.webhooks.create('w1', { events: ['key.expiring'], url: receiver.url('/broken') })
  let updates = 0
  const failing = (answer: () => Promise<boolean>): WebhookStore['updateEndpoint'] => async (endpoint) => ++updates === 1 ? await answer() : await updateEndpoint(endpoint)
  store.updateEndpoint = failing(async () => false)
  await app.latchkey.events.emit(notice())
  await until(async () => (await app.latchkey.webhooks.get('w1', endpoint.id)).failingSince !== undefined)
  t.ok(updates >= 2, 'another update was first')
  updates = 0
  store.updateEndpoint = failing(async () => { throw new Error('a secret of the store') })
  await app.latchkey.webhooks.update('w1', endpoint.id, { url: receiver.url() }).catch(() => {})
  await app.latchkey.webhooks.update('w1', endpoint.id, { url: receiver.url('/ok2') })
  updates = 0
  await app.latchkey.events.emit(notice())
  await until(() => log.text().includes('could not be updated after an attempt'))
  t.match(log.text(), /the health of the endpoint whe_.* could not be updated after an attempt/)
  t.notMatch(log.text(), 'a secret of the store')
})

t.test('however many deliveries wait for an endpoint whose record is broken, it is logged once', async (t) => {
  const store = createMemoryWebhookStore()
  const { app, receiver, log } = await webhookApi(t, { webhooks: { store } })
  const { endpoint } = await app.latchkey.webhooks.create('w1', { events: ['key.expiring'], url: receiver.url() })
  let asked = 0
  store.getEndpoint = async () => { asked++; throw new RecordError(`endpoint "${endpoint.id}"`, 'it is no JSON') }
  for (let i = 0; i < 3; i++) await app.latchkey.events.emit(notice())
  await until(() => asked === 3)
  await app.close()
  t.match(log.text().split('\n').filter((line) => line.includes('"level":50')).map((line) => JSON.parse(line)), [
    { msg: 'a stored record is passed over', reason: `the stored record of endpoint "${endpoint.id}" is not valid: it is no JSON` }
  ])
})

t.test('a delivery whose endpoint can\'t be read is not attempted, and is due again after its lease', async (t) => {
  let ahead = 0
  const store = createMemoryWebhookStore()
  const { app, receiver, log } = await webhookApi(t, { webhooks: { store, engine: createEmbeddedEngine({ poll: 0.05 }) }, clock: () => Date.now() + ahead })
  const { endpoint } = await app.latchkey.webhooks.create('w1', { events: ['key.expiring'], url: receiver.url() })
  const { getEndpoint } = store
  store.getEndpoint = async () => { throw new Error('a secret of the store') }
  const event = notice()
  await app.latchkey.events.emit(event)
  await until(() => log.text().includes('could not be attempted'))
  t.match(log.text(), /the delivery evt_.* could not be attempted; it is due again after its lease/)
  t.notMatch(log.text(), 'a secret of the store')
  t.match(await store.getDelivery('w1', endpoint.id, `${event.id}.${endpoint.id}`), { state: 'pending', attempts: [] })
  store.getEndpoint = getEndpoint
  ahead = 31_000
  t.match((await receiver.count(1))[0]?.headers, { 'webhook-id': event.id })
})

t.test('an event that is too long for webhooks is logged', async (t) => {
  const { app, receiver, log, store } = await webhookApi(t)
  await app.latchkey.webhooks.create('w1', { events: ['key.expiring'], url: receiver.url() })
  const event = notice()
  t.equal(await app.latchkey.events.emit({ ...event, data: { ...event.data, key: { ...event.data.key, name: 'x'.repeat(20_000) } } }), true)
  t.match(log.text(), /is too long for webhooks/)
  t.equal((await store.prune(new Date(), 1)), 0)
})
