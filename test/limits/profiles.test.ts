import Fastify, { type FastifyInstance } from 'fastify'
import latchkey, { allowPlainHttp } from 'fastify-latchkey'
import { fakeClock, testPrincipals } from 'fastify-latchkey/testing'
import t from 'tap'
import { collectRounds } from '../helpers/collect.js'
import { guarded, refused, scopes } from '../helpers/limits.js'

const minute = (name: string, quota = 10) => [{ name, quota, window: 60 }]

function routes (app: FastifyInstance): void {
  app.get('/', { schema: scopes.secure() }, async () => 'in')
  app.get('/free', { schema: scopes.secure({ cost: 0 }) }, async () => 'in')
  app.get('/dear', { schema: scopes.secure({ cost: 4 }) }, async () => 'in')
  app.get('/public', { schema: scopes.public() }, async () => 'in')
  app.get('/optional', { schema: { security: [{}, { apiKey: [] }] } }, async () => 'in')
}

t.test('by default a credential has 100 requests a minute in production and 300 in the sandbox', async (t) => {
  const { app, as } = await guarded(t)
  const patterns = collectRounds()
  for (const [environment, quota] of [['production', 100], ['sandbox', 300]] as const) {
    for (const id of ['a', 'b']) {
      const { headers } = await as.inject(app, { id, environment, scopes: [] }, '/')
      patterns.add(headers, { 'ratelimit-policy': `"${environment}";q=${quota};w=60`, ratelimit: `"${environment}";r=${quota - 1};t=60` })
    }
  }
  t.match(patterns.seen, patterns.expected)
})

t.test('by default tiers have 1,000 an hour with a burst of 100, 10,000 with a burst of 1,000, and no limit', async (t) => {
  const { app, as, clock } = await guarded(t)
  const rounds = collectRounds()
  const patterns = collectRounds()
  for (const [tier, quota, burst] of [['free', 1000, 100], ['pro', 10_000, 1000]] as const) {
    const ask = () => as.inject(app, { id: tier, tier, scopes: [] }, '/')
    for (let i = 1; i < burst; i++) await ask()
    patterns.add((await ask()).headers, { 'ratelimit-policy': `"${tier}";q=${quota};w=3600`, ratelimit: `"${tier}";r=0;t=${quota === 1000 ? 4 : 1}` })
    const wait = quota === 1000 ? 4 : 1
    refused(t, await ask(), { status: 429, code: 'RATE_LIMITED', retryAfter: wait })
    clock.advance(wait)
    rounds.add((await ask()).statusCode, 200)
  }
  t.strictSame(rounds.seen, rounds.expected)
  t.match(patterns.seen, patterns.expected)
  const unlimited = await as.inject(app, { tier: 'enterprise', scopes: [] }, '/')
  t.equal(unlimited.statusCode, 200)
  t.equal(unlimited.headers.ratelimit, undefined)
  t.equal(unlimited.headers['ratelimit-policy'], undefined)
})

t.test('the route selects the profile, else the tier, else the environment', async (t) => {
  const { app, as } = await guarded(t, {
    limits: { environments: { production: minute('production'), sandbox: [] }, tiers: { free: minute('free'), constructor: minute('c') }, profiles: { heavy: minute('heavy') } },
  }, (app) => {
    routes(app)
    app.get('/heavy', { schema: scopes.secure({ profile: 'heavy' }) }, async () => 'in')
  })
  const policyOf = async (tier: string | undefined, url: string) => (await as.inject(app, { scopes: [], ...tier !== undefined && { tier } }, url)).headers['ratelimit-policy']
  t.equal(await policyOf('free', '/heavy'), '"heavy";q=10;w=60')
  t.equal(await policyOf('free', '/'), '"free";q=10;w=60')
  t.equal(await policyOf(undefined, '/'), '"production";q=10;w=60')
  t.equal(await policyOf(undefined, '/heavy'), '"heavy";q=10;w=60')
  const rounds = collectRounds()
  for (const tier of ['unknown', '__proto__', 'toString']) rounds.add(await policyOf(tier, '/'), '"production";q=10;w=60', `the tier ${tier} says nothing`)
  t.strictSame(rounds.seen, rounds.expected)
  t.equal(await policyOf('constructor', '/'), '"c";q=10;w=60', 'a tier of any name that is declared')
})

t.test('requests without a principal are not counted; on an optional route those with one are', async (t) => {
  const { app, as } = await guarded(t, {}, routes)
  t.equal((await app.inject('/public')).headers.ratelimit, undefined)
  t.equal((await as.inject(app, { scopes: [] }, '/public')).headers.ratelimit, undefined)
  t.equal((await app.inject('/optional')).headers.ratelimit, undefined)
  t.equal((await as.inject(app, { scopes: [] }, '/optional')).headers.ratelimit, '"production";r=99;t=60')
})

t.test('an unknown path costs a unit too, so probing is not free', async (t) => {
  const { app, as } = await guarded(t, {}, routes)
  const { statusCode, headers } = await as.inject(app, { scopes: [] }, '/nothing')
  t.equal(statusCode, 404)
  t.equal(headers.ratelimit, '"production";r=99;t=60')
})

t.test('a request that lacks a scope costs a unit too', async (t) => {
  const { app, as } = await guarded(t, {}, (app) => { app.get('/', { schema: scopes.secure('devices:read') }, async () => 'in') })
  const { statusCode, headers } = await as.inject(app, { scopes: [] }, '/')
  t.equal(statusCode, 403)
  t.equal(headers.ratelimit, '"production";r=99;t=60')
})

t.test('a request takes what it costs', async (t) => {
  const { app, as } = await guarded(t, { limits: { environments: { production: minute('p', 9), sandbox: [] } } }, routes)
  const remaining = async (url: string) => (await as.inject(app, { scopes: [] }, url)).headers.ratelimit
  t.same([await remaining('/dear'), await remaining('/'), await remaining('/free'), await remaining('/dear')],
    ['"p";r=5;t=60', '"p";r=4;t=60', '"p";r=4;t=60', '"p";r=0;t=60'])
  refused(t, await as.inject(app, { scopes: [] }, '/dear'), { status: 429, code: 'RATE_LIMITED', retryAfter: 60 })
  t.equal((await as.inject(app, { scopes: [] }, '/free')).statusCode, 200)
})

t.test('a cost above the capacity is 403 without Retry-After, and takes nothing', async (t) => {
  const rounds = collectRounds()
  const patterns = collectRounds()
  for (const more of [{}, { burst: 3 }, { sliding: true }]) {
    const { app, as } = await guarded(t, { limits: { environments: { production: [...minute('wide', 100), { name: 'narrow', quota: 3, window: 60, ...more }], sandbox: [] } } }, routes)
    const response = await as.inject(app, { scopes: [] }, '/dear')
    const body = refused(t, response, { status: 403, code: 'COST_ABOVE_QUOTA' })
    patterns.add(body, { detail: 'This operation costs 4; narrow allows at most 3 at once.', cost: 4, policy: 'narrow', capacity: 3 })
    rounds.add(response.headers.ratelimit, undefined)
    patterns.add((await as.inject(app, { scopes: [] }, '/')).headers.ratelimit, /^"wide";r=99;t=60, "narrow";r=2;/)
  }
  t.strictSame(rounds.seen, rounds.expected)
  t.match(patterns.seen, patterns.expected)
})

t.test('a quota of 0 is 429 at every request', async (t) => {
  const { app, as, clock } = await guarded(t, { limits: { environments: { production: minute('none', 0), sandbox: [] } } }, routes)
  const patterns = collectRounds()
  for (const url of ['/', '/free', '/dear']) {
    const response = await as.inject(app, { scopes: [] }, url)
    refused(t, response, { status: 429, code: 'RATE_LIMITED', retryAfter: 60 })
    patterns.add(response.headers, { ratelimit: '"none";r=0;t=60', 'ratelimit-policy': '"none";q=0;w=60' })
    clock.advance(60)
  }
  t.match(patterns.seen, patterns.expected)
})

t.test('sandbox and production of a workspace are counted separately, its principals together', async (t) => {
  const shared = [{ name: 'shared', quota: 2, window: 60, partition: 'workspace' as const }]
  const { app, as } = await guarded(t, { limits: { environments: { production: shared, sandbox: shared } } }, routes)
  const ask = async (id: string, environment: string) => (await as.inject(app, { id, environment, scopes: [] }, '/')).statusCode
  t.same([await ask('a', 'production'), await ask('b', 'production'), await ask('c', 'production'), await ask('a', 'sandbox')], [200, 200, 429, 200])
})

t.test('a principal of an environment without a profile gets 503, and never goes uncounted', async (t) => {
  const { app, as } = await guarded(t, { environment: () => 'staging', limits: { tiers: { free: minute('free') } } }, routes)
  const ask = (more: object, url = '/') => as.inject(app, { environment: 'staging', scopes: [], ...more }, url)
  const response = await ask({})
  refused(t, response, { status: 503, code: 'LIMITER_UNAVAILABLE', retryAfter: 1 })
  t.equal(response.headers.ratelimit, undefined)
  t.equal((await ask({ tier: 'free' })).statusCode, 200, 'its tier says what applies')
})

t.test('a route registered before the guard with an unknown profile is 503, and the log says why', async (t) => {
  const lines: string[] = []
  const app = Fastify({ logger: { level: 'error', stream: { write: (line: string) => { lines.push(line) } } } })
  t.teardown(() => app.close())
  app.get('/early', { schema: scopes.secure({ profile: 'hevy' }) }, async () => 'in')
  const as = testPrincipals()
  await app.register(latchkey, { scopes, environment: 'production', keys: false, resolvers: [as.resolver], transport: allowPlainHttp, clock: fakeClock().now })
  refused(t, await as.inject(app, { scopes: [] }, '/early'), { status: 503, code: 'LIMITER_UNAVAILABLE', retryAfter: 1 })
  t.match(lines.join(''), /limits\.profiles\.hevy is not declared/)
})
