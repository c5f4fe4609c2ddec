import Fastify, { type FastifyInstance } from 'fastify'
import latchkey, { allowPlainHttp, basic, defineScopes, header, principalOf, type Principal } from 'fastify-latchkey'
import { testPrincipals, type TestPrincipals, type TestPrincipalsOptions } from 'fastify-latchkey/testing'
import { collectRounds } from '../helpers/collect.js'
import { lookup } from '../helpers/lookup.js'
import t, { type Test } from 'tap'
import { refused } from '../helpers/limits.js'

const scopes = defineScopes({ resources: { devices: ['read', 'manage'], reports: ['read'] } })
const invalid = { status: 401, code: 'CREDENTIAL_INVALID', challenge: 'Bearer realm="api", error="invalid_token"' } as const

interface Spoken {
  readonly app: FastifyInstance
  readonly as: TestPrincipals
  readonly seen: Principal[]
  readonly credentials: string[]
}

/** An app that keeps who spoke to it, and with what. */
async function speaking (t: Test, options?: TestPrincipalsOptions): Promise<Spoken> {
  const as = testPrincipals(options)
  const app = Fastify()
  t.teardown(() => app.close())
  await app.register(latchkey, { scopes, environment: ['production', 'sandbox'], keys: false, resolvers: [as.resolver], transport: allowPlainHttp, failures: false, limits: false })
  const seen: Principal[] = []
  const credentials: string[] = []
  app.get('/devices', { schema: scopes.secure('devices:read') }, async (request) => {
    seen.push(principalOf(request))
    credentials.push(String(request.headers.authorization))
    return { id: principalOf(request).id, asked: request.headers['x-asked'] ?? null, query: request.query }
  })
  return { app, as, seen, credentials }
}

t.test('a principal of scopes alone is a key of the test workspace in production', async (t) => {
  const { app, as, seen } = await speaking(t)
  t.equal((await as.inject(app, { scopes: ['devices:read'] }, '/devices')).statusCode, 200)
  t.strictSame(seen.map((principal) => ({ ...principal })), [{ id: 'test-principal', workspace: 'test-workspace', environment: 'production', kind: 'api-key', scheme: 'apiKey', scopes: ['devices:read'] }])
})

t.test('a principal is sent where the server takes credentials', async (t) => {
  const rounds = collectRounds()
  for (const place of [header('x-api-key'), basic()]) {
    const as = testPrincipals({ place, kind: 'access-token' })
    const app = Fastify()
    t.teardown(() => app.close())
    await app.register(latchkey, { scopes, environment: 'production', keys: false, resolvers: [as.resolver], credentials: [place], transport: allowPlainHttp })
    app.get('/devices', { schema: scopes.secure('devices:read') }, async (request) => ({ id: principalOf(request).id }))
    const headers = { Authorization: 'Bearer other', 'X-Api-Key': 'other' }
    rounds.add((await as.inject(app, { scopes: ['devices:read'] }, { url: '/devices', headers: place.type === 'header' ? headers : {} })).json(), { id: 'test-principal' })
  }
  t.strictSame(rounds.seen, rounds.expected)
})

t.test('what a principal states goes before what all have in common, and that before the defaults', async (t) => {
  const expiresAt = new Date(0)
  const { app, as, seen } = await speaking(t, { workspace: 'w1', environment: 'sandbox', tier: 'pro' })
  await as.inject(app, { scopes: ['devices:read'], id: 'p1', workspace: 'w2', owner: 'u1', expiresAt }, '/devices')
  t.strictSame(seen.map((principal) => ({ ...principal })), [{ id: 'p1', workspace: 'w2', environment: 'sandbox', tier: 'pro', owner: 'u1', expiresAt, kind: 'api-key', scheme: 'apiKey', scopes: ['devices:read'] }])
})

t.test('a principal is frozen with its scopes, and apart from what the test goes on to change', async (t) => {
  const { app, as, seen } = await speaking(t)
  const given: Array<'devices:read' | 'devices:manage'> = ['devices:read']
  await as.inject(app, { scopes: given }, '/devices')
  given.push('devices:manage')
  const [principal] = seen
  t.ok(Object.isFrozen(principal))
  t.ok(Object.isFrozen(principal?.scopes))
  t.strictSame(principal?.scopes, ['devices:read'])
})

t.test('the whole guard is asked: a principal without the scope is refused', async (t) => {
  const { app, as, seen } = await speaking(t)
  const patterns = collectRounds()
  for (const granted of [[], ['reports:read']] as const) {
    const response = await as.inject(app, { scopes: granted }, '/devices')
    patterns.add(refused(t, response, { status: 403, code: 'INSUFFICIENT_SCOPE', challenge: 'Bearer realm="api", error="insufficient_scope", scope="devices:read"' }), { required: [['devices:read']], granted })
  }
  t.match(patterns.seen, patterns.expected)
  t.strictSame(seen, [])
})

t.test('an environment that the host does not serve is refused', async (t) => {
  const { app, as } = await speaking(t)
  refused(t, await as.inject(app, { scopes: ['devices:read'], environment: 'staging' }, '/devices'), { status: 403, code: 'WRONG_ENVIRONMENT' })
})

t.test('two principals that speak at once stay apart', async (t) => {
  const { app, as, credentials } = await speaking(t)
  const ids = ['p1', 'p2', 'p3']
  const answers = await Promise.all(ids.map((id) => as.inject(app, { id, scopes: ['devices:read'] }, '/devices')))
  t.strictSame(answers.map((answer) => answer.json<{ id: string }>().id), ids)
  t.equal(new Set(credentials).size, 3)
})

t.test('a credential means its principal only while it is spoken, and only to its own resolver', async (t) => {
  const { app, as, credentials } = await speaking(t)
  const other = await speaking(t)
  app.addHook('onSend', async (request) => {
    const authorization = request.headers.authorization ?? ''
    if (request.headers['x-asked'] === 'other') refused(t, await other.app.inject({ url: '/devices', headers: { authorization } }), invalid)
  })
  await as.inject(app, { scopes: ['devices:read'] }, { url: '/devices', headers: { 'x-asked': 'other' } })
  const [authorization = ''] = credentials
  t.match(authorization, /^Bearer test-[\w-]{32}$/)
  refused(t, await app.inject({ url: '/devices', headers: { authorization } }), invalid)
  t.strictSame(other.seen, [])
})

t.test('a credential is forgotten when the request fails, too', async (t) => {
  const as = testPrincipals()
  const app = Fastify()
  t.teardown(() => app.close())
  let authorization = ''
  app.addHook('onReady', async () => { throw new Error('not ready') })
  const inject = app.inject.bind(app)
  const told = Object.assign(app, {
    inject (request: { headers: { authorization: string } }) {
      authorization = request.headers.authorization
      return inject(request)
    }
  })
  await t.rejects(as.inject(told, { scopes: [] }, '/'), /not ready/)
  t.match(authorization, /^Bearer test-/)
  t.equal(await as.resolver.resolve(authorization.slice(7), 0, lookup()), undefined)
})

t.test('an unknown credential is refused, and so is none', async (t) => {
  const { app } = await speaking(t)
  for (const authorization of ['Bearer test-principal', 'Bearer test-', 'Bearer __proto__', 'Bearer constructor']) {
    refused(t, await app.inject({ url: '/devices', headers: { authorization } }), invalid)
  }
  refused(t, await app.inject('/devices'), { status: 401, code: 'CREDENTIAL_MISSING', challenge: 'Bearer realm="api"' })
})

t.test('a request keeps what it states, but for a credential of its own', async (t) => {
  const { app, as, credentials } = await speaking(t)
  const given = { url: '/devices', query: { page: '2' }, headers: { Authorization: 'Bearer other', AUTHORIZATION: 'Bearer another', 'x-asked': 'yes' } }
  const answer = await as.inject(app, { scopes: ['devices:read'] }, given)
  t.strictSame(answer.json(), { id: 'test-principal', asked: 'yes', query: { page: '2' } })
  t.match(credentials, [/^Bearer test-[\w-]{32}$/])
  t.strictSame(given.headers, { Authorization: 'Bearer other', AUTHORIZATION: 'Bearer another', 'x-asked': 'yes' }, 'and is left as it was')
})

t.test('another kind comes with the scheme that stands for it', async (t) => {
  const { resolver } = testPrincipals({ kind: 'access-token', scheme: 'oauth' })
  t.match(resolver, { kind: 'access-token', scheme: 'oauth', description: { type: 'http', scheme: 'bearer' } })
  const keys = testPrincipals()
  t.match(keys.resolver, { kind: 'api-key', scheme: 'apiKey' })
  const { app, as, seen } = await speaking(t, { kind: 'access-token' })
  await as.inject(app, Object.assign({ scopes: ['devices:read'] as const }, { kind: 'api-key' }), '/devices')
  t.match(seen, [{ kind: 'access-token' }], 'a principal can\'t be of another kind than its resolver')
})
