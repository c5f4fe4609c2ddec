import Fastify from 'fastify'
import latchkey, { AccessError, allowPlainHttp, principalOf, type Principal } from 'fastify-latchkey'
import { InvalidCredential, type Resolver } from 'fastify-latchkey/auth'
import * as docs from 'fastify-latchkey/openapi'
import * as keys from 'fastify-latchkey/keys'
import * as limits from 'fastify-latchkey/limits'
import { defineScopes } from 'fastify-latchkey/scopes'
import { notFound, routeUpgrades, serverOptions, upgradeOf } from 'fastify-latchkey/server'
import { fakeClock, testPrincipals } from 'fastify-latchkey/testing'
import { scopes } from './augment.js'

export const rooms: object[] = [docs, keys, limits]
export const levels = defineScopes({ levels: ['READ', 'WRITE', 'ADMIN'], methods: { DELETE: 'ADMIN' } })

const clock = fakeClock(0)
const principals = testPrincipals()
const app = Fastify(serverOptions({ logger: true }))
app.setNotFoundHandler(notFound)
await app.register(latchkey, {
  scopes,
  environment: 'production',
  keys: { prefix: 'acme', tags: { live: 'production', test: 'sandbox' } },
  resolvers: [principals.resolver],
  limits: { tiers: { free: [{ name: 'free', quota: 1000, window: 3600, burst: 100 }] } },
  rateLimitFields: ['draft', 'trio'],
  errors: 'problem',
  transport: allowPlainHttp,
  clock: clock.now,
})

app.get('/devices', { schema: { ...scopes.secure('devices:read'), querystring: { type: 'object' } } }, async (request) => {
  const principal: Principal = principalOf(request)
  const plan: 'starter' | 'business' | undefined = principal.plan
  const loose: Principal | null = request.principal
  return { plan, workspace: loose?.workspace }
})
app.post('/devices', { schema: scopes.anyOf('devices:provision', ['devices:read', 'devices:write']) }, async () => null)
app.put('/devices', { schema: scopes.secure('devices:write', { profile: 'heavy', cost: 5 }) }, async () => null)
app.get('/me', { schema: scopes.secure() }, async () => null)
app.get('/health', { schema: scopes.public() }, async () => null)
app.delete('/devices', { schema: scopes.secure(), preHandler: scopes.requireScopes('devices:delete') }, async () => null)
app.get('/own', { onRequest: app.latchkey.authenticate }, async () => null)
app.get('/levels', { schema: levels.secure('WRITE') }, async () => null)

const { key, secret } = await app.latchkey.keys.issue({
  workspace: 'w1', scopes: ['devices:read', 'deployments:stage'], environment: 'sandbox', expiresAt: new Date(),
})
export const issued: { id: string, hints: readonly string[], secret: string } = {
  id: key.id, hints: key.secrets.map(({ hint }) => hint), secret
}
export const table = app.latchkey.scopesByResource()
routeUpgrades(app)
app.get('/live', { schema: scopes.secure('devices:read') }, async (request, reply) => {
  const upgrade = upgradeOf(request)
  if (upgrade === undefined) return reply.code(426).send()
  reply.hijack()
  upgrade.socket.end()
})
export const partner: Resolver = {
  scheme: 'partner',
  kind: 'access-token',
  description: { type: 'http', scheme: 'bearer' },
  async resolve (token) {
    if (token === 'old') throw new InvalidCredential('an old token')
    return undefined
  },
}
await principals.inject(app, { workspace: 'w1', scopes: ['devices:read'] }, { url: '/devices' })
export const status = (error: unknown): number => error instanceof AccessError ? error.statusCode : 500

// @ts-expect-error unknown scope
scopes.secure('devices:reed')
// @ts-expect-error unknown scope beside a known one
scopes.secure('devices:read', 'devices:reed')
// @ts-expect-error unknown scope
scopes.anyOf('devices:read', 'devices:reed')
// @ts-expect-error unknown scope inside an alternative
scopes.anyOf(['devices:read', 'devices:reed'])
// @ts-expect-error unknown scope
scopes.requireScopes('devices:reed')
// @ts-expect-error unknown level
levels.secure('OWNER')
// @ts-expect-error unknown scope for a key, by the registered catalogue
await app.latchkey.keys.issue({ workspace: 'w1', scopes: ['devices:reed'] })
// @ts-expect-error a principal is read-only
app.get('/', async (request) => { principalOf(request).workspace = 'w2' })
