import { mock } from 'node:test'
import t from 'tap'
import { createBullmqEngine } from 'fastify-latchkey/webhooks/bullmq'
import { createEmbeddedEngine, createMemoryWebhookStore } from 'fastify-latchkey/webhooks'
import { delivery, inserted, at } from '../../lib/testing/webhook-store-drafts.js'
import { webhookApi } from '../helpers/webhooks.js'
import { until } from '../helpers/until.js'

t.test('old deliveries are removed every hour, a thousand at a time, and a store that fails is logged once', async (t) => {
  mock.timers.enable({ apis: ['setInterval'] })
  t.teardown(() => mock.timers.reset())
  const store = createMemoryWebhookStore()
  const { log } = await webhookApi(t, { webhooks: { store } })
  const made = await inserted(store)
  await store.enqueue(Array.from({ length: 1500 }, () => delivery(made, { state: 'delivered', createdAt: at(-40 * 86_400_000) })).map(({ nextAt: _none, ...rest }) => rest))
  const left = async () => (await store.listDeliveries(made.workspace, made.id, { limit: 1 })).deliveries.length
  mock.timers.tick(3_600_000)
  await until(async () => await left() === 0)
  t.equal(await left(), 0)
  const { prune } = store
  let faults = 0
  store.prune = async () => { faults++; throw new Error('a secret of the store') }
  for (const times of [1, 2, 3]) {
    mock.timers.tick(3_600_000)
    await until(() => faults === times)
  }
  store.prune = prune
  mock.timers.tick(3_600_000)
  await until(() => log.text().includes('old deliveries are removed again'))
  t.equal(log.text().match(/old deliveries could not be removed/g)?.length, 1)
  t.notMatch(log.text(), 'a secret of the store')
})

t.test('a clock that throws while old deliveries are removed is logged, and they are removed an hour later', async (t) => {
  mock.timers.enable({ apis: ['setInterval'] })
  t.teardown(() => mock.timers.reset())
  let broken = false
  const clock = () => {
    if (broken) throw new Error('no time')
    return Date.now()
  }
  const { log } = await webhookApi(t, { clock })
  broken = true
  mock.timers.tick(3_600_000)
  await until(() => log.text().includes('old deliveries could not be removed'))
  broken = false
  mock.timers.tick(3_600_000)
  await until(() => log.text().includes('old deliveries are removed again'))
  t.notMatch(log.text(), 'no time')
})

t.test('an event of a limit goes to endpoints of its own environment', async (t) => {
  const { app, receiver } = await webhookApi(t)
  for (const environment of ['production', 'sandbox']) await app.latchkey.webhooks.create('w1', { url: receiver.url(`/${environment}`), events: ['limit.exceeded'], environment })
  const data = { policy: 'p', partition: 'principal', principal: { kind: 'api-key', id: 'key_1' }, environment: 'sandbox', resetAt: at(1).toISOString() } as const
  await app.latchkey.events.emit({ id: 'evt_1', type: 'limit.exceeded', at: at(0), workspace: 'w1', data })
  t.match(await receiver.count(1), [{ path: '/sandbox', headers: { 'webhook-id': 'evt_1' } }])
})

t.test('options of engines are checked', async (t) => {
  t.throws(() => createEmbeddedEngine({ concurrency: 1 }), { name: 'OptionError', message: /engine.concurrency must be a whole number from 2/ })
  t.throws(() => createBullmqEngine({ connection: {}, sweep: 0 }), { name: 'OptionError', message: /engine.sweep must be seconds/ })
})
