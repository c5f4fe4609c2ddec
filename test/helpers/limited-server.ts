import Fastify from 'fastify'
import latchkey, { allowPlainHttp, defineScopes, type Profile, type Resolver } from 'fastify-latchkey'
import { createRedisLimitStore } from 'fastify-latchkey/limits/redis'

/** A process of a fleet: the credential is the id and names the tier; tiers, Redis and whether it is a dry run come from its environment. */
const tiers: Record<string, Profile> = JSON.parse(process.env.TIERS ?? '{}')
const scopes = defineScopes({ resources: { devices: ['read'] } })
const anybody: Resolver = {
  scheme: 'apiKey',
  kind: 'api-key',
  description: {},
  resolve: (id) => ({ kind: 'api-key', id, workspace: 'w1', environment: 'production', scopes: ['devices:read'], tier: id }),
}

const store = createRedisLimitStore({ url: process.env.REDIS_URL, deadline: 20 })
const app = Fastify()
const decisions: Record<string, number> = {}
await app.register(latchkey, {
  scopes,
  environment: 'production',
  keys: false,
  resolvers: [anybody],
  transport: allowPlainHttp,
  limits: { store, tiers, dryRun: process.env.DRY_RUN === 'yes', onDecision ({ outcome }) { decisions[outcome] = (decisions[outcome] ?? 0) + 1 } },
})
app.get('/', { schema: scopes.secure('devices:read') }, async () => 'in')
app.get('/decisions', { schema: { security: [] } }, async () => decisions)
await store.ready()
console.log(await app.listen({ host: '127.0.0.1', port: 0 }))
