import t from 'tap'
import { createEmbeddedEngine, createMemoryWebhookStore, type DeliveryEngine } from 'fastify-latchkey/webhooks'
import { createBullmqEngine } from 'fastify-latchkey/webhooks/bullmq'
import { collectRounds } from '../helpers/collect.js'
import { startRedis } from '../helpers/redis-server.js'
import { notice, webhookApi } from '../helpers/webhooks.js'
import { until } from '../helpers/until.js'

const { port } = await startRedis(t, ['--maxmemory-policy', 'noeviction'])
const connection = { host: '127.0.0.1', port }

/** Longer than any lease of a claim. */
const LATER_MS = 60_000

const engines: Readonly<Record<string, () => DeliveryEngine>> = {
  embedded: () => createEmbeddedEngine({ poll: 0.05 }),
  BullMQ: () => createBullmqEngine({ connection, queue: 'closing', sweep: 0.05 })
}

for (const [name, createEngine] of Object.entries(engines)) {
  t.test(`${name}: closing gives up an attempt whose receiver does not answer, and the next start makes it again`, async (t) => {
    const store = createMemoryWebhookStore()
    const before = await webhookApi(t, { webhooks: { store, engine: createEngine(), closeTimeout: 0.3 } })
    const { endpoint } = await before.app.latchkey.webhooks.create('w1', { events: ['key.expiring'], url: before.receiver.url('/hangs') })
    before.receiver.made['/hangs'] = () => {}
    const event = notice()
    await before.app.latchkey.events.emit(event)
    await before.receiver.count(1)
    const began = performance.now()
    await before.app.close()
    const took = performance.now() - began
    t.ok(took < 10_000, `${took} ms, not the deadline of 15 s`)
    const find = async () => await store.getDelivery('w1', endpoint.id, `${event.id}.${endpoint.id}`)
    t.match(await find(), { state: 'pending', attempts: [] })
    t.notMatch(before.log.text(), '"level":50', 'which is no error')

    const after = await webhookApi(t, { webhooks: { store, engine: createEngine() }, clock: () => Date.now() + LATER_MS })
    await after.app.latchkey.webhooks.update('w1', endpoint.id, { url: after.receiver.url() })
    await until(async () => (await find())?.state !== 'pending')
    t.match((await after.receiver.count(1))[0]?.headers, { 'webhook-id': event.id })
  })
}

t.test('a process that only adds to the queue closes without an error, whatever happened just before', async (t) => {
  const rounds = collectRounds()
  for (const [i, pause] of [0, 0, 1, 100].entries()) {
    const engine = createBullmqEngine({ connection, queue: `only-adds${i}`, concurrency: 0 })
    const { app, receiver, log, store } = await webhookApi(t, { webhooks: { engine } })
    const { endpoint } = await app.latchkey.webhooks.create('w1', { url: receiver.url(), events: ['key.issued'] })
    await new Promise((resolve) => setTimeout(resolve, pause))
    await app.latchkey.keys.issue({ workspace: 'w1', scopes: [] })
    if (i > 0) await until(async () => (await store.listDeliveries('w1', endpoint.id, { limit: 1 })).deliveries.length === 1)
    await app.close()
    await new Promise((resolve) => setTimeout(resolve, 100))
    rounds.add(String(log.text()).includes('"level":50'), false, `${pause} ms`)
  }
  t.strictSame(rounds.seen, rounds.expected)
})

t.test('closing waits for an attempt that ends in time', async (t) => {
  const { app, receiver, store } = await webhookApi(t)
  const { endpoint } = await app.latchkey.webhooks.create('w1', { events: ['key.expiring'], url: receiver.url('/slow') })
  receiver.made['/slow'] = (_request, response) => { setTimeout(() => response.writeHead(204).end(), 200) }
  const event = notice()
  await app.latchkey.events.emit(event)
  await receiver.count(1)
  await app.close()
  t.match(await store.getDelivery('w1', endpoint.id, `${event.id}.${endpoint.id}`), { state: 'delivered', attempts: [{ status: 204 }] })
})
