import t from 'tap'
import { createMemoryWebhookStore, type WebhookStore } from 'fastify-latchkey/webhooks'
import { createBullmqEngine } from 'fastify-latchkey/webhooks/bullmq'
import { createRedisWebhookStore } from 'fastify-latchkey/webhooks/redis'
import { at, delivery, endpoint, inserted, settled } from '../../lib/testing/webhook-store-drafts.js'
import { startRedis } from '../helpers/redis-server.js'
import { until } from '../helpers/until.js'
import { forgets } from '../helpers/webhook-history.js'

t.test('an endpoint is removed with its long history from Redis', async (t) => {
  const client = (await startRedis(t)).client()
  const store = createRedisWebhookStore({ redis: client, timeout: 30 })
  const other = await inserted(store)
  await store.enqueue([delivery(other)])
  const before = await client.keys('*')
  await forgets(t, store)
  t.same((await client.keys('*')).sort(), before.sort(), 'nothing is left of it')
  t.equal(await client.zcard('latchkey:webhooks:made'), 1, 'that of another endpoint is there yet')
})

t.test('a store in Redis prunes what has ended, and leaves what is pending', async (t) => {
  const client = (await startRedis(t)).client()
  const store = createRedisWebhookStore({ redis: client, timeout: 30 })
  const made = await inserted(store)
  const waiting = delivery(made)
  const { nextAt: _none, ...done } = delivery(made, { state: 'delivered', createdAt: at(1) })
  await store.enqueue([waiting, done])
  t.equal(await store.prune(at(1000), 10), 1)
  t.strictSame((await store.listDeliveries(made.workspace, made.id, { limit: 5 })).deliveries.map(({ id }) => id), [waiting.id])
  t.equal(await client.zcard('latchkey:webhooks:made'), 1)
  await store.removeEndpoint(made.workspace, made.id)
  t.equal(await client.zcard('latchkey:webhooks:made'), 0, 'nothing is left of an endpoint that is gone')
  t.strictSame(await store.enqueue([delivery(made)]), [])
  t.equal(await client.zcard('latchkey:webhooks:made'), 1)
  t.equal(await store.prune(at(1000), 10), 0)
  t.equal(await client.zcard('latchkey:webhooks:made'), 0, 'what came too late for it goes with the next pruning')
})

t.test('a queue delivers what is due later in time, and logs what a store does wrong', async (t) => {
  const { port } = await startRedis(t, ['--maxmemory-policy', 'noeviction'])
  const memory = createMemoryWebhookStore()
  let broken = false
  const store: WebhookStore = { ...memory, async claim (now, lease, limit) { if (broken && limit.only !== undefined) throw new Error('a secret'); return await memory.claim(now, lease, limit) } }
  const logged: string[] = []
  let made = 0
  const engine = createBullmqEngine({ connection: { host: '127.0.0.1', port }, sweep: 3600 })
  t.teardown(() => engine.close())
  await engine.start({ store, clock: Date.now, deliver: async () => { made++; return settled() }, deadline: 15, log: (reason, message) => { logged.push(`${message}: ${reason}`) }, inform: (message) => { logged.push(message) } })
  const one = await inserted(store)
  const later = delivery(one, { nextAt: new Date(Date.now() + 300) })
  await store.enqueue([later])
  await engine.wake([later])
  await until(() => made >= 1)
  t.strictSame([made, logged], [1, []])
  broken = true
  await engine.wake([later])
  await until(() => logged.length > 0)
  await engine.wake([later])
  await engine.close()
  t.strictSame(logged, ['the webhook store could not be asked for deliveries: Error'])
})

t.test('options of the Redis store are checked', async (t) => {
  const redis = (await startRedis(t)).client()
  t.throws(() => createRedisWebhookStore({ redis, timeout: 0 }), { name: 'OptionError', message: /timeout must be seconds/ })
  t.throws(() => createRedisWebhookStore({ redis, namespace: '{}' }), { name: 'OptionError', message: /namespace must be/ })
  t.equal(await createRedisWebhookStore({ redis }).settle({ delivery: delivery(endpoint('w')), leasedUntil: 1 }, settled()), false)
})
