import swagger from '@fastify/swagger'
import swaggerUi from '@fastify/swagger-ui'
import Fastify, { type FastifyInstance, type FastifyServerOptions } from 'fastify'
import { accessDocument } from 'fastify-latchkey/openapi'
import t, { type Test } from 'tap'
import { documentOf, guard, openapi, operationOf, scopes } from '../helpers/documented.js'

const handler = async (): Promise<null> => null
const yes = { apiKey: { type: 'http', scheme: 'bearer' } } as const
const REFUSALS = ['200', '400', '401', '403', '429', '503']

function server (t: Test, options: FastifyServerOptions = {}): FastifyInstance {
  const app = Fastify(options)
  t.teardown(() => app.close())
  return app
}

function addRoute (app: FastifyInstance, url = '/devices'): void {
  app.get(url, { schema: { ...scopes.secure('devices:read'), operationId: `list${url.slice(1)}` }, handler })
}

function statuses (app: FastifyInstance, path = '/devices'): string[] {
  return Object.keys(operationOf(app, 'get', path).responses)
}

t.test('the order of registration does not matter, and no option of either plugin is needed', async (t) => {
  const before = server(t)
  await before.register(swagger, { openapi })
  await guard(before)
  addRoute(before)

  const after = server(t)
  await guard(after)
  await after.register(swagger, { openapi })
  addRoute(after)

  await Promise.all([before.ready(), after.ready()])
  t.same(statuses(before), REFUSALS)
  t.same(documentOf(before), documentOf(after))
})

t.test('@fastify/swagger in an outer context shows what an inner one guards, and leaves the rest as it is', async (t) => {
  const app = server(t)
  await app.register(swagger, { openapi: { ...openapi, components: { securitySchemes: { basic: { type: 'http', scheme: 'basic' } } } } })
  app.get('/open', handler)
  app.get('/basic', { schema: { security: [{ basic: [] }] }, handler })
  await app.register(async (child) => {
    await guard(child)
    addRoute(child)
  })
  await app.ready()
  t.same(statuses(app), REFUSALS)
  t.same(operationOf(app, 'get', '/open'), { responses: { 200: { description: 'Default Response' } } })
  t.same(operationOf(app, 'get', '/basic'), { security: [{ basic: [] }], responses: { 200: { description: 'Default Response' } } })
})

t.test('@fastify/swagger in a context inside the guarded one shows its routes', async (t) => {
  const app = server(t)
  await guard(app)
  let inner = app
  await app.register(async (child) => {
    inner = child
    await child.register(swagger, { openapi })
    addRoute(child)
    await child.register(async (grandchild) => addRoute(grandchild, '/deep'))
  })
  await app.ready()
  t.same(statuses(inner), REFUSALS)
  t.same(statuses(inner, '/deep'), REFUSALS)
})

t.test('two guarded contexts under one document keep their own error formats', async (t) => {
  const app = server(t)
  await app.register(swagger, { openapi })
  for (const errors of ['detail', 'problem'] as const) {
    await app.register(async (child) => {
      await guard(child, { errors })
      addRoute(child, `/${errors}`)
    })
  }
  await app.ready()
  t.same(Object.keys(operationOf(app, 'get', '/detail').responses[403]?.content ?? {}), ['application/json'])
  t.same(Object.keys(operationOf(app, 'get', '/problem').responses[403]?.content ?? {}), ['application/problem+json'])
})

t.test('swagger-ui serves the same document as JSON, and as YAML', async (t) => {
  const app = server(t)
  await app.register(swagger, { openapi })
  await app.register(swaggerUi, { routePrefix: '/docs' })
  await guard(app)
  addRoute(app)
  await app.ready()
  const [json, yaml] = await Promise.all(['/docs/json', '/docs/yaml'].map((url) => app.inject(url)))
  t.same(json?.statusCode, 401, 'a page registered before Latchkey is guarded like any other route')

  const open = server(t)
  await open.register(swagger, { openapi })
  await guard(open, { undeclared: ({ url }) => url.startsWith('/docs') ? 'public' : 'refuse' })
  await open.register(swaggerUi, { routePrefix: '/docs' })
  addRoute(open)
  await open.ready()
  t.same((await open.inject('/docs/json')).json(), documentOf(open))
  const text = await open.inject('/docs/yaml')
  t.match(text.headers['content-type'], /yaml/)
  t.same(JSON.parse(text.body), documentOf(open), 'JSON is YAML 1.2')
  t.equal(yaml?.statusCode, 401)
})

t.test('the document is made once', async (t) => {
  const app = server(t)
  let written = 0
  await app.register(swagger, { openapi, transformObject: (given) => { written++; return 'openapiObject' in given ? given.openapiObject : given.swaggerObject } })
  await guard(app)
  addRoute(app)
  await app.ready()
  t.equal(app.swagger(), app.swagger())
  t.equal(app.swagger({ yaml: true }), app.swagger({ yaml: true }))
  t.equal(written, 2, 'once as an object, once as YAML')
})

t.test('accessDocument describes it by the official option: real YAML, and nothing twice', async (t) => {
  const app = server(t)
  await app.register(swagger, { openapi, transformObject: accessDocument(app) })
  await guard(app)
  addRoute(app)
  await app.ready()
  t.match(app.swagger({ yaml: true }), /^openapi: 3\.1\.0\n/)
  t.match(app.swagger({ yaml: true }), /INSUFFICIENT_SCOPE/)
  t.same(statuses(app), REFUSALS)
  t.same(Object.keys(documentOf(app).components.responses), ['BadRequest', 'Unauthorized', 'TooManyRequests', 'ServiceUnavailable'])
})

t.test('accessDocument is for a document under another decorator', async (t) => {
  const app = server(t)
  await app.register(swagger, { openapi: { ...openapi, components: { securitySchemes: yes } }, decorator: 'reference', transformObject: accessDocument(app) })
  await guard(app)
  addRoute(app)
  await app.ready()
  t.notOk(app.hasDecorator('swagger'))
  const written: unknown = Reflect.get(app, 'reference')
  t.match(typeof written === 'function' && written(), { paths: { '/devices': { get: { responses: { 401: { $ref: '#/components/responses/Unauthorized' } } } } } })
})

t.test('accessDocument of an app that is not guarded says so', async (t) => {
  const app = server(t)
  await app.register(swagger, { openapi, transformObject: accessDocument(app) })
  await app.ready()
  t.throws(() => app.swagger(), { code: 'LATCHKEY_ERR_OPTION', message: /accessDocument needs an app that Latchkey guards/ })
})

t.test('Swagger 2.0 documents are left alone, with accessDocument too', async (t) => {
  for (const options of [{}, { transformObject: true }]) {
    const app = server(t)
    await app.register(swagger, { swagger: { info: { title: 'x', version: '1' } }, ...options.transformObject && { transformObject: accessDocument(app) } })
    await guard(app)
    addRoute(app)
    await app.ready()
    t.match(app.swagger(), { swagger: '2.0' })
    t.same(statuses(app), ['200'])
  }
})

t.test('the transform of the host goes on, sees the security and may copy it', async (t) => {
  for (const copy of [(schema: object) => schema, structuredClone]) {
    const app = server(t)
    const seen: unknown[] = []
    await app.register(swagger, {
      openapi: { ...openapi, components: { securitySchemes: yes } },
      transform ({ schema, url }) {
        seen.push(schema.security?.[0])
        return { schema: copy({ ...schema, summary: 'changed' }), url: `/v1${url}` }
      }
    })
    await guard(app)
    addRoute(app)
    await app.ready()
    t.same(statuses(app, '/v1/devices'), REFUSALS)
    t.match(operationOf(app, 'get', '/v1/devices'), { summary: 'changed', security: [{ apiKey: ['devices:read'] }] })
    t.same(seen, [{ apiKey: ['devices:read'] }])
  }
})

t.test('HEAD operations are shown when the host wants them, in either order', async (t) => {
  for (const order of [[swagger, guard], [guard, swagger]]) {
    const app = server(t)
    for (const plugin of order) await (plugin === guard ? guard(app) : app.register(swagger, { openapi, exposeHeadRoutes: true }))
    addRoute(app)
    await app.ready()
    t.same(Object.keys(operationOf(app, 'head', '/devices').responses), REFUSALS)
    t.same(operationOf(app, 'head', '/devices').security, [{ apiKey: ['devices:read'] }])
  }
})

t.test('a route that was there before Latchkey is shown by what it states', async (t) => {
  const app = server(t)
  await app.register(swagger, { openapi: { ...openapi, components: { securitySchemes: { ...yes, other: yes.apiKey } } } })
  addRoute(app)
  app.get('/silent', handler)
  app.get('/open', { schema: scopes.public(), handler })
  app.get('/other', { schema: { security: [{ other: [] }, { apiKey: [] }] }, handler })
  await guard(app, { undeclared: 'authenticate' })
  await app.ready()
  t.same(statuses(app), REFUSALS)
  for (const path of ['/silent', '/open', '/other']) t.same(statuses(app, path), ['200'])
})

t.test('methods that OpenAPI 3.2 added are described', async (t) => {
  const app = server(t)
  app.addHttpMethod('PURGE')
  await app.register(swagger, { openapi: { ...openapi, openapi: '3.2.0' } })
  await guard(app)
  app.route({ method: ['QUERY', 'PURGE'], url: '/devices', schema: scopes.secure('devices:read'), handler })
  await app.ready()
  const refused = { 401: { $ref: '#/components/responses/Unauthorized' } }
  t.match(documentOf(app).paths['/devices'], { query: { responses: refused }, additionalOperations: { PURGE: { responses: refused } } })
})

t.test('a document that the host wrote itself gains what its operations state, whatever else is in it', async (t) => {
  const operation = { security: [{ apiKey: ['devices:read'] }], responses: { 200: { description: 'Ok' } } }
  const document = JSON.parse(JSON.stringify({
    ...openapi,
    components: null,
    paths: {
      '/devices': { summary: 'Devices', get: { ...operation, parameters: [{ $ref: '#/x' }, null] }, put: null, post: { security: 'apiKey' }, patch: { security: [{ apiKey: 'read' }] }, delete: { security: [{ apiKey: [] }] } },
      '/null': null
    }
  }))
  const app = server(t)
  await app.register(swagger, { mode: 'static', specification: { document } })
  await guard(app)
  await app.ready()
  t.match(documentOf(app), {
    paths: {
      '/devices': { ...document.paths['/devices'], get: { parameters: [{ $ref: '#/x' }, null], responses: { 401: {} } }, delete: { responses: { 403: { $ref: '#/components/responses/Forbidden' } } } },
      '/null': null
    },
    components: { securitySchemes: yes }
  })
  t.notOk('responses' in (documentOf(app).paths['/devices']?.patch ?? {}))
})

t.test('what is no OpenAPI document, and a `swagger` that is not of @fastify/swagger, is left alone', async (t) => {
  const app = server(t)
  const mine = (): string => 'mine'
  app.decorate('swagger', mine)
  await guard(app)
  await app.ready()
  t.equal(Reflect.get(app, 'swagger'), mine)

  const strange = server(t)
  await strange.register(swagger, { mode: 'static', specification: { document: JSON.parse('{"openapi":3}') } })
  await guard(strange)
  await strange.ready()
  t.same(strange.swagger(), { openapi: 3 })
})
