import { createRedisLimitStore } from 'fastify-latchkey/limits/redis'
import t from 'tap'
import { startRedis } from '../helpers/redis-server.js'
import { limitStoreConformance } from './limit-store.js'

t.test('the Redis limit store', async (t) => {
  const server = await startRedis(t)
  const admin = server.client()
  let number = 0
  await limitStoreConformance(t, async () => {
    await admin.flushall()
    const store = createRedisLimitStore({ url: server.url, namespace: `n${++number}`, clockOfTakes: true, deadline: 5 })
    t.teardown(() => store.close())
    return store
  })
})
