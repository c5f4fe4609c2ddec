import fastifyRedis from '@fastify/redis'
import Fastify from 'fastify'
import { compilePolicy } from 'fastify-latchkey/limits'
import { LimitStoreUnavailable } from 'fastify-latchkey/limits/redis'
import t from 'tap'
import { principal } from '../helpers/limits.js'
import { startRedis } from '../helpers/redis-server.js'
import { redisStore } from '../helpers/redis-store.js'
import { until } from '../helpers/until.js'

const policies = [compilePolicy({ name: 'p', quota: 100, window: 3600 })]
const ada = principal('ada', { version: 1 })
const take = { policies, caller: ada, cost: 1, now: 0 }

t.test('a client of @fastify/redis, under a namespace of its own, stays the host\'s', async (t) => {
  const server = await startRedis(t)
  const app = Fastify()
  await app.register(fastifyRedis, { url: server.url, namespace: 'limits', keyPrefix: 'app:' })
  const { limits } = app.redis
  t.ok(limits)
  if (limits === undefined) return
  const store = redisStore(t, { redis: limits, deadline: 2 })
  await store.ready()
  await store.publishVersion(ada, 3)
  t.match(await store.take(take), { admitted: true, versionMarker: 3, policies: [{ remaining: 99 }] })
  t.same((await server.client().keys('app:latchkey:*')).filter((name) => !name.includes('check')), ['app:latchkey:{10,2,productionw1}:ada'])
  store.close()
  t.equal(await limits.ping(), 'PONG')
  await app.close()
  await until(() => limits.status === 'end', 'the host closes it')
})

t.test('with its default options, which queue and send twice, nothing is counted that was answered 503', async (t) => {
  const server = await startRedis(t)
  const app = Fastify()
  await app.register(fastifyRedis, { url: server.url })
  t.teardown(() => app.close())
  const store = redisStore(t, { redis: app.redis, deadline: 0.3 })
  await store.ready()
  await store.take(take)
  server.freeze()
  const late = await Promise.allSettled(Array.from({ length: 10 }, () => store.take(take)))
  t.ok(late.every((one) => one.status === 'rejected' && one.reason instanceof LimitStoreUnavailable))
  server.thaw()
  const left = () => store.inspect(ada, [{ name: 'p', quota: 100, window: 3600 }]).then(({ policies: [one] }) => one?.remaining, () => undefined)
  await until(async () => await left() !== undefined, 'it works again')
  t.equal(await left(), 99)
})
