import Fastify from 'fastify'
import latchkey, { allowPlainHttp, principalOf, type Principal } from 'fastify-latchkey'
import { fakeClock, testPrincipals, type TestPrincipals } from 'fastify-latchkey/testing'
import t from 'tap'
import { collectRounds } from '../helpers/collect.js'
import { refused, scopes, untyped } from '../helpers/limits.js'

async function serving (t: { teardown (after: () => unknown): void }, as: TestPrincipals) {
  const app = Fastify()
  t.teardown(() => app.close())
  const seen: Principal[] = []
  await app.register(latchkey, { scopes, environment: ['production', 'sandbox'], keys: { prefix: 'acme' }, resolvers: [as.resolver], transport: allowPlainHttp })
  const schema = { security: [{ [as.resolver.scheme]: ['devices:read'] }] }
  app.post('/:id', { schema }, async (request) => {
    seen.push(principalOf(request))
    return { ...request.headers, id: untyped<{ id: string }>(request.params).id, body: request.body }
  })
  app.get('/', { schema }, async () => 'in')
  return { app, seen }
}

t.test('a fake clock stands still until it is told', async (t) => {
  const clock = fakeClock(1_000)
  t.same([clock.now(), clock.now()], [1_000, 1_000])
  clock.advance(1.5)
  t.equal(clock.now(), 2_500)
  clock.advance(-2)
  t.equal(clock.now(), 500)
  clock.advance(0.0704)
  t.equal(clock.now(), 570, 'whole milliseconds, as Date.now gives them')
  t.equal(fakeClock().now(), Date.UTC(2026, 0, 1))
})

t.test('a request speaks as the principal of the test, through the whole guard', async (t) => {
  const as = testPrincipals()
  const { app, seen } = await serving(t, as)
  const expiresAt = new Date()
  const response = await as.inject(app, { id: 'ada', workspace: 'w7', environment: 'sandbox', tier: 'pro', owner: 'u1', expiresAt, scopes: ['devices:read'] }, { method: 'POST', url: '/7', payload: { a: 1 }, headers: { 'x-own': 'y' } })
  t.equal(response.statusCode, 200)
  t.match(response.json(), { id: '7', body: { a: 1 }, 'x-own': 'y' })
  t.same(seen, [{ kind: 'api-key', scheme: 'apiKey', id: 'ada', workspace: 'w7', environment: 'sandbox', tier: 'pro', owner: 'u1', expiresAt, scopes: ['devices:read'] }])
  t.match(response.headers, { 'ratelimit-policy': '"pro";q=10000;w=3600' })
  refused(t, await as.inject(app, { scopes: ['devices:write'] }, '/'), { status: 403, code: 'INSUFFICIENT_SCOPE', challenge: 'Bearer realm="api", error="insufficient_scope", scope="devices:read"' })
  refused(t, await as.inject(app, { scopes: [], environment: 'moon' }, '/'), { status: 403, code: 'WRONG_ENVIRONMENT' })
})

t.test('everything but the scopes has a default, and defaults of its own where a test says so', async (t) => {
  const rounds = collectRounds()
  for (const [common, expected] of [
    [undefined, { kind: 'api-key', scheme: 'apiKey', id: 'test-principal', workspace: 'test-workspace', environment: 'production' }],
    [{ environment: 'sandbox', workspace: 'w2', tier: 'pro' }, { kind: 'api-key', scheme: 'apiKey', id: 'test-principal', workspace: 'w2', environment: 'sandbox', tier: 'pro' }],
    [{ kind: 'access-token', scheme: 'oauth', id: 'u1' }, { kind: 'access-token', scheme: 'oauth', id: 'u1', workspace: 'test-workspace', environment: 'production' }],
  ] as const) {
    const as = testPrincipals(common)
    const { app, seen } = await serving(t, as)
    rounds.add((await as.inject(app, { scopes: ['devices:read'] }, { method: 'POST', url: '/1' })).statusCode, 200)
    rounds.add(seen, [{ ...expected, scopes: ['devices:read'] }])
  }
  t.strictSame(rounds.seen, rounds.expected)
})

t.test('the principal is frozen, and another object than the test\'s', async (t) => {
  const as = testPrincipals()
  const { app, seen } = await serving(t, as)
  const mine = { id: 'ada', scopes: ['devices:read'] as const }
  await as.inject(app, mine, { method: 'POST', url: '/1' })
  const [one] = seen
  t.ok(Object.isFrozen(one) && Object.isFrozen(one?.scopes))
  t.not(one?.scopes, mine.scopes)
})

t.test('what a test states of the kind is what the resolver says: types refuse another', async (t) => {
  const as = testPrincipals()
  const { app, seen } = await serving(t, as)
  // @ts-expect-error the kind is stated once, for all principals of a testPrincipals
  await as.inject(app, { kind: 'access-token', scopes: ['devices:read'] }, { method: 'POST', url: '/1' })
  t.match(seen, [{ kind: 'api-key' }])
})

t.test('its credential replaces any other, and is worth nothing afterwards or elsewhere', async (t) => {
  const as = testPrincipals()
  const { app } = await serving(t, as)
  const rounds = collectRounds()
  for (const name of ['authorization', 'Authorization', 'AUTHORIZATION']) {
    const response = await as.inject(app, { scopes: ['devices:read'] }, { method: 'POST', url: '/1', headers: { [name]: 'Bearer another' } })
    rounds.add(response.statusCode, 200, name)
    const { authorization } = response.json<{ authorization: string }>()
    const again = await app.inject({ url: '/', headers: { authorization } })
    refused(t, again, { status: 401, code: 'CREDENTIAL_INVALID', challenge: 'Bearer realm="api", error="invalid_token"' })
  }
  t.strictSame(rounds.seen, rounds.expected)
  const { app: other } = await serving(t, testPrincipals())
  t.equal((await as.inject(other, { scopes: ['devices:read'] }, '/')).statusCode, 401)
})

t.test('many requests at once speak as whom each was told', async (t) => {
  const as = testPrincipals()
  const { app, seen } = await serving(t, as)
  await Promise.all(Array.from({ length: 50 }, (_, i) => as.inject(app, { id: `p${i}`, scopes: ['devices:read'] }, { method: 'POST', url: '/1' })))
  t.same(seen.map(({ id }) => id).sort(), Array.from({ length: 50 }, (_, i) => `p${i}`).sort())
})

t.test('a request that can not be sent is the test\'s to see', async (t) => {
  const as = testPrincipals()
  const { app } = await serving(t, as)
  app.get('/stating-nothing', async () => 'in')
  await t.rejects(as.inject(app, { scopes: [] }, '/'), /GET, HEAD \/stating-nothing declares nothing/)
})
