import { defineScopes, type ErrorFormat } from 'fastify-latchkey'
import { testPrincipals } from 'fastify-latchkey/testing'
import t, { type Test } from 'tap'
import { collectRounds } from '../helpers/collect.js'
import { documented, documentOf, operationOf, scopes } from '../helpers/documented.js'

const handler = async (): Promise<null> => null
const STATUSES = ['400', '401', '403', '429', '503']

async function server (t: Test, parts: Parameters<typeof documented>[0]) {
  const app = await documented(parts)
  t.teardown(() => app.close())
  return app
}

t.test('the security scheme is there although the host wrote none', async (t) => {
  const app = await server(t, { routes: (app) => { app.get('/devices', { schema: scopes.secure('devices:read'), handler }) } })
  t.same(documentOf(app).components.securitySchemes, {
    apiKey: { type: 'http', scheme: 'bearer', description: 'API key: `Authorization: Bearer <key>`.' }
  })
})

t.test('a scheme that the host wrote stays as written, beside those of other resolvers', async (t) => {
  const mine = { type: 'http', scheme: 'bearer', description: 'Mine' } as const
  const oauth = { ...testPrincipals().resolver, scheme: 'oauth', kind: 'access-token', description: { type: 'http', scheme: 'bearer', bearerFormat: 'JWT' } } as const
  const app = await server(t, {
    latchkey: { resolvers: [oauth] },
    swagger: { openapi: { openapi: '3.1.0', info: { title: 'x', version: '1' }, components: { securitySchemes: { apiKey: mine } } } },
    routes (app) {
      app.get('/any', { schema: scopes.secure(), handler })
      app.get('/undeclared', { schema: { security: [{ apiKey: ['devices:read'] }, { oauth: [] }] }, handler })
    }
  })
  t.same(documentOf(app).components.securitySchemes, { apiKey: mine, oauth: oauth.description })
  t.same(operationOf(app, 'get', '/undeclared').security, [{ apiKey: ['devices:read'] }, { oauth: [] }])
  t.equal(operationOf(app, 'get', '/undeclared').responses[403]?.description, 'Requires devices:read of apiKey, or any credential of oauth.')
})

t.test('a guarded operation shows what it requires and how it refuses', async (t) => {
  const app = await server(t, { routes: (app) => { app.get('/devices', { schema: scopes.secure('devices:read', { cost: 5 }), handler }) } })
  const operation = operationOf(app, 'get', '/devices')
  t.same(operation.security, [{ apiKey: ['devices:read'] }])
  t.same(operation['x-rate-limit'], { cost: 5 })
  t.same(Object.keys(operation.responses), ['200', ...STATUSES])
  t.same([400, 401, 429, 503].map((status) => operation.responses[status]?.$ref), [
    '#/components/responses/BadRequest',
    '#/components/responses/Unauthorized',
    '#/components/responses/TooManyRequests',
    '#/components/responses/ServiceUnavailable'
  ])
  t.equal(operation.responses[403]?.description, 'Requires devices:read.')
  t.same(operation.responses[403]?.content?.['application/problem+json']?.examples?.INSUFFICIENT_SCOPE?.value, {
    type: 'about:blank',
    title: 'Forbidden',
    status: 403,
    detail: 'This operation requires devices:read; the credential grants nothing.',
    code: 'INSUFFICIENT_SCOPE',
    required: [['devices:read']],
    granted: []
  })
})

t.test('each refusal lists its headers', async (t) => {
  const app = await server(t, { routes: (app) => { app.get('/devices', { schema: scopes.secure('devices:read'), handler }) } })
  const { responses = {}, headers } = documentOf(app).components
  const named = (name: string): string[] => Object.keys(responses[name]?.headers ?? {})
  t.same(named('BadRequest'), ['WWW-Authenticate', 'Cache-Control'])
  t.same(named('Unauthorized'), ['WWW-Authenticate', 'Cache-Control'])
  t.same(named('TooManyRequests'), ['Retry-After', 'RateLimit', 'RateLimit-Policy', 'Cache-Control'])
  t.same(named('ServiceUnavailable'), ['Retry-After', 'Cache-Control'])
  t.same(Object.keys(operationOf(app, 'get', '/devices').responses[403]?.headers ?? {}), ['WWW-Authenticate', 'Cache-Control'])
  t.match(headers['Retry-After'], { schema: { type: 'integer', minimum: 1 } })
  t.same(responses.Unauthorized?.headers?.['WWW-Authenticate'], { $ref: '#/components/headers/WWW-Authenticate' })
})

t.test('the RateLimit fields are those that responses carry', async (t) => {
  const trio = ['RateLimit-Limit', 'RateLimit-Remaining', 'RateLimit-Reset']
  const rounds = collectRounds()
  for (const [chosen, expected] of [
    ['trio', trio],
    ['x-ratelimit', trio.map((name) => `X-${name}`)],
    [['draft', 'trio'], ['RateLimit', 'RateLimit-Policy', ...trio]],
    [false, []]
  ] as const) {
    const app = await server(t, { latchkey: { rateLimitFields: chosen }, routes: (app) => { app.get('/', { schema: scopes.secure(), handler }) } })
    rounds.add(Object.keys(documentOf(app).components.responses.TooManyRequests?.headers ?? {}), ['Retry-After', ...expected, 'Cache-Control'])
  }
  t.strictSame(rounds.seen, rounds.expected)
})

t.test('the body of a refusal is that of the chosen format, with what is really sent as example', async (t) => {
  const custom: ErrorFormat = ({ code, statusCode }) => ({ body: { oops: code }, type: statusCode === 401 && code === 'CREDENTIAL_MISSING' ? 'application/vnd.acme+json; v=1' : 'application/json' })
  const rounds = collectRounds()
  const patterns = collectRounds()
  for (const [errors, media, required, example] of [
    ['problem', 'application/problem+json', ['type', 'title', 'status', 'detail', 'code'], { code: 'CREDENTIAL_MISSING', status: 401 }],
    ['error', 'application/json', ['error'], { error: 'CREDENTIAL_MISSING' }],
    ['detail', 'application/json', ['detail'], { detail: 'Authentication credentials were not provided.' }],
    ['error-message', 'application/json', ['error', 'message'], { error: 'credential_missing', message: 'Authentication credentials were not provided.' }],
    [custom, 'application/vnd.acme+json', undefined, { oops: 'CREDENTIAL_MISSING' }],
    ['throw', 'application/json', undefined, undefined]
  ] as const) {
    const app = await server(t, { latchkey: { errors }, routes: (app) => { app.get('/devices', { schema: scopes.secure('devices:read'), handler }) } })
    const { responses, schemas } = documentOf(app).components
    const content = responses.Unauthorized?.content?.[media]
    rounds.add(content?.schema, { $ref: '#/components/schemas/AccessRefusal' })
    rounds.add(schemas.AccessRefusal?.type, 'object')
    rounds.add(schemas.AccessRefusal?.required, required)
    patterns.add(content?.examples?.CREDENTIAL_MISSING?.value, example)
    if (errors === custom) rounds.add(responses.Unauthorized?.content?.['application/json']?.examples, { CREDENTIAL_INVALID: { value: { oops: 'CREDENTIAL_INVALID' } } })
    const { body, headers } = await app.inject('/devices')
    if (example !== undefined) rounds.add(JSON.parse(body), content?.examples?.CREDENTIAL_MISSING?.value)
    if (example !== undefined) rounds.add(headers['content-type']?.toString().replace(/;.*/, ''), media)
  }
  t.strictSame(rounds.seen, rounds.expected)
  t.match(patterns.seen, patterns.expected)
})

t.test('alternatives and lists of scopes read as a sentence; any credential has a plain 403', async (t) => {
  const app = await server(t, {
    routes (app) {
      app.get('/either', { schema: scopes.anyOf('reports:export', ['devices:read', 'devices:write']), handler })
      app.get('/twice', { schema: scopes.anyOf('devices:read', 'devices:read'), handler })
      app.get('/any', { schema: scopes.secure(), handler })
    }
  })
  t.equal(operationOf(app, 'get', '/either').responses[403]?.description, 'Requires reports:export, or devices:read and devices:write.')
  t.equal(operationOf(app, 'get', '/twice').responses[403]?.description, 'Requires devices:read.')
  t.same(operationOf(app, 'get', '/any').responses[403], { $ref: '#/components/responses/Forbidden' })
})

t.test('public operations show no refusals; optional ones show that a credential is optional', async (t) => {
  const app = await server(t, {
    latchkey: { undeclared: ({ url }) => url === '/page' ? 'public' : 'refuse' },
    routes (app) {
      app.get('/health', { schema: scopes.public(), handler })
      app.get('/page', handler)
      app.get('/optional', { schema: { security: [{}, { apiKey: ['devices:read'] }] }, handler })
    }
  })
  const rounds = collectRounds()
  for (const path of ['/health', '/page']) {
    rounds.add(operationOf(app, 'get', path), { security: [], responses: { 200: { description: 'Default Response' } } })
  }
  t.strictSame(rounds.seen, rounds.expected)
  t.same(operationOf(app, 'get', '/optional').security, [{ apiKey: ['devices:read'] }, {}])
  t.same(Object.keys(operationOf(app, 'get', '/optional').responses), ['200', ...STATUSES])
})

t.test('public operations show 429 and 503 where anonymous callers are counted', async (t) => {
  const app = await server(t, {
    latchkey: { limits: { anonymous: [{ name: 'anonymous', quota: 30, window: 60 }] } },
    routes (app) {
      app.get('/health', { schema: scopes.public(), handler })
      app.get('/free', { schema: scopes.public({ anonymous: false }), handler })
      app.get('/own', { schema: { ...scopes.public(), response: { 429: { description: 'Own.', type: 'null' } } }, handler })
    }
  })
  const { security, responses } = operationOf(app, 'get', '/health')
  t.same([security, Object.keys(responses)], [[], ['200', '429', '503']])
  const free = operationOf(app, 'get', '/free')
  t.same([Object.keys(free.responses), free.responses[200]?.headers], [['200'], undefined], 'nobody is counted there')
  t.equal(operationOf(app, 'get', '/own').responses[429]?.description, 'Own.')
  const { PublicTooManyRequests, PublicServiceUnavailable } = documentOf(app).components.responses
  t.same(Object.keys(PublicTooManyRequests?.headers ?? {}), ['Retry-After', 'RateLimit', 'RateLimit-Policy', 'Cache-Control'])
  t.same(Object.keys(PublicTooManyRequests?.content?.['application/problem+json']?.examples ?? {}), ['RATE_LIMITED'])
  t.same(Object.keys(PublicServiceUnavailable?.content?.['application/problem+json']?.examples ?? {}), ['LIMITER_UNAVAILABLE'])
})

t.test('a document without guarded operations has no unused parts', async (t) => {
  const app = await server(t, { routes: (app) => { app.get('/health', { schema: scopes.public(), handler }) } })
  t.same(Object.keys(documentOf(app).components).sort(), ['schemas', 'securitySchemes'])
})

t.test('defaults are shown: of levels by method, of `undeclared` by the answer of the host', async (t) => {
  const levels = defineScopes({ levels: ['READ', 'WRITE', 'ADMIN'], methods: { DELETE: 'ADMIN' } })
  const app = await server(t, {
    latchkey: { scopes: levels },
    routes (app) {
      app.route({ method: ['GET', 'POST', 'DELETE'], url: '/things', handler })
      app.put('/things', { schema: levels.secure('ADMIN'), handler })
    }
  })
  t.same(['get', 'post', 'delete', 'put'].map((method) => operationOf(app, method, '/things').security), [
    [{ apiKey: ['READ'] }], [{ apiKey: ['WRITE'] }], [{ apiKey: ['ADMIN'] }], [{ apiKey: ['ADMIN'] }]
  ])
  t.equal(operationOf(app, 'post', '/things').responses[403]?.description, 'Requires WRITE.')

  const answered = await server(t, {
    latchkey: { undeclared: ({ url }) => url === '/read' ? [{ apiKey: ['devices:read'] }] : 'authenticate' },
    routes: (app) => { app.get('/read', handler).get('/any', handler) }
  })
  t.same(operationOf(answered, 'get', '/read').security, [{ apiKey: ['devices:read'] }])
  t.same(operationOf(answered, 'get', '/any').security, [{ apiKey: [] }])
})

t.test('what the host declared of a status stays, and its components of a name as well', async (t) => {
  const mine = { description: 'Mine', content: { 'application/json': { schema: { type: 'object', properties: { mine: { type: 'string' } } } } } }
  const app = await server(t, {
    swagger: { openapi: { openapi: '3.1.0', info: { title: 'x', version: '1' }, components: { responses: { Unauthorized: { description: 'Ours' } } } } },
    routes (app) {
      app.get('/devices', { schema: { ...scopes.secure('devices:read'), response: { 403: mine, 429: mine } }, handler: async (_request, reply) => reply.code(403).send({ mine: 'kept', other: 'dropped' }) })
    }
  })
  const { responses } = operationOf(app, 'get', '/devices')
  t.same(responses[403], mine)
  t.same(responses[429], mine)
  t.same(responses[401], { $ref: '#/components/responses/Unauthorized' })
  t.same(documentOf(app).components.responses.Unauthorized, { description: 'Ours' })
  t.notOk('TooManyRequests' in documentOf(app).components.responses)
})

t.test('a parameter that is the credential is not shown twice', async (t) => {
  const cookie = { ...testPrincipals().resolver, scheme: 'cookie', description: { type: 'apiKey', in: 'query', name: 'sid' } }
  const app = await server(t, {
    latchkey: { resolvers: [cookie] },
    routes (app) {
      app.get('/devices', {
        schema: {
          ...scopes.secure('devices:read'),
          headers: { type: 'object', properties: { Authorization: { type: 'string' }, 'x-trace': { type: 'string' } } },
          querystring: { type: 'object', properties: { sid: { type: 'string' }, authorization: { type: 'string' } } }
        },
        handler
      })
    }
  })
  t.same(operationOf(app, 'get', '/devices').parameters?.map((one) => `${one.in} ${one.name}`), ['query authorization', 'header x-trace'])
})

t.test('response schemas of the host still shape what its handler sends', async (t) => {
  const as = testPrincipals()
  const app = await server(t, {
    latchkey: { resolvers: [as.resolver] },
    routes (app) {
      app.get('/devices', { schema: scopes.secure('devices:read'), handler: async (_request, reply) => reply.code(403).send({ mine: 'all of it' }) })
    }
  })
  const { body } = await as.inject(app, { scopes: ['devices:read'] }, { url: '/devices' })
  t.equal(body, '{"mine":"all of it"}')
})

t.test('the schemas of the host are not touched', async (t) => {
  const schema = { summary: 'List', security: Object.freeze([Object.freeze({ apiKey: Object.freeze(['devices:read']) })]) }
  let used: unknown
  const app = await server(t, {
    routes (app) {
      app.addHook('onRoute', (route) => { used = route.schema })
      app.get('/devices', { schema, exposeHeadRoute: false, handler })
    }
  })
  t.equal(used, schema)
  t.same(operationOf(app, 'get', '/devices').security, [{ apiKey: ['devices:read'] }])
  t.same(Object.keys(schema), ['summary', 'security'])
})
