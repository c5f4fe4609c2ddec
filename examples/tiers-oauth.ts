import Fastify from 'fastify'
import { defineScopes, latchkey, notFound, principalOf, serverOptions } from 'fastify-latchkey'
import { issueKeys, logger as stderr, type BuildOptions, type Example } from './base.js'
import { createTable, type ById, type Fields } from './records.js'

const scopes = defineScopes({ resources: { resources: ['read', 'write', 'manage'] } })

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
 * Plain HTTP is refused: there is no allowPlainHttp here. TLS ends at a proxy on this machine, whose word
 * `X-Forwarded-Proto: https` is believed, and nobody else's.
 */
export async function build ({ clock, logger = stderr }: BuildOptions = {}): Promise<Example> {
  const app = Fastify(serverOptions({ logger, trustProxy: '127.0.0.1' }))
  await app.register(latchkey, {
    scopes,
    keys: { prefix: 'platform', tags: { live: 'production' } },
    environment: 'production',
    limits: { tiers, environments },
    clock
  })
  app.setNotFoundHandler(notFound)

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
    title: 'Tiers of requests an hour, over HTTPS alone',
    app,
    keys: await issueKeys(app, {
      'free-read': { workspace: 'acme', scopes: ['resources:read'], tier: 'free' },
      free: { workspace: 'acme', scopes: ['resources:manage'], tier: 'free' },
      pro: { workspace: 'acme', scopes: ['resources:manage'], tier: 'pro' },
      enterprise: { workspace: 'acme', scopes: ['resources:manage'], tier: 'enterprise' },
      'enterprise-custom': { workspace: 'acme', scopes: ['resources:manage'], tier: 'enterprise-custom' }
    }),
    tries: [
      { shows: 'plain HTTP: 403', key: 'pro', path: '/v1/resources' },
      { shows: 'through a proxy that speaks TLS; the tier is in RateLimit-Policy', key: 'pro', path: '/v1/resources', headers },
      { shows: 'no key: 401', path: '/v1/resources', headers },
      { shows: 'a key without the scope: 403', key: 'free-read', method: 'POST', path: '/v1/resources', headers, body: { name: 'Invoice' } },
      { shows: 'Free has 1,000 an hour, 100 of them at once', key: 'free', path: '/v1/resources', headers },
      { shows: 'Enterprise is not limited: no RateLimit fields', key: 'enterprise', path: '/v1/resources', headers }
    ]
  }
}
