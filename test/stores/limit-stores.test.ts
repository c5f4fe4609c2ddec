import { createMemoryLimitStore, type LimitStore } from 'fastify-latchkey/limits'
import { limitStoreConformance } from 'fastify-latchkey/testing'
import t, { type Test } from 'tap'
import { startPrimaries } from '../helpers/redis-fleets.js'
import { startRedis } from '../helpers/redis-server.js'
import { redisStore } from '../helpers/redis-store.js'

async function conforms (t: Test, store: LimitStore): Promise<void> {
  for (const { name, run } of limitStoreConformance()) {
    await t.test(name, async (t) => {
      await run(store)
      t.pass(name)
    })
  }
}

t.test('memory', (t) => conforms(t, createMemoryLimitStore()))

t.test('Redis', async (t) => {
  const server = await startRedis(t)
  await conforms(t, redisStore(t, { url: server.url, clockOfTakes: true, deadline: 5 }))
})

t.test('a Redis Cluster', async (t) => {
  await conforms(t, redisStore(t, { redis: await startPrimaries(t), clockOfTakes: true, deadline: 5 }))
})

t.test('a store that counts apart what it should count together is found out', async (t) => {
  const wrong: LimitStore = { take: (take) => createMemoryLimitStore().take(take) }
  const settled = await Promise.allSettled(limitStoreConformance().map(({ run }) => run(wrong)))
  t.ok(settled.filter(({ status }) => status === 'rejected').length > 10)
})
