import { AsyncLocalStorage } from 'node:async_hooks'
import Fastify from 'fastify'
import latchkey, { allowPlainHttp, defineScopes, type LimitStore } from 'fastify-latchkey'
import type { Test } from 'tap'
import { principal, resolverOf } from './guard.js'

const scopes = defineScopes({ resources: { devices: ['read'] } })
const REQUESTS = 200

/** Each request runs in an async context of its own from before the guard on, as @fastify/request-context and tracers have it. */
export async function contexts (t: Test, limits: { store: LimitStore } | false, wait: boolean): Promise<void> {
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
