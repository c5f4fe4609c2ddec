import swagger from '@fastify/swagger'
import swaggerUi from '@fastify/swagger-ui'
import Fastify from 'fastify'
import { allowPlainHttp, defineScopes, latchkey, notFound, principalOf, serverOptions } from 'fastify-latchkey'
import { keyRoutes, webhookRoutes } from 'fastify-latchkey/management'
import { createIntrospectionResolver, createJwtResolver, protectedResource } from 'fastify-latchkey/oauth'
import { swaggerOptions } from 'fastify-latchkey/openapi'
import { allowPrivateAddresses, createMemoryWebhookStore, webhooks } from 'fastify-latchkey/webhooks'
import { issueKeys, logger as stderr, type BuildOptions, type Example } from './base.js'
import { startFront } from './front.js'
import { exampleRequest, introspector, RESOURCE, startProvider } from './oauth-provider.js'
import { createTable, type ById, type Fields } from './records.js'
import { startReceiver } from './webhook-receiver.js'

/** Each route takes an API key or an access token of a user, with the same scopes. */
const scopes = defineScopes({ resources: { resources: ['read', 'write', 'manage'], api_keys: ['read', 'write', 'manage'], webhooks: ['read', 'write', 'manage'] }, schemes: ['apiKey', 'oauth'] })

/** Requests an hour, and how many of them may come at once. */
const tiers = {
  free: [{ name: 'free', quota: 1_000, window: 3_600, burst: 100 }],
  pro: [{ name: 'pro', quota: 10_000, window: 3_600, burst: 1_000 }],
  enterprise: [],
  'enterprise-custom': [{ name: 'enterprise-custom', quota: 250_000, window: 3_600, burst: 5_000 }]
}

/** A key without a tier counts as Free. */
const environments = { production: tiers.free }

/**
 * Plain HTTP is refused: there is no allowPlainHttp here for callers. TLS ends at a proxy on this machine, whose word
 * `X-Forwarded-Proto: https` is believed, and nobody else's.
 */
export async function build ({ clock = Date.now, logger = stderr }: BuildOptions = {}): Promise<Example> {
  const app = Fastify(serverOptions({ logger, trustProxy: '127.0.0.1' }))
  const provider = await startProvider(scopes.names)
  const front = await startFront(app.server)
  const receiver = await startReceiver()
  app.addHook('onClose', async () => { await Promise.all([provider.close(), front.close(), receiver.close()]) })

  const issuer = provider.url
  const { authorize, verifier } = exampleRequest(issuer)
  const endpoint = (name: string) => `${issuer}/oauth2/${name}`
  const tokens = {
    claims: { workspace: 'workspace', tier: 'tier' },
    authorizationCode: { authorizationUrl: endpoint('authorize'), tokenUrl: endpoint('token'), refreshUrl: endpoint('token') },
    scopes,
    dpop: { origin: front.url },
    transport: allowPlainHttp // between this machine's API and its authorization server
  } as const

  await app.register(swagger, swaggerOptions(app, { openapi: { openapi: '3.1.0', info: { title: 'Platform API', version: '2.1.0' }, servers: [{ url: '/' }] } }))
  await app.register(latchkey, {
    scopes,
    keys: { prefix: 'platform', tags: { live: 'production' } },
    resolvers: [
      createJwtResolver({ ...tokens, issuers: [{ issuer, audience: RESOURCE, algorithms: ['ES256'] }] }),
      createIntrospectionResolver({ ...tokens, issuer, audience: RESOURCE, endpoint: endpoint('introspect'), client: introspector, cache: false })
    ],
    environment: 'production',
    limits: { tiers, environments },
    undeclared: ({ url }) => url.startsWith('/docs') ? 'public' : 'refuse',
    clock
  })
  await app.register(protectedResource, { resource: RESOURCE, authorizationServers: [issuer], scopes, name: 'Platform API' })
  await app.register(swaggerUi, {
    routePrefix: '/docs',
    staticCSP: `default-src 'self'; connect-src 'self' ${issuer}; style-src 'self' 'unsafe-inline'; img-src 'self' data:; frame-ancestors 'none'`,
    uiConfig: { tryItOutEnabled: true, validatorUrl: null },
    initOAuth: { clientId: 'docs', usePkceWithAuthorizationCodeGrant: true, scopes: ['resources:read'] }
  })
  app.setNotFoundHandler(notFound)

  // The key named automation rotates the keys of all tiers.
  await app.register(keyRoutes, { prefix: '/v1/keys', rotateEvery: 90 * 86_400, mayExceed: ['tier'] })
  await app.register(webhooks, { store: createMemoryWebhookStore(), destinations: allowPrivateAddresses }) // the receiver is on this machine
  await app.register(webhookRoutes, { prefix: '/v1/webhooks' })
  receiver.secret = (await app.latchkey.webhooks.create('acme', { url: receiver.url, events: ['key.expiring'] })).secret
  await app.latchkey.keys.issue({ workspace: 'acme', scopes: ['resources:read'], name: 'expires in an hour', expiresAt: new Date(clock() + 3_600_000) })

  const resources = createTable('resource', { acme: [{ id: 'resource_1', name: 'Report' }] })
  const read = { schema: scopes.secure('resources:read') }
  const write = { schema: scopes.secure('resources:write') }

  app.get('/v1/resources', read, (request) => resources.list(request))
  app.get<ById>('/v1/resources/:id', read, (request, reply) => resources.get(request, request.params.id) ?? notFound(request, reply))
  app.post<{ Body: Fields }>('/v1/resources', write, (request, reply) => reply.code(201).send(resources.add(request, request.body)))
  app.patch<ById & { Body: Fields }>('/v1/resources/:id', write, (request, reply) =>
    resources.change(request, request.params.id, request.body) ?? notFound(request, reply))
  app.delete<ById>('/v1/resources/:id', write, (request, reply) => resources.remove(request, request.params.id) ?? notFound(request, reply))
  app.get('/v1/key', { schema: scopes.secure() }, (request) => principalOf(request))

  const headers = { 'X-Forwarded-Proto': 'https' }
  return {
    title: 'Tiers of requests an hour, over HTTPS alone, for API keys and OAuth 2.0',
    app,
    keys: await issueKeys(app, {
      'free-read': { workspace: 'acme', scopes: ['resources:read'], tier: 'free' },
      free: { workspace: 'acme', scopes: ['resources:manage'], tier: 'free' },
      pro: { workspace: 'acme', scopes: ['resources:manage'], tier: 'pro' },
      enterprise: { workspace: 'acme', scopes: ['resources:manage'], tier: 'enterprise' },
      'enterprise-custom': { workspace: 'acme', scopes: ['resources:manage'], tier: 'enterprise-custom' },
      automation: { workspace: 'acme', scopes: ['resources:manage', 'api_keys:manage', 'webhooks:manage'], tier: 'pro' }
    }),
    pages: [`${front.url}/docs`, authorize],
    news: receiver.news,
    oauth: { issuer, authorize, verifier, token: endpoint('token'), front: front.url },
    tries: [
      { shows: 'plain HTTP: 403', key: 'pro', path: '/v1/resources' },
      { shows: 'through a proxy that speaks TLS; the tier is in RateLimit-Policy', key: 'pro', path: '/v1/resources', headers },
      { shows: 'no key: 401', path: '/v1/resources', headers },
      { shows: 'a key without the scope: 403', key: 'free-read', method: 'POST', path: '/v1/resources', headers, body: { name: 'Invoice' } },
      { shows: 'Free has 1,000 an hour, 100 of them at once', key: 'free', path: '/v1/resources', headers },
      { shows: 'Enterprise is not limited: no RateLimit fields', key: 'enterprise', path: '/v1/resources', headers },
      { shows: 'what rotates keys by a schedule lists them with the day by which to do so', key: 'automation', path: '/v1/keys', headers },
      { shows: 'webhooks tell of keys that are about to expire; what the receiver of this example gets is printed below', key: 'automation', path: '/v1/webhooks', headers },
      { shows: 'where OAuth clients get a token; sign in at /docs as ada (demo-ada) of acme or grace (demo-grace) of globex', path: '/.well-known/oauth-protected-resource', headers }
    ]
  }
}
