import t from 'tap'
import { createEmbeddedEngine } from 'fastify-latchkey/webhooks'
import { createRedisWebhookStore } from 'fastify-latchkey/webhooks/redis'
import { delivery, inserted, settled } from '../../lib/testing/webhook-store-drafts.js'
import { startRedis } from '../helpers/redis-server.js'
import { until } from '../helpers/until.js'

t.test('an engine claims what it attempts, and nothing more of a long queue', async (t) => {
  const redis = await startRedis(t)
  const store = createRedisWebhookStore({ redis: redis.client(), timeout: 30 })
  const endpoints = await Promise.all(Array.from({ length: 4 }, () => inserted(store)))
  for (const one of endpoints) await store.enqueue(Array.from({ length: 500 }, () => delivery(one, { payload: JSON.stringify({ text: 'x'.repeat(5000) }) })))
  let made = 0
  let atOnce = 0
  let most = 0
  const engine = createEmbeddedEngine({ concurrency: 6, perEndpoint: 2, poll: 0.01 })
  t.teardown(() => engine.close())
  await engine.start({
    store,
    clock: Date.now,
    deadline: 1,
    log: (reason, message) => t.fail(`${message}: ${reason}`),
    inform: (message) => t.fail(message),
    async deliver () {
      most = Math.max(most, ++atOnce)
      await new Promise(setImmediate)
      atOnce--
      made++
      return settled()
    }
  })
  await until(() => made >= 2000)
  t.equal(made, 2000)
  t.ok(most <= 6, `${most} at once of 2,000 that are due`)
})
