import t, { type Test } from 'tap'
import Fastify from 'fastify'
import swagger from '@fastify/swagger'
import { allowPlainHttp, defineScopes, latchkey, OptionError } from 'fastify-latchkey'
import { createIntrospectionResolver, createJwtResolver, protectedResource, type JwtResolverOptions } from 'fastify-latchkey/oauth'
import { swaggerOptions } from 'fastify-latchkey/openapi'
import { collectRounds, rejection, thrown } from '../helpers/collect.js'
import { as, challenges } from '../helpers/contracts.js'
import { createAuthority, AUDIENCE } from '../helpers/oauth.js'

const scopes = defineScopes({ resources: { devices: ['read', 'write'] }, schemes: ['apiKey', 'oauth'] })
const issuer = 'https://auth.example.com'
const https = { 'x-forwarded-proto': 'https' }
const authorizationCode = { authorizationUrl: `${issuer}/authorize`, tokenUrl: `${issuer}/token` }

async function start (t: Test, over: Partial<JwtResolverOptions> = {}, resource = AUDIENCE) {
  const app = Fastify({ trustProxy: '127.0.0.1' })
  t.teardown(() => app.close())
  await app.register(swagger, swaggerOptions(app, { openapi: { openapi: '3.1.0', info: { title: 'Devices', version: '1' } } }))
  await app.register(latchkey, { scopes, keys: { prefix: 'acme' }, environment: 'production', resolvers: [createJwtResolver({ issuers: [{ issuer, audience: AUDIENCE }], scopes, ...over })] })
  await app.register(protectedResource, { resource, authorizationServers: [issuer], scopes, name: 'Devices', documentation: 'https://docs.example.com' })
  app.get('/devices', { schema: scopes.secure('devices:read') }, (request) => request.principal)
  await app.ready()
  return app
}

t.test('the metadata of RFC 9728 are public, over HTTPS only', async (t) => {
  const app = await start(t)
  const response = await as(app, undefined, https)('GET /.well-known/oauth-protected-resource')
  t.equal(response.statusCode, 200)
  t.equal(response.headers['content-type'], 'application/json; charset=utf-8')
  t.equal(response.headers['cache-control'], 'public, max-age=3600')
  t.strictSame(response.json(), {
    resource: AUDIENCE,
    authorization_servers: [issuer],
    scopes_supported: ['devices:read', 'devices:write'],
    bearer_methods_supported: ['header'],
    resource_name: 'Devices',
    resource_documentation: 'https://docs.example.com'
  })
  const plain = await as(app)('GET /.well-known/oauth-protected-resource')
  t.strictSame([plain.statusCode, plain.json()], [200, response.json()], 'like any public route also over plain HTTP')
})

t.test('every challenge names the URL of the metadata', async (t) => {
  const app = await start(t)
  const metadata = `, resource_metadata="${AUDIENCE}/.well-known/oauth-protected-resource"`
  t.equal((await as(app, undefined, https)('GET /devices')).headers['www-authenticate'], challenges.missing + metadata)
  t.equal((await as(app, 'x.y.z', https)('GET /devices')).headers['www-authenticate'], challenges.invalid + metadata)
  const { secret: text } = await app.latchkey.keys.issue({ workspace: 'w1', scopes: [] })
  t.equal((await as(app, text, https)('GET /devices')).headers['www-authenticate'], challenges.scope('devices:read') + metadata)
})

t.test('a resource with a path has its metadata where the RFC puts them', async (t) => {
  const app = await start(t, { dpop: true }, `${AUDIENCE}/v1`)
  const response = await as(app, undefined, https)('GET /.well-known/oauth-protected-resource/v1')
  t.match(response.json(), { resource: `${AUDIENCE}/v1`, dpop_signing_alg_values_supported: ['ES256', 'PS256', 'RS256', 'EdDSA', 'Ed25519'] })
  t.equal((await as(app, undefined, https)('GET /devices')).headers['www-authenticate'],
    `Bearer realm="api", resource_metadata="${AUDIENCE}/.well-known/oauth-protected-resource/v1", DPoP realm="api", algs="ES256 PS256 RS256 EdDSA Ed25519", resource_metadata="${AUDIENCE}/.well-known/oauth-protected-resource/v1"`)
})

t.test('OpenAPI has the scheme with its flow and scopes, and each operation both kinds of credential', async (t) => {
  const app = await start(t, { authorizationCode })
  const { components, paths } = JSON.parse(JSON.stringify(app.swagger()))
  t.strictSame(components.securitySchemes.oauth, {
    type: 'oauth2',
    description: 'OAuth 2.0 access token: `Authorization: Bearer <token>`.',
    flows: { authorizationCode: { ...authorizationCode, scopes: { 'devices:read': '', 'devices:write': '' } } }
  })
  t.match(components.securitySchemes.apiKey, { type: 'http', scheme: 'bearer' })
  t.strictSame(paths['/devices'].get.security, [{ apiKey: ['devices:read'] }, { oauth: ['devices:read'] }])
  t.equal(paths['/devices'].get.responses['403'].description, 'Requires devices:read.')
  t.equal(paths['/.well-known/oauth-protected-resource'], undefined, 'it is no operation of the API')
})

t.test('without authorizationCode the scheme is openIdConnect for JWT, and http bearer for introspection', async (t) => {
  const app = await start(t)
  t.strictSame(JSON.parse(JSON.stringify(app.swagger())).components.securitySchemes.oauth, { type: 'openIdConnect', openIdConnectUrl: `${issuer}/.well-known/openid-configuration` })
  const { description } = createIntrospectionResolver({ issuer, endpoint: `${issuer}/introspect`, client: { id: 'a', secret: 'b' }, audience: AUDIENCE })
  t.match(description, { type: 'http', scheme: 'bearer' })
  const flow = createJwtResolver({ issuers: [{ issuer, audience: AUDIENCE }], authorizationCode }).description
  t.match(flow, { type: 'oauth2', flows: { authorizationCode: { scopes: {} } } }, 'without a catalogue there are no scopes to show')
})

t.test('a route takes either kind of credential by one declaration', async (t) => {
  const authority = await createAuthority(t)
  const app = Fastify()
  t.teardown(() => app.close())
  const resolver = createJwtResolver({ issuers: [{ issuer: authority.issuer, audience: AUDIENCE }], transport: allowPlainHttp })
  await app.register(latchkey, { scopes, keys: { prefix: 'acme' }, environment: 'production', resolvers: [resolver], transport: allowPlainHttp, clock: authority.clock.now })
  app.get('/devices', { schema: scopes.secure('devices:read') }, (request) => request.principal?.kind)
  app.get('/users', { schema: { security: [{ oauth: ['devices:read'] }] } }, (request) => request.principal?.kind)
  const { secret: text } = await app.latchkey.keys.issue({ workspace: 'w1', scopes: ['devices:read'] })
  const token = await authority.issue()
  t.equal((await as(app, text)('GET /devices')).body, 'api-key')
  t.equal((await as(app, token)('GET /devices')).body, 'access-token')
  t.equal((await as(app, token)('GET /users')).body, 'access-token')
  t.equal((await as(app, text)('GET /users')).statusCode, 403, 'a route for tokens alone')
  t.match((await as(app, await authority.issue({ scope: undefined }))('GET /devices')).json(), {
    required: [['devices:read']], granted: [], detail: 'This operation requires devices:read; the credential grants nothing.'
  })
  t.equal((await as(app, token)('GET /devices')).headers.ratelimit, '"production";r=96;t=60', 'tokens of one user and client count together')
  t.equal((await as(app, text)('GET /devices')).headers.ratelimit, '"production";r=97;t=60', 'and apart from keys')
})

t.test('levels declare both schemes too', async (t) => {
  const levels = defineScopes({ levels: ['READ', 'WRITE'], schemes: ['oauth', 'apiKey'] })
  t.strictSame(levels.byMethod('GET'), [{ oauth: ['READ'] }, { apiKey: ['READ'] }])
  t.strictSame(levels.secure('WRITE').security, [{ oauth: ['WRITE'] }, { apiKey: ['WRITE'] }])
  t.strictSame(scopes.anyOf('devices:read', ['devices:write']).security, [{ apiKey: ['devices:read'] }, { oauth: ['devices:read'] }, { apiKey: ['devices:write'] }, { oauth: ['devices:write'] }])
  const patterns = collectRounds()
  for (const schemes of [[], ['a', 'a'], ['']]) patterns.add(thrown(() => defineScopes({ levels: ['READ'], schemes })), OptionError)
  t.match(patterns.seen, patterns.expected)
})

t.test('wrong options of protectedResource are refused at boot', async (t) => {
  const patterns = collectRounds()
  for (const [over, message] of [
    [{ resource: 'http://api.example.com' }, /protectedResource\.resource must be an https URL/],
    [{ resource: `${AUDIENCE}/?a=b` }, /protectedResource\.resource/],
    [{ authorizationServers: [] }, /protectedResource\.authorizationServers/],
    [{ scopes: {} }, /protectedResource\.scopes must be what defineScopes returned/],
    [{ x: 1 }, /unknown option protectedResource\.x/]
  ] as const) {
    const app = Fastify()
    t.teardown(() => app.close())
    await app.register(latchkey, { scopes: defineScopes({ levels: ['READ'] }), keys: { prefix: 'acme' }, environment: 'production' })
    patterns.add(await rejection(async () => await app.register(protectedResource, Object.assign({ resource: AUDIENCE, authorizationServers: [issuer], scopes }, over))), { message })
  }
  t.match(patterns.seen, patterns.expected)
})
