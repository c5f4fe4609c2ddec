import Fastify from 'fastify'
import latchkey, { allowPlainHttp, defineScopes, type LimitStore } from 'fastify-latchkey'
import { createRedisLimitStore } from 'fastify-latchkey/limits/redis'
import { KEYS, WINDOW, type Build } from './contender.js'
import { addRoutes } from './routes.js'

/** Latchkey as its README registers it. No other file of the bench uses the library. */
export const build: Build = async function buildLatchkey ({ quota, redisPort }) {
  const scopes = defineScopes({ resources: { devices: ['read', 'write'] } })
  const app = Fastify()
  await app.register(latchkey, {
    scopes,
    environment: 'production',
    keys: { prefix: 'acme' },
    limits: {
      environments: { production: [{ name: 'production', quota, window: WINDOW }] },
      ...redisPort !== undefined && { store: redisStore(redisPort) }
    },
    transport: allowPlainHttp
  })
  addRoutes(app, { schema: scopes.secure('devices:read') })
  await app.ready()

  const issue = async (environment: string, scope: 'devices:read' | 'devices:write'): Promise<string> =>
    (await app.latchkey.keys.issue({ workspace: 'w_1', environment, scopes: [scope] })).secret
  const keys: string[] = []
  for (let n = 0; n < KEYS; n++) keys.push(await issue('production', 'devices:read'))
  return {
    app,
    keys,
    refused: [[await issue('production', 'devices:write'), 403], [await issue('sandbox', 'devices:read'), 403]]
  }
}

/** With a deadline that a busy machine meets too, because the load accepts no 503. */
function redisStore (port: number): LimitStore {
  return createRedisLimitStore({ url: `redis://127.0.0.1:${port}`, deadline: 5 })
}
