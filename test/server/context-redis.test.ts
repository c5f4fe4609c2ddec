import t from 'tap'
import { contexts } from '../helpers/async-contexts.js'
import { startRedis } from '../helpers/redis-server.js'
import { redisStore } from '../helpers/redis-store.js'

t.test('a request keeps its async context when it waited for Redis', async (t) => {
  const { url } = await startRedis(t)
  const store = redisStore(t, { url, deadline: 5 })
  await store.ready()
  for (const wait of [false, true]) await t.test(`${wait}`, (t) => contexts(t, { store }, wait))
})
