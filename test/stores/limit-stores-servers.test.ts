import { Redis as Valkey } from 'iovalkey'
import { limitStoreConformance } from 'fastify-latchkey/testing'
import t from 'tap'
import { conforms } from '../helpers/conforms.js'
import { startPrimaries } from '../helpers/redis-fleets.js'
import { startRedis } from '../helpers/redis-server.js'
import { redisStore } from '../helpers/redis-store.js'

t.test('Redis', async (t) => {
  const { url } = await startRedis(t)
  await conforms(t, redisStore(t, { url, clockOfTakes: true, deadline: 5 }), limitStoreConformance())
})

t.test('Redis by a client of iovalkey', async (t) => {
  const { url } = await startRedis(t)
  const redis = new Valkey(url)
  t.teardown(() => redis.disconnect())
  const store = redisStore(t, { redis, clockOfTakes: true, deadline: 5 })
  await store.ready()
  await conforms(t, store, limitStoreConformance())
})

t.test('a Redis Cluster', async (t) => {
  const redis = await startPrimaries(t)
  await conforms(t, redisStore(t, { redis, clockOfTakes: true, deadline: 5 }), limitStoreConformance())
})
