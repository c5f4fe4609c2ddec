import Fastify, { type FastifyInstance } from 'fastify'
import latchkey, { accessContext, allowPlainHttp, defineScopes } from 'fastify-latchkey'
import { scopes as scopesPlugin } from 'fastify-latchkey/scopes'
import { testPrincipals } from 'fastify-latchkey/testing'
import t from 'tap'
import { collectRounds } from '../helpers/collect.js'
import { bootError, guarded, refused, scopes, untyped } from '../helpers/limits.js'

const challenge = (scope: string): string => `Bearer realm="api", error="insufficient_scope", scope="${scope}"`

function routes (app: FastifyInstance): void {
  app.get('/devices', { schema: scopes.secure('devices:read') }, async () => 'read')
  app.delete('/devices', { schema: scopes.secure('devices:delete') }, async () => 'deleted')
  app.post('/both', { schema: scopes.secure('devices:read', 'devices:write') }, async () => 'both')
  app.get('/any', { schema: scopes.anyOf('devices:read', ['devices:write', 'devices:provision']) }, async () => 'any')
  app.get('/everybody', { schema: scopes.public() }, async () => 'open')
  app.get('/anybody', { schema: scopes.secure() }, async () => 'anybody')
  app.get('/optional', { schema: { security: [{}, { apiKey: ['devices:read'] }] } }, async ({ principal }) => principal?.id ?? 'nobody')
  app.get('/known', { schema: { security: [{}] } }, async ({ principal }) => principal?.id ?? 'nobody')
  app.get('/loaded', { schema: scopes.secure(), preHandler: scopes.requireScopes('devices:write') }, async () => 'loaded')
}

t.test('a principal passes where it has the scope, and nowhere else', async (t) => {
  const { app, as } = await guarded(t, {}, routes)
  const status = async (scope: string, url: string) => (await as.inject(app, { scopes: [scope] }, url)).statusCode
  t.equal(await status('devices:read', '/devices'), 200)
  t.equal(await status('devices:manage', '/devices'), 200)
  const rounds = collectRounds()
  for (const scope of ['devices:write', 'devices:delete', 'deployments:read', 'deployments:manage', 'devices:*', '*', 'devices:Read', 'DEVICES:READ', 'devices:read devices:manage', '"devices:read"', ' devices:read', 'devices:read\r\nx: y', '__proto__', 'constructor', 'toString']) {
    rounds.add(await status(scope, '/devices'), 403, scope)
  }
  t.strictSame(rounds.seen, rounds.expected)
})

t.test('a refusal says what was required and what was granted, in the body and the challenge', async (t) => {
  const { app, as } = await guarded(t, {}, routes)
  const body = refused(t, await as.inject(app, { scopes: ['devices:write'] }, '/devices'), { status: 403, code: 'INSUFFICIENT_SCOPE', challenge: challenge('devices:read') })
  t.match(body, { required: [['devices:read']], granted: ['devices:write'], detail: 'This operation requires devices:read; the credential grants devices:write.' })

  const nothing = refused(t, await as.inject(app, { scopes: [] }, { method: 'POST', url: '/both' }), { status: 403, code: 'INSUFFICIENT_SCOPE', challenge: challenge('devices:read devices:write') })
  t.match(nothing, { required: [['devices:read', 'devices:write']], granted: [], detail: 'This operation requires devices:read and devices:write; the credential grants nothing.' })

  const either = refused(t, await as.inject(app, { scopes: ['devices:write', 'deployments:read'] }, '/any'), { status: 403, code: 'INSUFFICIENT_SCOPE', challenge: challenge('devices:read') })
  t.match(either, { required: [['devices:read'], ['devices:write', 'devices:provision']], granted: ['devices:write', 'deployments:read'], detail: 'This operation requires devices:read, or devices:write and devices:provision; the credential grants devices:write, deployments:read.' })
})

t.test('granted scopes with any characters appear in the body alone', async (t) => {
  const { app, as } = await guarded(t, {}, routes)
  const strange = 'x"\r\nset-cookie: a=b\0é'
  const response = await as.inject(app, { scopes: [strange] }, '/devices')
  t.same(refused(t, response, { status: 403, code: 'INSUFFICIENT_SCOPE', challenge: challenge('devices:read') }).granted, [strange])
  t.equal(response.headers['set-cookie'], undefined)
})

t.test('secure requires all scopes, anyOf one alternative', async (t) => {
  const { app, as } = await guarded(t, {}, routes)
  const status = async (method: 'GET' | 'POST', url: string, granted: string[]) => (await as.inject(app, { scopes: granted }, { method, url })).statusCode
  t.same([await status('POST', '/both', ['devices:read']), await status('POST', '/both', ['devices:write']), await status('POST', '/both', ['devices:write', 'devices:read']), await status('POST', '/both', ['devices:manage'])], [403, 403, 200, 200])
  t.same([await status('GET', '/any', ['devices:read']), await status('GET', '/any', ['devices:write']), await status('GET', '/any', ['devices:provision']), await status('GET', '/any', ['devices:provision', 'devices:write'])], [200, 403, 403, 200])
})

t.test('[] lets everybody in, {} everybody without a credential: one that is sent must be valid and have the scope', async (t) => {
  const { app, as } = await guarded(t, {}, routes)
  t.equal((await app.inject('/everybody')).body, 'open')
  t.equal((await app.inject({ url: '/everybody', headers: { authorization: 'Bearer nonsense' } })).statusCode, 200, 'nobody looks at it')
  t.equal((await app.inject('/optional')).body, 'nobody')
  t.equal((await as.inject(app, { id: 'ada', scopes: ['devices:manage'] }, '/optional')).body, 'ada')
  const body = refused(t, await as.inject(app, { id: 'ada', scopes: ['devices:write'] }, '/optional'), { status: 403, code: 'INSUFFICIENT_SCOPE', challenge: challenge('devices:read') })
  t.match(body, { required: [['devices:read']], granted: ['devices:write'], detail: 'This operation requires devices:read; the credential grants devices:write.' })
  t.equal((await as.inject(app, { id: 'ada', scopes: [] }, '/known')).body, 'ada')
  t.equal((await app.inject('/known')).body, 'nobody')
  refused(t, await app.inject({ url: '/optional', headers: { authorization: 'Bearer nonsense' } }), { status: 401, code: 'CREDENTIAL_INVALID', challenge: 'Bearer realm="api", error="invalid_token"' })
  t.equal((await as.inject(app, { scopes: [] }, '/anybody')).statusCode, 200)
  refused(t, await app.inject('/anybody'), { status: 401, code: 'CREDENTIAL_MISSING', challenge: 'Bearer realm="api"' })
})

t.test('HEAD requires what GET requires', async (t) => {
  const { app, as } = await guarded(t, {}, routes)
  const head = async (scope: string) => (await as.inject(app, { scopes: [scope] }, { method: 'HEAD', url: '/devices' })).statusCode
  t.same([await head('devices:read'), await head('devices:write')], [200, 403])
})

t.test('the scope of GET does not open DELETE of the same path', async (t) => {
  const { app, as } = await guarded(t, {}, routes)
  refused(t, await as.inject(app, { scopes: ['devices:read'] }, { method: 'DELETE', url: '/devices' }), { status: 403, code: 'INSUFFICIENT_SCOPE', challenge: challenge('devices:delete') })
  t.equal((await as.inject(app, { scopes: ['devices:delete'] }, { method: 'DELETE', url: '/devices' })).statusCode, 200)
})

t.test('requireScopes is a hook of its own', async (t) => {
  const { app, as } = await guarded(t, {}, (app) => {
    routes(app)
    app.get('/unseen', { schema: scopes.public(), preHandler: scopes.requireScopes('devices:write') }, async () => 'never')
    app.get('/early', { schema: scopes.secure(), onRequest: scopes.requireScopes('devices:write', 'devices:read') }, async () => 'early')
  })
  const body = refused(t, await as.inject(app, { scopes: ['devices:read'] }, '/loaded'), { status: 403, code: 'INSUFFICIENT_SCOPE', challenge: challenge('devices:write') })
  t.match(body, { required: [['devices:write']], granted: ['devices:read'] })
  t.equal((await as.inject(app, { scopes: ['devices:manage'] }, '/loaded')).body, 'loaded')
  refused(t, await as.inject(app, { scopes: ['devices:read'] }, '/early'), { status: 403, code: 'INSUFFICIENT_SCOPE', challenge: challenge('devices:write devices:read') })
  t.equal((await as.inject(app, { scopes: ['devices:read', 'devices:write'] }, '/early')).body, 'early')
  refused(t, await app.inject('/unseen'), { status: 401, code: 'CREDENTIAL_MISSING', challenge: 'Bearer realm="api"' })
})

t.test('the check runs before a body is parsed, or after validation where the host chose preHandler', async (t) => {
  const withBody = (app: FastifyInstance) => {
    app.post('/', { schema: { ...scopes.secure('devices:write'), body: { type: 'object', required: ['name'] } } }, async () => 'made')
  }
  const bad = { method: 'POST', url: '/', payload: {} } as const
  const before = await guarded(t, {}, withBody)
  t.equal((await before.as.inject(before.app, { scopes: [] }, bad)).statusCode, 403)
  const behind = await guarded(t, { hook: 'preHandler' }, withBody)
  const ask = (granted: string[], payload: object) => behind.as.inject(behind.app, { scopes: granted }, { ...bad, payload })
  t.same([(await ask([], {})).statusCode, (await ask(['devices:write'], {})).statusCode, (await ask(['devices:write'], { name: 'n' })).statusCode], [400, 400, 200])
  refused(t, await ask([], { name: 'n' }), { status: 403, code: 'INSUFFICIENT_SCOPE', challenge: challenge('devices:write') })
  t.equal((await behind.app.inject(bad)).statusCode, 401, 'authentication stays in front')
})

t.test('a request whose principal was removed on its way is not let in', async (t) => {
  const { app, as } = await guarded(t, { hook: 'preHandler' }, (app) => {
    app.addHook('preParsing', async (request) => { request.principal = null })
    routes(app)
  })
  refused(t, await as.inject(app, { scopes: ['devices:read'] }, '/devices'), { status: 401, code: 'CREDENTIAL_MISSING', challenge: 'Bearer realm="api"' })
  t.equal((await as.inject(app, { scopes: [] }, '/everybody')).statusCode, 200)
})

t.test('a preflight passes, and any other OPTIONS request is guarded', async (t) => {
  const rounds = collectRounds()
  for (const hook of ['onRequest', 'preHandler'] as const) {
    const { app, as } = await guarded(t, { hook }, (app) => { app.options('/devices', async () => 'allowed') })
    const preflight = { origin: 'https://x.example', 'access-control-request-method': 'GET' }
    rounds.add((await app.inject({ method: 'OPTIONS', url: '/devices', headers: preflight })).statusCode, 200)
    rounds.add((await app.inject({ method: 'OPTIONS', url: '/devices' })).statusCode, 401)
    rounds.add((await as.inject(app, { scopes: [] }, { method: 'OPTIONS', url: '/devices' })).statusCode, 200)
  }
  t.strictSame(rounds.seen, rounds.expected)
})

t.test('where a hook of the host removes the principal, guarded routes answer 401 and public ones go on', async (t) => {
  const taken = (app: FastifyInstance) => {
    app.addHook('onRequest', async (request) => { request.principal = null })
    routes(app)
    app.options('/devices', async () => 'allowed')
  }
  const { app, as } = await guarded(t, { hook: 'preHandler' }, taken)
  for (const url of ['/devices', '/any', '/anybody']) {
    refused(t, await as.inject(app, { scopes: ['devices:manage'] }, url), { status: 401, code: 'CREDENTIAL_MISSING', challenge: 'Bearer realm="api"' })
  }
  t.equal((await as.inject(app, { scopes: [] }, '/everybody')).body, 'open')
  t.equal((await as.inject(app, { scopes: [] }, '/optional')).body, 'nobody')
})

t.test('a principal of another kind does not satisfy a scheme', async (t) => {
  const oauth = testPrincipals({ kind: 'access-token', scheme: 'oauth' })
  const keys = testPrincipals()
  const { app } = await guarded(t, { resolvers: [oauth.resolver, keys.resolver] }, (app) => {
    app.get('/oauth', { schema: { security: [{ oauth: ['devices:read'] }] } }, async () => 'in')
    app.get('/key', { schema: { security: [{ apiKey: [] }] } }, async () => 'in')
    app.get('/either', { schema: { security: [{ oauth: ['devices:read'] }, { apiKey: ['devices:write'] }] } }, async () => 'in')
  })
  const status = async (as: typeof keys, url: string, granted: string[]) => (await as.inject(app, { scopes: granted }, url)).statusCode
  t.same([await status(oauth, '/oauth', ['devices:read']), await status(keys, '/oauth', ['devices:read'])], [200, 403])
  t.same([await status(oauth, '/either', ['devices:read']), await status(keys, '/either', ['devices:write']), await status(oauth, '/either', ['devices:write']), await status(keys, '/either', ['devices:read'])], [200, 200, 403, 403])
})

t.test('the refusal of another kind of credential says which kind the route takes', async (t) => {
  const oauth = testPrincipals({ kind: 'access-token', scheme: 'oauth' })
  const keys = testPrincipals()
  const { app } = await guarded(t, { resolvers: [oauth.resolver, testPrincipals({ kind: 'access-token', scheme: 'partner' }).resolver, keys.resolver] }, (app) => {
    app.get('/oauth', { schema: { security: [{ oauth: ['devices:read'] }] } }, async () => 'in')
    app.get('/tokens', { schema: { security: [{ oauth: ['devices:read', 'devices:write'] }, { partner: [] }] } }, async () => 'in')
    app.get('/key', { schema: { security: [{ apiKey: [] }] } }, async () => 'in')
    app.get('/either', { schema: { security: [{ oauth: ['devices:read'] }, { apiKey: ['devices:write'] }] } }, async () => 'in')
  })
  const ofToken = refused(t, await keys.inject(app, { scopes: ['devices:read'] }, '/oauth'), { status: 403, code: 'INSUFFICIENT_SCOPE', challenge: 'Bearer realm="api", error="insufficient_scope", scope="devices:read"' })
  t.match(ofToken, {
    detail: 'This operation takes an access token (oauth) with devices:read; the credential is an API key.',
    required: [['devices:read']],
    granted: ['devices:read'],
    schemes: ['oauth'],
    credentialKind: 'api-key'
  })
  const ofTokens = refused(t, await keys.inject(app, { scopes: [] }, '/tokens'), { status: 403, code: 'INSUFFICIENT_SCOPE', challenge: 'Bearer realm="api", error="insufficient_scope", scope="devices:read devices:write"' })
  t.match(ofTokens, {
    detail: 'This operation takes an access token (oauth) with devices:read and devices:write, or an access token (partner); the credential is an API key.',
    required: [['devices:read', 'devices:write'], []],
    granted: [],
    schemes: ['oauth', 'partner'],
    credentialKind: 'api-key'
  })
  const ofKey = refused(t, await oauth.inject(app, { scopes: ['devices:read'] }, '/key'), { status: 403, code: 'INSUFFICIENT_SCOPE', challenge: 'Bearer realm="api", error="insufficient_scope"' })
  t.match(ofKey, { detail: 'This operation takes an API key (apiKey); the credential is an access token.', required: [[]], granted: ['devices:read'], schemes: ['apiKey'], credentialKind: 'access-token' })

  const lacking = refused(t, await keys.inject(app, { scopes: ['devices:read'] }, '/either'), { status: 403, code: 'INSUFFICIENT_SCOPE', challenge: challenge('devices:write') })
  t.strictSame([lacking.detail, lacking.required, lacking.schemes], ['This operation requires devices:write; the credential grants devices:read.', [['devices:write']], undefined], 'where its kind is taken, what it would need itself')
})

t.test('declarations that can\'t be satisfied refuse to start, with the names of their routes', async (t) => {
  const boot = (security: unknown) => bootError(t, {}, (app) => { app.get('/x', { schema: { security: untyped(security) } }, async () => 'in') })
  t.match(await boot([{ apiKey: ['devices:reed'] }]), /^OptionError: .*GET, HEAD \/x requires "devices:reed", which is not declared; declared: devices:read, /)
  t.match(await boot([{ apiKeys: ['devices:read'] }]), /GET, HEAD \/x names the security scheme "apiKeys"; known: apiKey/)
  t.match(await boot([{ apiKey: ['devices:read'], oauth: [] }]), /GET, HEAD \/x each item of schema\.security must name one scheme/)
  t.match(await boot([{}, { apiKey: ['devices:reed'] }]), /GET, HEAD \/x requires "devices:reed"/)
  t.match(await boot('devices:read'), /GET, HEAD \/x schema\.security, or what the option undeclared answers, must be an array of security requirements, not "devices:read"/)
  t.match(await boot([{ apiKey: 'devices:read' }]), /GET, HEAD \/x the scopes of apiKey in schema\.security must be an array of strings, not "devices:read"/)
  t.match(await boot(undefined), /GET, HEAD \/x declares nothing/)
  const two = await bootError(t, {}, (app) => {
    app.post('/a', { schema: { security: [{ apiKey: ['x'] }] } }, async () => 'in')
    app.put('/b', { schema: { security: [{ y: [] }] } }, async () => 'in')
  })
  t.match(two, /POST \/a requires "x".*\n.*PUT \/b names the security scheme "y"/)
})

t.test('a scheme with two kinds of principal refuses to start', async (t) => {
  t.match(await bootError(t, { keys: { prefix: 'acme' }, resolvers: [testPrincipals({ kind: 'access-token' }).resolver] }), /the security scheme "apiKey" stands for two kinds of principal/)
})

t.test('a route registered before the guard with a typo refuses everybody, and the log says why', async (t) => {
  const lines: string[] = []
  const app = Fastify({ logger: { level: 'info', stream: { write: (line: string) => { lines.push(line) } } } })
  t.teardown(() => app.close())
  const reed = ['devices:reed', 'devices:"\r\n']
  reed.forEach((scope, i) => app.get(`/typo${i}`, { schema: { security: [{ apiKey: [scope] }] } }, async () => 'in'))
  app.get('/scheme', { schema: { security: [{ apiKeys: [] }] } }, async () => 'in')
  app.get('/half', { schema: { security: [{ apiKey: ['devices:reed'] }, { apiKey: ['devices:read'] }] } }, async () => 'in')
  const as = testPrincipals()
  await app.register(latchkey, { scopes, environment: 'production', keys: false, resolvers: [as.resolver], transport: allowPlainHttp })
  for (const url of ['/typo0', '/typo1', '/scheme']) {
    for (const granted of [['devices:manage'], reed]) {
      refused(t, await as.inject(app, { scopes: granted }, url), { status: 403, code: 'ROUTE_UNDECLARED' })
    }
  }
  t.equal((await as.inject(app, { scopes: ['devices:read'] }, '/half')).statusCode, 200, 'what can be met is met')
  t.equal((await as.inject(app, { scopes: ['devices:reed'] }, '/half')).statusCode, 403)
  t.match(lines.join(''), /GET \/typo0 requires \\"devices:reed\\", which is not declared/)
})

t.test('options of scopes are checked', async (t) => {
  t.match(await bootError(t, untyped({ hook: 'onSend' })), /option hook must be 'onRequest' or 'preHandler', not "onSend"/)
  t.match(await bootError(t, untyped({ scopes: {} })), /option scopes must be what defineScopes returned, not an object with nothing in it/)
  t.match(await bootError(t, untyped({ scopes: ['devices:read'] })), /option scopes must be what defineScopes returned, not an array of 1/)
})

t.test('the scopes plugin by itself checks its options', async (t) => {
  const app = Fastify()
  t.teardown(() => app.close())
  await app.register(accessContext)
  await t.rejects(async () => await app.register(scopesPlugin, untyped({ scopes, schemes: [], hooks: 'preHandler' })), { name: 'OptionError', message: /unknown option hooks/ })
})

t.test('a catalogue of 200 scopes decides as a small one does', async (t) => {
  const many = defineScopes({ resources: { r: ['a00', ...Array.from({ length: 199 }, (_, i) => `b${i}`)] } })
  const { app, as } = await guarded(t, { scopes: many }, (app) => {
    app.get('/last', { schema: { security: [{ apiKey: ['r:b198'] }] } }, async () => 'in')
  })
  t.equal((await as.inject(app, { scopes: ['r:b198'] }, '/last')).statusCode, 200)
  t.equal((await as.inject(app, { scopes: many.names.filter((name) => name !== 'r:b198') }, '/last')).statusCode, 403)
})

t.test('the scopes plugin by itself checks a principal that the host has set, at the preHandler hook too', async (t) => {
  const rounds = collectRounds()
  const patterns = collectRounds()
  for (const hook of ['onRequest', 'preHandler'] as const) {
    const app = Fastify()
    t.teardown(() => app.close())
    await app.register(accessContext)
    app.addHook('onRequest', async (request) => {
      request.principal = { kind: 'api-key', id: 'p1', workspace: 'w1', environment: 'production', scopes: ['devices:read'] }
    })
    await app.register(scopesPlugin, { scopes, schemes: [{ scheme: 'apiKey', kind: 'api-key' }, { scheme: 'oauth', kind: 'access-token' }], hook })
    app.get('/devices', { schema: { security: [{ apiKey: ['devices:read'] }] } }, async () => 'devices')
    app.get('/tokens', { schema: { security: [{ oauth: ['devices:read'] }] } }, async () => 'tokens')
    rounds.add((await app.inject('/devices')).statusCode, 200)
    patterns.add((await app.inject('/tokens')).json(), { code: 'INSUFFICIENT_SCOPE', schemes: ['oauth'] })
  }
  t.strictSame(rounds.seen, rounds.expected)
  t.match(patterns.seen, patterns.expected)
})

t.test('the scopes plugin by itself refuses everybody on an earlier route that declares nothing', async (t) => {
  const app = Fastify()
  t.teardown(() => app.close())
  app.get('/silent', async () => 'in')
  await app.register(accessContext)
  app.addHook('onRequest', async (request) => {
    request.principal = { kind: 'api-key', id: 'p1', workspace: 'w1', environment: 'production', scopes: ['devices:read'] }
  })
  await app.register(scopesPlugin, { scopes, schemes: [{ scheme: 'apiKey', kind: 'api-key' }] })
  refused(t, await app.inject('/silent'), { status: 403, code: 'ROUTE_UNDECLARED' })
})

t.test('composed without auth, a route for OPTIONS lets preflights pass and nobody else without a credential', async (t) => {
  const app = Fastify()
  t.teardown(() => app.close())
  await app.register(accessContext)
  await app.register(scopesPlugin, { scopes, schemes: [{ scheme: 'apiKey', kind: 'api-key' }] })
  app.options('/devices', async () => 'in')
  const options = async (headers: Record<string, string>) => await app.inject({ method: 'OPTIONS', url: '/devices', headers })
  t.equal((await options({ origin: 'https://page.example', 'access-control-request-method': 'GET' })).body, 'in')
  for (const headers of [{}, { origin: 'https://page.example' }]) {
    refused(t, await options(headers), { status: 401, code: 'CREDENTIAL_MISSING', challenge: 'Bearer realm="api"' })
  }
})
