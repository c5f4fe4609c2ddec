import { basic, bearer, header } from 'fastify-latchkey'
import { testPrincipals } from 'fastify-latchkey/testing'
import t from 'tap'
import { collectRounds } from '../helpers/collect.js'
import { documented, documentOf, info, operationOf, scopes } from '../helpers/documented.js'
import { lint } from '../helpers/redocly.js'

const handler = async (): Promise<string> => 'done'
const named = (operationId: string) => ({ operationId, summary: operationId, response: { 200: { type: 'string', description: 'Done.' } } })
const oauth = { ...testPrincipals({ kind: 'access-token', scheme: 'oauth' }).resolver, description: { type: 'openIdConnect', openIdConnectUrl: 'https://a.example/.well-known/openid-configuration' } }

async function server (openapi: '3.0.3' | '3.1.0' | '3.2.0', credentials = [bearer(), basic(), header('X-API-Key')]) {
  return await documented({
    swagger: { openapi: { openapi, info, servers: [{ url: '/' }] } },
    latchkey: { credentials, ...credentials.length > 1 && { resolvers: [oauth] } },
    routes (app) {
      const keys = { type: 'object', properties: { 'x-api-key': { type: 'string' }, Authorization: { type: 'string' }, 'x-trace': { type: 'string' } } }
      app.get('/devices', { schema: { ...scopes.secure('devices:read'), headers: keys, ...named('list') }, handler })
      if (credentials.length > 1) app.get('/tokens', { schema: { security: [{ oauth: ['devices:read'] }], ...named('tokens') }, handler })
      app.get('/any', { schema: { ...scopes.secure(), ...named('any') }, handler })
      app.get('/news', { schema: { security: [{ apiKey: [] }, {}], ...named('news') }, handler })
    }
  })
}

t.test('a key that is taken in several places has a security scheme, and each operation an alternative, for each', async (t) => {
  const rounds = collectRounds()
  for (const version of ['3.0.3', '3.1.0', '3.2.0'] as const) {
    const app = await server(version)
    t.teardown(() => app.close())
    rounds.add(documentOf(app).components.securitySchemes, {
      apiKey: { type: 'http', scheme: 'bearer', description: 'API key: `Authorization: Bearer <key>`.' },
      'apiKey-basic': { type: 'http', scheme: 'basic', description: 'The credential is the user name; the password is empty.' },
      'apiKey-x-api-key': { type: 'apiKey', in: 'header', name: 'x-api-key', description: 'The credential is the whole value of the field.' },
      oauth: oauth.description
    })
    const keyScopes = version === '3.0.3' ? [] : ['devices:read']
    const keys = (scopes: string[]) => [{ apiKey: scopes }, { 'apiKey-basic': scopes }, { 'apiKey-x-api-key': scopes }]
    rounds.add(operationOf(app, 'get', '/devices').security, keys(keyScopes))
    rounds.add(operationOf(app, 'get', '/devices').parameters?.map(({ name }) => name), ['x-trace'], 'the credential is no parameter')
    rounds.add(operationOf(app, 'get', '/tokens').security, [{ oauth: ['devices:read'] }])
    rounds.add(operationOf(app, 'get', '/any').security, keys([]))
    rounds.add(operationOf(app, 'get', '/news').security, [...keys([]), {}])
    if (version !== '3.2.0') rounds.add((await lint(t, app.swagger())).problems, [])
  }
  t.strictSame(rounds.seen, rounds.expected)
})

t.test('the name of a scheme depends on its place alone', async (t) => {
  const app = await server('3.1.0', [header('x-api-key')])
  t.teardown(() => app.close())
  t.strictSame(Object.keys(documentOf(app).components.securitySchemes), ['apiKey-x-api-key'])
  t.strictSame(operationOf(app, 'get', '/devices').security, [{ 'apiKey-x-api-key': ['devices:read'] }])
})

t.test('a route is enforced by the scheme that it names, wherever the credential came from', async (t) => {
  const app = await server('3.1.0')
  t.teardown(() => app.close())
  const { secret } = await app.latchkey.keys.issue({ workspace: 'w1', scopes: ['devices:read'] })
  const { secret: poor } = await app.latchkey.keys.issue({ workspace: 'w1', scopes: [] })
  const get = async (url: string, key: string) => {
    const { statusCode, headers } = await app.inject({ url, headers: { 'x-api-key': key } })
    return [statusCode, headers['www-authenticate']]
  }
  const others = 'Bearer realm="api", Basic realm="api", charset="UTF-8"'
  t.strictSame(await get('/devices', secret), [200, undefined])
  t.strictSame(await get('/devices', poor), [403, `${others}, ApiKey realm="api", in="header", name="x-api-key", error="insufficient_scope", scope="devices:read"`])
  t.strictSame((await get('/tokens', secret))[0], 403)
})
