import Fastify from 'fastify'
import latchkey, { allowPlainHttp, defineScopes, type KeyStore } from 'fastify-latchkey'
import { keyRoutes } from 'fastify-latchkey/management'
import { createPostgresKeyStore } from 'fastify-latchkey/keys/postgres'
import { createRedisLimitStore } from 'fastify-latchkey/limits/redis'

/** A process of a fleet whose keys are in Postgres and whose counters are in Redis; told where by its environment. */
const scopes = defineScopes({ resources: { devices: ['read', 'write'], api_keys: ['read', 'write', 'manage'] } })
const limits = createRedisLimitStore({ url: process.env.REDIS_URL, deadline: 20 })
const postgres = createPostgresKeyStore({ connectionString: process.env.KEYS_URL, max: 4 })
let lookups = 0
const keys: KeyStore = {
  ...postgres,
  findByHash (...asked) {
    lookups++
    return postgres.findByHash(...asked)
  }
}

const app = Fastify()
await app.register(latchkey, {
  scopes,
  environment: 'production',
  keys: { prefix: 'acme', store: keys, cache: { maxAge: 3600 } },
  limits: { store: limits, environments: { production: [{ name: 'production', quota: 1_000_000, window: 60 }] } },
  deadline: 20,
  failures: false,
  transport: allowPlainHttp
})
await app.register(keyRoutes, { prefix: '/api-keys' })
app.get('/devices', { schema: scopes.secure('devices:read') }, async ({ principal }) => principal)
app.get('/lookups', { schema: scopes.public() }, async () => lookups)
await postgres.migrate()
await limits.ready()
if (process.env.MANAGER !== undefined) {
  const { secret: text } = await app.latchkey.keys.issue({ workspace: 'w1', scopes: ['devices:read', 'devices:write', 'api_keys:manage'] })
  console.log(text)
}
console.log(await app.listen({ host: '127.0.0.1', port: 0 }))
