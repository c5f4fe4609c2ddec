import swagger, { type SwaggerOptions, type SwaggerTransform, type SwaggerTransformObject } from '@fastify/swagger'
import swaggerUi from '@fastify/swagger-ui'
import Fastify, { type FastifyInstance, type FastifyServerOptions } from 'fastify'
import { defineScopes } from 'fastify-latchkey'
import { swaggerOptions } from 'fastify-latchkey/openapi'
import { testPrincipals } from 'fastify-latchkey/testing'
import t, { type Test } from 'tap'
import { collectRounds } from '../helpers/collect.js'
import { documentOf, guard, openapi, operationOf, scopes } from '../helpers/documented.js'

const handler = async (): Promise<null> => null
const apiKey = { type: 'http', scheme: 'bearer' } as const
const REFUSALS = ['200', '400', '401', '403', '429', '503']
const UNDESCRIBED = { responses: { 200: { description: 'Default Response' } } }

function server (t: Test, options: FastifyServerOptions = {}): FastifyInstance {
  const app = Fastify(options)
  t.teardown(() => app.close())
  return app
}

async function document (app: FastifyInstance, options: SwaggerOptions = { openapi }): Promise<void> {
  await app.register(swagger, swaggerOptions(app, options))
}

function addRoute (app: FastifyInstance, url = '/devices'): void {
  app.get(url, { schema: { ...scopes.secure('devices:read'), operationId: `list${url.slice(1)}` }, handler })
}

function statuses (app: FastifyInstance, path = '/devices'): string[] {
  return Object.keys(operationOf(app, 'get', path).responses)
}

t.test('the order of registration does not matter', async (t) => {
  const before = server(t)
  await document(before)
  await guard(before)
  addRoute(before)

  const after = server(t)
  await guard(after)
  await document(after)
  addRoute(after)

  await Promise.all([before.ready(), after.ready()])
  t.same(statuses(before), REFUSALS)
  t.same(documentOf(before), documentOf(after))
})

t.test('@fastify/swagger in an outer context shows what an inner one guards, and leaves the rest as it is', async (t) => {
  const app = server(t)
  await document(app, { openapi: { ...openapi, components: { securitySchemes: { basic: { type: 'http', scheme: 'basic' } } } } })
  app.get('/open', handler)
  app.get('/basic', { schema: { security: [{ basic: [] }] }, handler })
  await app.register(async (child) => {
    await guard(child)
    addRoute(child)
  })
  await app.ready()
  t.same(statuses(app), REFUSALS)
  t.same(operationOf(app, 'get', '/open'), UNDESCRIBED)
  t.same(operationOf(app, 'get', '/basic'), { security: [{ basic: [] }], ...UNDESCRIBED })
})

t.test('@fastify/swagger in a context inside the guarded one shows its routes', async (t) => {
  const app = server(t)
  await guard(app)
  let inner = app
  await app.register(async (child) => {
    inner = child
    await document(child)
    addRoute(child)
    await child.register(async (grandchild) => addRoute(grandchild, '/deep'))
  })
  await app.ready()
  t.same(statuses(inner), REFUSALS)
  t.same(statuses(inner, '/deep'), REFUSALS)
})

t.test('two guarded contexts under one document keep their own catalogues, defaults and error formats', async (t) => {
  const levels = defineScopes({ levels: ['READ', 'WRITE'] })
  const app = server(t)
  await document(app)
  await app.register(async (child) => {
    await guard(child, { errors: 'detail' })
    addRoute(child, '/resources')
  })
  await app.register(async (child) => {
    await guard(child, { errors: 'problem', scopes: levels })
    child.get('/levels', handler)
  })
  await app.ready()
  t.same(operationOf(app, 'get', '/resources').security, [{ apiKey: ['devices:read'] }])
  t.same(operationOf(app, 'get', '/levels').security, [{ apiKey: ['READ'] }])
  const { responses, schemas } = documentOf(app).components
  const rounds = collectRounds()
  const patterns = collectRounds()
  for (const [path, name, type, property] of [['/resources', '', 'application/json', 'detail'], ['/levels', '2', 'application/problem+json', 'code']] as const) {
    rounds.add(operationOf(app, 'get', path).responses[401], { $ref: `#/components/responses/Unauthorized${name}` })
    rounds.add(Object.keys(operationOf(app, 'get', path).responses[403]?.content ?? {}), [type])
    rounds.add(responses[`Unauthorized${name}`]?.content?.[type]?.schema, { $ref: `#/components/schemas/AccessRefusal${name}` })
    patterns.add(schemas[`AccessRefusal${name}`], { properties: { [property]: Object } })
  }
  t.strictSame(rounds.seen, rounds.expected)
  t.match(patterns.seen, patterns.expected)
  t.notOk('WWW-Authenticate2' in documentOf(app).components.headers, 'what both have in common is there once')
})

t.test('a document of one context does not show the schemes of another beside it', async (t) => {
  const app = server(t)
  let first = app
  await app.register(async (child) => {
    first = child
    await document(child)
    await guard(child)
    addRoute(child)
  })
  await app.register(async (child) => {
    await guard(child, { resolvers: [{ ...testPrincipals().resolver, scheme: 'partner' }] })
  })
  await app.ready()
  t.same(Object.keys(documentOf(first).components.securitySchemes), ['apiKey'])
})

t.test('swagger-ui serves the same document as JSON, and as YAML', async (t) => {
  const app = server(t)
  await document(app)
  await guard(app, { undeclared: ({ url }) => url.startsWith('/docs') ? 'public' : 'refuse' })
  await app.register(swaggerUi, { routePrefix: '/docs' })
  addRoute(app)
  await app.ready()
  t.same((await app.inject('/docs/json')).json(), documentOf(app))
  const text = await app.inject('/docs/yaml')
  t.match(text.headers['content-type'], /yaml/)
  t.match(text.body, /^openapi: 3\.1\.0\n/)
  t.match(text.body, 'INSUFFICIENT_SCOPE')
  t.notMatch(text.body, /[:-] [&*]a\d/, 'nothing is written as an alias')
})

t.test('the document is made once, and the decorator of @fastify/swagger is its own', async (t) => {
  const app = server(t)
  let made = 0
  await document(app, { openapi, transformObject: (given) => { made++; return 'openapiObject' in given ? given.openapiObject : given.swaggerObject } })
  const { swagger: decorator } = app
  await guard(app)
  addRoute(app)
  await app.ready()
  t.equal(app.swagger, decorator)
  t.equal(app.swagger(), app.swagger())
  t.equal(app.swagger({ yaml: true }), app.swagger({ yaml: true }))
  t.equal(made, 2, 'once as an object, once as YAML')
})

t.test('a document under another decorator is described alike, and so is a second one', async (t) => {
  const app = server(t)
  await guard(app)
  for (const decorator of ['reference', 'inside']) await app.register(swagger, swaggerOptions(app, { openapi, decorator }))
  addRoute(app)
  await app.ready()
  t.notOk(app.hasDecorator('swagger'))
  const patterns = collectRounds()
  for (const decorator of ['reference', 'inside']) {
    const written: unknown = Reflect.get(app, decorator)
    patterns.add(typeof written === 'function' && written(), { paths: { '/devices': { get: { responses: { 401: { $ref: '#/components/responses/Unauthorized' } } } } } })
  }
  t.match(patterns.seen, patterns.expected)
})

t.test('without a guarded context the document can not be made, and the error says why', async (t) => {
  const app = server(t)
  await document(app)
  app.get('/', handler)
  await app.ready()
  t.throws(() => app.swagger(), { code: 'LATCHKEY_ERR_OPTION', message: /swaggerOptions was given an app that Latchkey does not guard/ })
})

t.test('options for Swagger 2.0 and for static documents come back as they are', async (t) => {
  const app = server(t)
  const rounds = collectRounds()
  for (const options of [
    { swagger: { info: { title: 'x', version: '1' } } },
    { mode: 'static', openapi, specification: { document: openapi } },
    {}
  ] as const) rounds.add(swaggerOptions(app, options), options)
  t.strictSame(rounds.seen, rounds.expected)
  await document(app, { swagger: { info: { title: 'x', version: '1' }, securityDefinitions: { apiKey: { type: 'apiKey', in: 'header', name: 'authorization' } } } })
  await guard(app)
  addRoute(app)
  await app.ready()
  t.match(app.swagger(), { swagger: '2.0' })
  t.same(statuses(app), ['200'])
})

t.test('the options of the host are not changed', async (t) => {
  const app = server(t)
  const options = Object.freeze({ openapi: Object.freeze({ ...openapi, components: Object.freeze({ securitySchemes: Object.freeze({ apiKey }) }) }) })
  await document(app, options)
  await guard(app)
  addRoute(app)
  await app.ready()
  t.same(statuses(app), REFUSALS)
  t.same(options, { openapi: { ...openapi, components: { securitySchemes: { apiKey } } } })
})

t.test('the transform of the host sees the schema that the route has, and what it answers is described', async (t) => {
  const rounds = collectRounds()
  const patterns = collectRounds()
  for (const copy of [(schema: object) => schema, structuredClone]) {
    const app = server(t)
    const schema = { ...scopes.secure('devices:read', 'devices:write'), operationId: 'listDevices' }
    const { security } = schema
    const seen: Array<Parameters<SwaggerTransform>[0]> = []
    const transform: SwaggerTransform = (given) => {
      seen.push(given)
      return { schema: copy({ ...given.schema, summary: 'changed' }), url: `/v1${given.url}` }
    }
    await document(app, { openapi, transform })
    await guard(app)
    app.get('/devices', { schema, handler })
    await app.ready()
    rounds.add(statuses(app, '/v1/devices'), REFUSALS)
    patterns.add(operationOf(app, 'get', '/v1/devices'), { summary: 'changed', security: [{ apiKey: ['devices:read', 'devices:write'] }] })
    rounds.add(seen[0]?.schema.security, security)
    rounds.add([...seen[0]?.schema.security ?? []], [{ apiKey: ['devices:read', 'devices:write'] }], 'it can be iterated')
    rounds.add(seen[0]?.url, '/devices')
    rounds.add(seen[0]?.route.url, '/devices')
    patterns.add(seen[0], { openapiObject: openapi })
  }
  t.strictSame(rounds.seen, rounds.expected)
  t.match(patterns.seen, patterns.expected)
})

t.test('the transformObject of the host has the last word', async (t) => {
  const app = server(t)
  const seen: unknown[] = []
  const transformObject: SwaggerTransformObject = (given) => {
    seen.push(given)
    return JSON.parse(JSON.stringify({ ...'openapiObject' in given && given.openapiObject, info: { title: 'Mine', version: '2' } }))
  }
  await document(app, { openapi, transformObject })
  await guard(app)
  addRoute(app)
  await app.ready()
  t.match(app.swagger(), { info: { title: 'Mine' }, paths: { '/devices': { get: { responses: { 401: Object } } } } })
  t.match(seen, [{ openapiObject: { ...openapi, paths: { '/devices': { get: { responses: { 401: Object } } } } } }])
  t.same(seen.map((given) => Object.keys(Object(given))), [['openapiObject']])
})

t.test('a route with a transform of its own, or with none, shows what its schema states', async (t) => {
  const app = server(t)
  await document(app)
  await guard(app)
  const swaggerTransform: SwaggerTransform = ({ schema, url }) => ({ schema: { ...schema, summary: 'own' }, url })
  app.get('/own', { schema: scopes.secure('devices:read'), config: { swaggerTransform }, handler })
  app.get('/none', { schema: scopes.secure('devices:read'), config: { swaggerTransform: false }, handler })
  await app.ready()
  t.match(operationOf(app, 'get', '/own'), { summary: 'own', security: [{ apiKey: ['devices:read'] }] })
  const rounds = collectRounds()
  for (const path of ['/own', '/none']) rounds.add(statuses(app, path), REFUSALS)
  t.strictSame(rounds.seen, rounds.expected)
})

t.test('HEAD operations are shown when the host wants them, in either order, defaults as well', async (t) => {
  const levels = defineScopes({ levels: ['READ', 'WRITE'] })
  const rounds = collectRounds()
  for (const order of [[document, guard], [guard, document]]) {
    const app = server(t)
    for (const plugin of order) await (plugin === guard ? guard(app, { scopes: levels }) : document(app, { openapi, exposeHeadRoutes: true }))
    app.get('/things', { schema: { operationId: 'listThings' }, handler })
    app.get('/plain', handler)
    await app.ready()
    for (const path of ['/things', '/plain']) {
      rounds.add(Object.keys(operationOf(app, 'head', path).responses), REFUSALS)
      rounds.add(operationOf(app, 'head', path).security, [{ apiKey: ['READ'] }])
    }
    rounds.add(operationOf(app, 'head', '/things').operationId, 'listThings-head')
  }
  t.strictSame(rounds.seen, rounds.expected)
})

t.test('a hidden route is not shown, however it is hidden', async (t) => {
  const app = server(t)
  await document(app, { openapi, transform: ({ schema, url }) => ({ schema: { ...schema, ...url === '/inside' && { hide: true } }, url }) })
  await guard(app)
  app.get('/hidden', { schema: { ...scopes.secure('devices:read'), hide: true }, handler })
  addRoute(app, '/inside')
  addRoute(app)
  await app.ready()
  t.same(Object.keys(documentOf(app).paths), ['/devices'])
})

t.test('a route that was there before Latchkey is shown by what it states', async (t) => {
  const app = server(t)
  await document(app, { openapi: { ...openapi, components: { securitySchemes: { other: apiKey } } } })
  addRoute(app)
  app.get('/silent', handler)
  app.get('/open', { schema: scopes.public(), handler })
  app.get('/other', { schema: { security: [{ other: [] }, { apiKey: [] }] }, handler })
  await guard(app, { undeclared: 'authenticate' })
  await app.ready()
  t.same(statuses(app), REFUSALS)
  const rounds = collectRounds()
  for (const path of ['/silent', '/open', '/other']) rounds.add(statuses(app, path), ['200'])
  t.strictSame(rounds.seen, rounds.expected)
})

t.test('methods that OpenAPI 3.2 added are described', async (t) => {
  const app = server(t)
  app.addHttpMethod('PURGE')
  await document(app, { openapi: { ...openapi, openapi: '3.2.0' } })
  await guard(app)
  app.route({ method: ['QUERY', 'PURGE'], url: '/devices', schema: scopes.secure('devices:read'), handler })
  await app.ready()
  const refused = { 401: { $ref: '#/components/responses/Unauthorized' } }
  t.match(documentOf(app).paths['/devices'], { query: { responses: refused }, additionalOperations: { PURGE: { responses: refused } } })
})

t.test('OpenAPI 3.0 lists scopes for OAuth alone, whose other schemes must have none', async (t) => {
  const bearer = (scheme: string, type: string) => ({ ...testPrincipals().resolver, scheme, description: { type, scheme: 'bearer' } })
  const rounds = collectRounds()
  const patterns = collectRounds()
  for (const [version, expected] of [
    ['3.0.3', [{ apiKey: [] }, { oauth: ['devices:read'] }, { openId: ['devices:write'] }]],
    ['3.1.0', [{ apiKey: ['devices:read'] }, { apiKey: ['devices:write'] }, { oauth: ['devices:read'] }, { openId: ['devices:write'] }]]
  ] as const) {
    const app = server(t)
    await document(app, { openapi: { ...openapi, openapi: version } })
    await guard(app, { resolvers: [bearer('oauth', 'oauth2'), bearer('openId', 'openIdConnect')] })
    app.get('/devices', {
      schema: { security: [{ apiKey: ['devices:read'] }, { apiKey: ['devices:write'] }, { oauth: ['devices:read'] }, { openId: ['devices:write'] }] }, handler
    })
    await app.ready()
    rounds.add(operationOf(app, 'get', '/devices').security, expected, version)
    patterns.add(operationOf(app, 'get', '/devices').responses[403]?.description, /devices:read/, 'the response names them')
  }
  t.strictSame(rounds.seen, rounds.expected)
  t.match(patterns.seen, patterns.expected)
})

t.test('operations that the host wrote itself gain what they state, whatever else is in the document', async (t) => {
  const operation = { security: [{ apiKey: ['devices:read'] }], responses: { 200: { description: 'Ok' } } }
  const paths = JSON.parse(JSON.stringify({
    '/devices': {
      summary: 'Devices',
      get: { ...operation, parameters: [{ $ref: '#/x' }, null] },
      put: null,
      post: { security: 'apiKey' },
      patch: { security: [{ apiKey: 'read' }] },
      delete: { security: [{ apiKey: [] }] },
      trace: { security: [{ apiKey: [] }, { apiKey: 'read' }] }
    },
    '/null': null
  }))
  const app = server(t)
  await document(app, { openapi: { ...openapi, components: {}, paths } })
  await guard(app)
  await app.ready()
  t.match(documentOf(app).paths, {
    '/devices': { ...paths['/devices'], get: { parameters: [{ $ref: '#/x' }, null], responses: { 401: {} } }, delete: { responses: { 403: { $ref: '#/components/responses/Forbidden' } } } },
    '/null': null
  })
  const rounds = collectRounds()
  for (const method of ['patch', 'trace']) rounds.add('responses' in (documentOf(app).paths['/devices']?.[method] ?? {}), false, method)
  t.strictSame(rounds.seen, rounds.expected)
})
