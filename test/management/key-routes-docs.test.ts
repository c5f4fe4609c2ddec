import swagger from '@fastify/swagger'
import { defineScopes, type LatchkeyOptions } from 'fastify-latchkey'
import { keyRoutes, type KeyRoutesOptions } from 'fastify-latchkey/management'
import { swaggerOptions } from 'fastify-latchkey/openapi'
import t, { type Test } from 'tap'
import { collectRounds } from '../helpers/collect.js'
import { broughtBy, documentBeside, documentOf, info, type Document } from '../helpers/documented.js'
import { keyApi, person } from '../helpers/key-routes.js'
import { scopes } from '../helpers/keyring.js'
import { lint } from '../helpers/redocly.js'

const documentWith = (t: Test, openapi: '3.0.3' | '3.1.0', options: Partial<LatchkeyOptions> = {}, routes: KeyRoutesOptions = {}): Promise<Document> =>
  documentBeside(t, openapi, { scopes, ...options }, async (app) => { await app.register(keyRoutes, { prefix: '/api-keys', ...routes }) })

t.test('every operation says what it needs, takes and answers', async (t) => {
  const document = await documentWith(t, '3.1.0', {}, { issuing: { cost: 10 } })
  const operations = broughtBy(document)
  t.same(operations.map(([name, { operationId, security }]) => [name, operationId, security]), [
    ['post /api-keys', 'api_keys.create', [{ apiKey: ['api_keys:write'] }]],
    ['get /api-keys', 'api_keys.list', [{ apiKey: ['api_keys:read'] }]],
    ['get /api-keys/workspaces', 'api_keys.workspaces', [{ apiKey: ['api_keys:read'] }]],
    ['get /api-keys/caller', 'api_keys.caller', [{ apiKey: ['api_keys:read'] }]],
    ['get /api-keys/{id}', 'api_keys.get', [{ apiKey: ['api_keys:read'] }]],
    ['patch /api-keys/{id}', 'api_keys.update', [{ apiKey: ['api_keys:write'] }]],
    ['post /api-keys/{id}/rotate', 'api_keys.rotate', [{ apiKey: ['api_keys:manage'] }]],
    ['post /api-keys/{id}/revoke', 'api_keys.revoke', [{ apiKey: ['api_keys:manage'] }]]
  ])
  const rounds = collectRounds()
  const patterns = collectRounds()
  for (const [name, operation] of operations) {
    patterns.add(operation, { tags: ['api keys'], summary: String }, name)
    for (const status of ['400', '401', '403', '404', '429', '503']) rounds.add(Boolean(operation.responses[status]), true, `${name} ${status}`)
  }
  for (const [name, operation] of operations.filter(([, { requestBody }]) => requestBody !== undefined)) {
    patterns.add(operation.responses, { 413: { content: { 'application/problem+json': {} } }, 415: { content: { 'application/problem+json': {} } } }, name)
  }
  t.strictSame(rounds.seen, rounds.expected)
  t.match(patterns.seen, patterns.expected)
  const create = document.paths['/api-keys']?.post
  t.match(create, { 'x-rate-limit': { cost: 10 }, requestBody: { content: { 'application/json': { schema: { required: ['scopes'], additionalProperties: false, properties: { name: { minLength: 1, maxLength: 256, pattern: String }, scopes: { maxItems: 1000, items: { maxLength: 256 } } } } } } } })
  t.match(create?.responses[201], { content: { 'application/json': { schema: { required: ['key', 'secret'] } } } })
  t.match(create?.responses[404], { description: 'KEY_NOT_FOUND: There is no such key.', content: { 'application/problem+json': { schema: { type: 'object' } } } })
  t.match(document.paths['/api-keys']?.get?.parameters, [{ name: 'workspace', in: 'query' }, { name: 'environment', in: 'query' }, { name: 'limit', in: 'query' }, { name: 'cursor', in: 'query' }, { name: 'owner', in: 'query' }])
})

t.test('a linter finds nothing, in any version and error format', async (t) => {
  const levels = defineScopes({ levels: ['Read', 'Write', 'Admin'] })
  const rounds = collectRounds()
  for (const [version, options, routes] of [
    ['3.1.0', {}, {}],
    ['3.0.3', { errors: 'detail' }, { issuing: { cost: 2 } }],
    ['3.1.0', { errors: 'throw' }, { session: () => person() }],
    ['3.0.3', { scopes: levels, errors: 'error-message' }, { scopes: { read: 'Read', write: 'Write', manage: 'Admin' } }]
  ] as const satisfies ReadonlyArray<readonly [string, Partial<LatchkeyOptions>, KeyRoutesOptions]>) {
    rounds.add((await lint(t, await documentWith(t, version, options, routes))).problems, [], `${version} ${options.errors}`)
  }
  t.strictSame(rounds.seen, rounds.expected)
})

t.test('routes by session need no credential, and document what they refuse', async (t) => {
  const rounds = collectRounds()
  for (const [name, { security, responses }] of broughtBy(await documentWith(t, '3.1.0', {}, { session: () => person() }))) {
    rounds.add(security, [], name)
    for (const status of ['401', '403', '404', '503']) rounds.add(Boolean(responses[status]), true, `${name} ${status}`)
    rounds.add(responses['403']?.description?.includes('CROSS_SITE_REQUEST') && responses['415'] !== undefined, !name.startsWith('get '), `${name} is a change`)
  }
  t.strictSame(rounds.seen, rounds.expected)
})

t.test('routes that a host hides are in no document', async (t) => {
  t.same(broughtBy(await documentWith(t, '3.1.0', {}, { hide: true, session: () => person() })), [])
})

t.test('the document has every field of a response', async (t) => {
  const { app, send } = await keyApi(t, { more: async (app) => { await app.register(swagger, swaggerOptions(app, { openapi: { openapi: '3.1.0', info } })) } })
  await app.ready()
  const { responses } = documentOf(app).paths['/api-keys']?.post ?? {}
  const created = (await send('admin', 'POST /api-keys', { scopes: [], name: 'n', metadata: { a: 1 }, expiresAt: '2030-01-01T00:00:00Z' })).json()
  t.match(responses?.[201]?.content?.['application/json']?.schema, { properties: Object.fromEntries(Object.keys(created).map((name) => [name, Object])) })
  t.match(responses?.[201]?.content?.['application/json']?.schema, { properties: { key: { properties: Object.fromEntries(Object.keys(created.key).map((name) => [name, Object])) } } })
})

t.test('refusals have the error format of the host', async (t) => {
  const request = 'GET /api-keys/key_none'
  const detail = await keyApi(t, { latchkey: { errors: 'detail' } })
  t.same((await detail.send('admin', request)).json(), { detail: 'There is no such key.' })
  const code = await keyApi(t, { latchkey: { errors: 'error' } })
  t.same((await code.send('admin', request)).json(), { error: 'KEY_NOT_FOUND' })
  t.same((await code.send('admin', 'POST /api-keys', { id: 'x' })).json(), { error: 'KEY_INPUT_INVALID' })
  const thrown = await keyApi(t, { latchkey: { errors: 'throw' }, more: (app) => { app.setErrorHandler((fault, _request, reply) => { reply.send({ mine: String(fault) }) }) } })
  const answer = await thrown.send('admin', request)
  t.equal(answer.statusCode, 404)
  t.equal(answer.headers['cache-control'], 'no-store')
  t.same(answer.json(), { mine: 'AccessError [KEY_NOT_FOUND]: There is no such key.' })
})
