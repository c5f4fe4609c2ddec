import { AsyncLocalStorage } from 'node:async_hooks'
import Fastify from 'fastify'
import latchkey, { allowPlainHttp, defineScopes, type LimitStore } from 'fastify-latchkey'
import { createMemoryLimitStore } from 'fastify-latchkey/limits'
import t, { type Test } from 'tap'
import { principal, resolverOf } from '../helpers/guard.js'
import { startRedis } from '../helpers/redis-server.js'
import { redisStore } from '../helpers/redis-store.js'

const scopes = defineScopes({ resources: { devices: ['read'] } })
const REQUESTS = 200

/** Each request runs in an async context of its own from before the guard on, as @fastify/request-context and tracers have it. */
async function contexts (t: Test, limits: { store: LimitStore } | false, wait: boolean): Promise<void> {
  const context = new AsyncLocalStorage<string>()
  const app = Fastify()
  t.teardown(() => app.close())
  app.addHook('onRequest', function enter (request, _reply, done) { context.run(request.url, done) })
  const resolvers = [resolverOf(async (token) => {
    if (wait) await new Promise((resolve) => setTimeout(resolve, Math.random() * 5))
    return principal({ id: token })
  })]
  await app.register(latchkey, { scopes, environment: 'production', keys: false, resolvers, limits, transport: allowPlainHttp })
  app.get('/devices/:n', { schema: { ...scopes.secure('devices:read') } }, async () => ({ context: context.getStore() }))
  const urls = Array.from({ length: REQUESTS }, (_, n) => `/devices/${n}`)
  const answers = await Promise.all(urls.map((url, n) => app.inject({ url, headers: { authorization: `Bearer caller-${n % 7}` } })))
  t.same(answers.map((answer) => [answer.statusCode, answer.json().context]), urls.map((url) => [200, url]))
}

t.test('a request keeps its async context, whatever it waited for', async (t) => {
  const server = await startRedis(t)
  const redis = redisStore(t, { url: server.url, deadline: 5 })
  await redis.ready()
  const later: LimitStore = { ...createMemoryLimitStore(), take: async (take) => createMemoryLimitStore().take(take) }
  for (const wait of [false, true]) {
    await t.test(`no limits, ${wait}`, (t) => contexts(t, false, wait))
    await t.test(`counters in memory, ${wait}`, (t) => contexts(t, { store: createMemoryLimitStore() }, wait))
    await t.test(`an asynchronous store, ${wait}`, (t) => contexts(t, { store: later }, wait))
    await t.test(`Redis, ${wait}`, (t) => contexts(t, { store: redis }, wait))
  }
})
