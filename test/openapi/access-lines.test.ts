import type { FastifyInstance, FastifySchema } from 'fastify'
import { defineScopes, type LatchkeyOptions } from 'fastify-latchkey'
import { swaggerOptions, type SwaggerOptions } from 'fastify-latchkey/openapi'
import { testPrincipals } from 'fastify-latchkey/testing'
import t, { type Test } from 'tap'
import { collectRounds } from '../helpers/collect.js'
import { documented, documentOf, openapi, operationOf, scopes } from '../helpers/documented.js'

const handler = async (): Promise<null> => null
const oauth = { ...testPrincipals().resolver, scheme: 'oauth', kind: 'access-token' } as const

async function server (t: Test, schemas: Readonly<Record<string, FastifySchema>>, latchkey: Partial<LatchkeyOptions> = {}): Promise<FastifyInstance> {
  const app = await documented({
    latchkey,
    routes (app) { for (const [url, schema] of Object.entries(schemas)) app.get(url, { schema, handler }) }
  })
  t.teardown(() => app.close())
  return app
}

/** Descriptions by path. */
function descriptions (app: FastifyInstance): Record<string, unknown> {
  return Object.fromEntries(Object.entries(documentOf(app).paths).map(([path, { get }]) => [path, get?.description]))
}

/** Names of the headers of a response. */
function headers (app: FastifyInstance, path: string, status = '200'): string[] {
  return Object.keys(operationOf(app, 'get', path).responses[status]?.headers ?? {})
}

t.test('a description says which scopes an operation requires, after what the host wrote', async (t) => {
  const app = await server(t, {
    '/one': { ...scopes.secure('devices:read'), description: 'All of them.' },
    '/several': { ...scopes.secure('devices:read', 'reports:export'), description: '' },
    '/either': scopes.anyOf('reports:export', ['devices:read', 'devices:write']),
    '/any': scopes.secure(),
    '/optional': { security: [{ apiKey: ['devices:read'] }, {}] },
    '/optional-any': { security: [{ apiKey: [] }, {}] },
    '/schemes': { security: [{ apiKey: ['devices:read'] }, { oauth: ['devices:read'] }] },
    '/unlike': { security: [{ apiKey: ['devices:read'] }, { oauth: ['devices:write'] }] },
    '/token': { security: [{ apiKey: ['devices:read'] }, { oauth: [] }] },
    '/public': { ...scopes.public(), description: 'For all.' }
  }, { resolvers: [oauth] })
  t.same(descriptions(app), {
    '/one': 'All of them.\n\nScopes: `devices:read`',
    '/several': 'Scopes: `devices:read` and `reports:export`',
    '/either': 'Scopes: `reports:export`, or `devices:read` and `devices:write`',
    '/any': 'Scopes: none',
    '/optional': 'Scopes: `devices:read`; a credential is optional',
    '/optional-any': 'Scopes: none; a credential is optional',
    '/schemes': 'Scopes: `devices:read`',
    '/unlike': 'Scopes: `devices:read` of `apiKey`, or `devices:write` of `oauth`',
    '/token': 'Scopes: `devices:read` of `apiKey`, or any credential of `oauth`',
    '/public': 'For all.'
  })
})

t.test('levels are scopes too', async (t) => {
  const app = await server(t, { '/things': {} }, { scopes: defineScopes({ levels: ['READ', 'WRITE'] }) })
  t.same(descriptions(app), { '/things': 'Scopes: `READ`' })
})

t.test('what an operation costs and the limits of its profile are said; those of a credential are not', async (t) => {
  const limited = (profile: string): FastifySchema => scopes.secure('devices:read', { profile })
  const profiles = {
    hour: [{ name: 'hour', quota: 10, window: 3_600 }],
    one: [{ name: 'one', quota: 1, window: 60 }],
    many: [{ name: 'many', quota: 12_000, window: 86_400 }, { name: 'bucket', quota: 5, window: 1, burst: 20 }],
    workspace: [{ name: 'shared', quota: 3, window: 90, partition: 'workspace' }, { name: 'fortnight', quota: 9, window: 1_209_600 }],
    none: []
  } as const
  const schemas = {
    '/costly': scopes.secure('devices:read', { cost: 10 }),
    '/free': scopes.secure('devices:read', { cost: 0 }),
    '/both': scopes.secure('devices:read', { cost: 2, profile: 'hour' }),
    '/one': limited('one'),
    '/many': limited('many'),
    '/workspace': limited('workspace'),
    '/none': limited('none')
  }
  const app = await server(t, schemas, { limits: { profiles } })
  const after = (...lines: string[]): string => ['Scopes: `devices:read`', ...lines].join('\n\n')
  t.same(descriptions(app), {
    '/costly': after('Cost: 10 requests'),
    '/free': after('Cost: 0 requests'),
    '/both': after('Cost: 2 requests', 'Limit: 10 requests an hour'),
    '/one': after('Limit: 1 request a minute'),
    '/many': after('Limit: 12,000 requests a day; 5 requests a second, at most 20 at once'),
    '/workspace': after('Limit: 3 requests in 90 seconds, shared by the workspace; 9 requests in 2 weeks'),
    '/none': after('Limit: none')
  })
  t.same([headers(app, '/both'), headers(app, '/none')], [['RateLimit', 'RateLimit-Policy'], []], 'a profile without policies counts nothing')

  const rounds = collectRounds()
  for (const limits of [false, { profiles, dryRun: true }] as const) {
    const { '/costly': costly, '/both': both } = schemas
    const uncounted = await server(t, limits === false ? { '/costly': costly } : { '/costly': costly, '/both': both }, { limits })
    rounds.add([...new Set(Object.values(descriptions(uncounted)))], [after()], 'where nothing is refused, there is no cost and no limit')
    rounds.add(headers(uncounted, '/costly'), [])
  }
  t.strictSame(rounds.seen, rounds.expected)
})

t.test('successful responses of counted operations list the RateLimit fields; what the host wrote of a header stays', async (t) => {
  const mine = { type: 'integer', description: 'Mine' } as const
  const app = await documented({
    latchkey: { rateLimitFields: ['trio'] },
    swagger: { openapi, transformObject: (given) => 'openapiObject' in given ? { ...given.openapiObject, 'x-last': true } : {} },
    routes (app) {
      app.addSchema({ $id: 'Shared', type: 'object', properties: {} })
      app.get('/devices', {
        schema: {
          ...scopes.secure('devices:read'),
          response: { 200: { type: 'null', headers: { 'ratelimit-limit': mine, 'X-Mine': mine } }, '2xx': { type: 'null' }, 304: { type: 'null' }, 404: { type: 'null' } }
        },
        handler
      })
      app.get('/full', { schema: { ...scopes.secure(), response: { 200: { type: 'null', headers: { 'RateLimit-Limit': mine, 'RateLimit-Remaining': mine, 'RateLimit-Reset': mine } } } }, handler })
      app.get('/optional', { schema: { security: [{ apiKey: [] }, {}] }, handler })
      app.get('/health', { schema: scopes.public(), handler })
    }
  })
  t.teardown(() => app.close())
  const trio = ['RateLimit-Limit', 'RateLimit-Remaining', 'RateLimit-Reset']
  t.same(headers(app, '/devices'), ['RateLimit-Remaining', 'RateLimit-Reset', 'ratelimit-limit', 'X-Mine'])
  t.match(operationOf(app, 'get', '/devices').responses[200]?.headers, { 'ratelimit-limit': { description: 'Mine' }, 'RateLimit-Reset': { $ref: '#/components/headers/RateLimit-Reset' } })
  t.same(['2XX', '304', '404'].map((status) => headers(app, '/devices', status)), [trio, [], []])
  t.match(operationOf(app, 'get', '/full').responses[200]?.headers, { 'RateLimit-Limit': { description: 'Mine' }, 'RateLimit-Reset': { description: 'Mine' } })
  t.same(headers(app, '/optional'), trio)
  t.same(headers(app, '/health'), [])
})

t.test('a public operation says what it costs where anonymous callers are counted', async (t) => {
  const schemas = {
    '/health': scopes.public(),
    '/search': { ...scopes.public(), 'x-rate-limit': { profile: 'hour', cost: 2 } }
  }
  const profiles = { hour: [{ name: 'hour', quota: 10, window: 3_600 }] }
  const app = await server(t, schemas, { limits: { profiles, anonymous: [{ name: 'anonymous', quota: 30, window: 60 }] } })
  t.same(descriptions(app), { '/health': undefined, '/search': 'Cost: 2 requests\n\nLimit: 10 requests an hour' })
  t.same(headers(app, '/health'), ['RateLimit', 'RateLimit-Policy'])
})

t.test('a transform of one route keeps what its own document says; so does a response by reference', async (t) => {
  const transform = ({ schema, url }: { schema: FastifySchema, url: string }) => ({ schema: { ...schema, summary: 'Mine' }, url })
  const app = await documented({
    latchkey: { limits: { profiles: { hour: [{ name: 'hour', quota: 10, window: 3_600 }] } } },
    routes (app) {
      app.get('/mine', { schema: scopes.secure('devices:read', { profile: 'hour', cost: 3 }), config: { swaggerTransform: transform }, handler })
    }
  })
  t.teardown(() => app.close())
  t.match(operationOf(app, 'get', '/mine'), { summary: 'Mine', description: 'Scopes: `devices:read`\n\nCost: 3 requests\n\nLimit: 10 requests an hour' })

  const referred = { description: 'All.', $ref: '#/components/responses/All' }
  const described = swaggerOptions<SwaggerOptions>(app, { openapi }).transformObject?.({ openapiObject: { openapi: '3.1.0', paths: { '/x': { get: { security: [{ apiKey: [] }], responses: { 200: referred } } } } } })
  t.match(described, { paths: { '/x': { get: { responses: { 200: { headers: undefined, ...referred } } } } } })
})

t.test('the lines are left out where the host does not want them', async (t) => {
  const app = await documented({
    swagger: { openapi },
    added: { descriptions: false },
    routes: (app) => { app.get('/devices', { schema: { ...scopes.secure('devices:read'), description: 'All.' }, handler }) }
  })
  t.teardown(() => app.close())
  t.match(operationOf(app, 'get', '/devices'), { description: 'All.', responses: { 200: { headers: { RateLimit: Object } } } })
  t.throws(() => swaggerOptions(app, { openapi }, JSON.parse('{"descriptions":1}')), { name: 'OptionError', message: 'fastify-latchkey: option swaggerOptions.descriptions must be true or false, not 1' })
  t.throws(() => swaggerOptions(app, { openapi }, JSON.parse('{"description":false}')), { message: /unknown option swaggerOptions\.description/ })
})
