import Fastify, { type FastifyInstance } from 'fastify'
import { accessContext, allowPlainHttp, basic, bearer, header, type Decision, type LatchkeyOptions } from 'fastify-latchkey'
import { auth } from 'fastify-latchkey/auth'
import { createMemoryLimitStore, limits } from 'fastify-latchkey/limits'
import { fakeClock, testPrincipals } from 'fastify-latchkey/testing'
import t, { type Test } from 'tap'
import { collectRounds } from '../helpers/collect.js'
import { listen } from '../helpers/doors.js'
import { bootError, guarded, refused, scopes, untyped } from '../helpers/limits.js'

const CHALLENGE = 'Bearer realm="api"'
const MISSING = 'No credential came with this request, so the limit for callers without one applies.'
const PREFLIGHT = { origin: 'https://a.example', 'access-control-request-method': 'GET' }
const anonymous = [{ name: 'anonymous', quota: 4, window: 60 }]

function everyMode (app: FastifyInstance): void {
  app.get('/public', { schema: scopes.public() }, async () => 'in')
  app.get('/optional', { schema: { security: [{}, { apiKey: ['devices:read'] }] } }, async ({ principal }) => principal?.id ?? 'anybody')
  app.get('/guarded', { schema: scopes.secure('devices:read', { cost: 100 }) }, async () => 'in')
}

/** An app that counts addresses; `ask` sends a request without a credential. */
async function counting (t: Test, more: Partial<LatchkeyOptions> = {}, routes = everyMode) {
  const made = await guarded(t, { limits: { anonymous }, ...more }, routes)
  const ask = (url: string, headers: Record<string, string> = {}, remoteAddress = '192.0.2.1', method: 'GET' | 'OPTIONS' = 'GET') =>
    made.app.inject({ method, url, headers, remoteAddress })
  return { ...made, ask, left: async (remoteAddress?: string) => (await ask('/public', {}, remoteAddress)).headers.ratelimit }
}

t.test('an address has one quota for public and optional routes, for 401s and for unknown paths', async (t) => {
  const { app, as, ask, clock } = await counting(t)
  const fields = (left: number) => ({ ratelimit: `"anonymous";r=${left};t=60`, 'ratelimit-policy': '"anonymous";q=4;w=60' })
  t.match(await ask('/public'), { statusCode: 200, headers: fields(3) })
  t.match(await ask('/optional'), { statusCode: 200, body: 'anybody', headers: fields(2) })
  const patterns = collectRounds()
  for (const [url, left] of [['/guarded', 1], ['/nothing-here', 0]] as const) {
    const response = await ask(url, { authorization: 'Basic dTpw' })
    refused(t, response, { status: 401, code: 'CREDENTIAL_MISSING', challenge: CHALLENGE })
    patterns.add(response.headers, fields(left), url)
  }
  for (const url of ['/public', '/optional', '/guarded', '/nothing-here']) {
    const response = await ask(url)
    const { detail } = refused(t, response, { status: 429, code: 'RATE_LIMITED', retryAfter: 60 })
    const wantsOne = url === '/guarded' || url === '/nothing-here'
    patterns.add([detail], [wantsOne ? `${MISSING} Send Authorization: Bearer <credential>.` : 'Too many requests; retry later.'], url)
    patterns.add(response.headers, fields(0), url)
  }
  t.match(patterns.seen, patterns.expected)
  t.match(await ask('/public', {}, '192.0.2.2'), { statusCode: 200, headers: fields(3) }, 'another address')
  const ada = await as.inject(app, { id: 'ada', scopes: ['devices:read'] }, { url: '/optional', remoteAddress: '192.0.2.1' })
  t.match(ada, { statusCode: 200, body: 'ada', headers: { ratelimit: '"production";r=99;t=60' } }, 'a principal is counted as itself')
  clock.advance(60)
  t.equal((await ask('/public')).statusCode, 200)
})

t.test('beyond the quota, a guarded route says where it takes a credential', async (t) => {
  const none = [{ name: 'none', quota: 0, window: 60 }]
  const { ask } = await counting(t, { limits: { anonymous: none }, keys: { prefix: 'acme' }, credentials: [header('x-api-key'), bearer(), basic()] })
  const { detail } = refused(t, await ask('/guarded'), { status: 429, code: 'RATE_LIMITED', retryAfter: 60 })
  t.equal(detail, `${MISSING} Send x-api-key: <credential>, or Authorization: Bearer <credential>, or Authorization: Basic <credential and :>.`)
})

t.test('left out, nobody is counted by address', async (t) => {
  const { ask } = await counting(t, { limits: {} })
  const rounds = collectRounds()
  for (const url of ['/public', '/guarded']) rounds.add((await ask(url)).headers.ratelimit, undefined)
  t.strictSame(rounds.seen, rounds.expected)
})

t.test('profile and cost of a route are for those whom it lets in', async (t) => {
  const exports = [{ name: 'exports', quota: 2, window: 60, partition: 'workspace' as const }]
  const { ask, left } = await counting(t, { limits: { anonymous, profiles: { exports } } }, (app) => {
    app.get('/public', { schema: scopes.public() }, async () => 'in')
    app.get('/export', { schema: { security: [], 'x-rate-limit': { profile: 'exports' } } }, async () => 'in')
    app.get('/dear', { schema: { security: [{}], 'x-rate-limit': { cost: 3 } } }, async () => 'in')
    app.get('/too-dear', { schema: { security: [], 'x-rate-limit': { cost: 5 } } }, async () => 'in')
    app.get('/guarded', { schema: scopes.secure({ profile: 'exports', cost: 9 }) }, async () => 'in')
  })
  t.equal((await ask('/export')).headers.ratelimit, '"exports";r=1;t=60')
  t.equal((await ask('/guarded')).headers.ratelimit, '"anonymous";r=3;t=60', 'a 401 costs 1 wherever it is sent')
  t.equal((await ask('/dear')).headers.ratelimit, '"anonymous";r=0;t=60')
  refused(t, await ask('/too-dear'), { status: 403, code: 'COST_ABOVE_QUOTA' })
  t.equal((await ask('/export', {}, '192.0.2.2')).headers.ratelimit, '"exports";r=1;t=60', 'by address, whatever the policy counts of principals')
  t.equal(await left('192.0.2.2'), '"anonymous";r=3;t=60')
})

t.test('a public or optional route that says so does not count them, also while the store is down; principals are counted', async (t) => {
  const routes = (app: FastifyInstance) => {
    app.get('/healthz', { schema: scopes.public({ anonymous: false }) }, async () => 'in')
    app.get('/livez', { schema: scopes.public({ profile: 'unlimited' }) }, async () => 'in')
    app.get('/status', { schema: { security: [{}, { apiKey: [] }], 'x-rate-limit': { anonymous: false } } }, async () => 'in')
    app.get('/public', { schema: scopes.public() }, async () => 'in')
  }
  const profiles = { unlimited: [] }
  const up = await counting(t, { limits: { anonymous, profiles } }, routes)
  const down = await counting(t, { limits: { anonymous, profiles, store: { take () { throw new Error('down') } } } }, routes)
  const rounds = collectRounds()
  for (const { ask } of [up, down]) {
    for (const url of ['/healthz', '/livez', '/status']) {
      const { statusCode, headers } = await ask(url)
      rounds.add([statusCode, headers.ratelimit], [200, undefined], url)
    }
  }
  t.strictSame(rounds.seen, rounds.expected)
  t.equal(await up.left(), '"anonymous";r=3;t=60')
  t.equal((await up.as.inject(up.app, { scopes: [] }, '/status')).headers.ratelimit, '"production";r=99;t=60')
})

t.test('a real CORS preflight is not counted, an OPTIONS request that is none is', async (t) => {
  const { ask, left } = await counting(t, {}, (app) => {
    everyMode(app)
    app.options('/guarded', async () => 'allowed')
  })
  const rounds = collectRounds()
  for (let i = 0; i < 9; i++) rounds.add((await ask('/guarded', PREFLIGHT, undefined, 'OPTIONS')).statusCode, 200)
  t.strictSame(rounds.seen, rounds.expected)
  t.equal(await left(), '"anonymous";r=3;t=60')
  refused(t, await ask('/guarded', {}, undefined, 'OPTIONS'), { status: 401, code: 'CREDENTIAL_MISSING', challenge: CHALLENGE })
  t.equal(await left(), '"anonymous";r=1;t=60')
})

t.test('a bad credential is a matter of the budget of failed attempts alone, a missing one of the quota alone', async (t) => {
  const { ask, left } = await counting(t, { failures: { quota: 3, window: 60 } })
  const bad = { authorization: 'Bearer nobody' }
  for (let i = 0; i < 3; i++) refused(t, await ask('/optional', bad), { status: 401, code: 'CREDENTIAL_INVALID', challenge: `${CHALLENGE}, error="invalid_token"` })
  refused(t, await ask('/optional', bad), { status: 429, code: 'TOO_MANY_FAILURES', retryAfter: 60 })
  t.equal(await left(), '"anonymous";r=3;t=60', 'the four were not counted')
  t.equal((await ask('/public', bad)).statusCode, 200, 'no credential is read on a public route')
})

t.test('decisions name the address and no principal; a dry run refuses nobody; no event has a workspace to go to', async (t) => {
  const decisions: Array<Pick<Decision, 'outcome' | 'principal' | 'address' | 'cost' | 'dryRun'>> = []
  const onDecision = ({ outcome, principal, address, cost, dryRun }: Decision) => { decisions.push({ outcome, principal, address, cost, dryRun }) }
  const one = [{ name: 'one', quota: 1, window: 60 }]
  const rounds = collectRounds()
  for (const dryRun of [true, false]) {
    const { app, ask } = await counting(t, { limits: { anonymous: one, dryRun, onDecision } })
    let events = 0
    app.latchkey.events.on('limit.exceeded', () => { events++ })
    const answers = []
    for (const url of ['/public', '/public', '/guarded']) answers.push(await ask(url, {}, '2001:db8::7'))
    rounds.add(answers.map(({ statusCode }) => statusCode), dryRun ? [200, 200, 401] : [200, 429, 429])
    rounds.add(answers.some(({ headers }) => 'ratelimit' in headers), !dryRun)
    const decision = { principal: null, address: '2001:db8::', cost: 1, dryRun }
    rounds.add(decisions.splice(0), [{ outcome: 'admitted', ...decision }, { outcome: 'limited', ...decision }, { outcome: 'limited', ...decision }])
    rounds.add(events, 0)
  }
  t.strictSame(rounds.seen, rounds.expected)
})

t.test('where the store fails, public and optional routes get 503, and so do requests that would get 401', async (t) => {
  const { ask } = await counting(t, { limits: { anonymous, store: { take () { throw new Error('down') } } } })
  for (const url of ['/public', '/optional', '/guarded']) refused(t, await ask(url), { status: 503, code: 'LIMITER_UNAVAILABLE', retryAfter: 1 })
})

t.test('no address counts as a principal, and no flood of addresses takes the room of credentials', async (t) => {
  const store = createMemoryLimitStore({ maxPartitions: 4 })
  const environments = { production: anonymous, sandbox: [] }
  const { app, as, ask, left } = await counting(t, { limits: { anonymous, environments, store } })
  t.equal(await left(), '"anonymous";r=3;t=60')
  t.equal((await as.inject(app, { id: '192.0.2.1', scopes: ['devices:read'] }, '/optional')).headers.ratelimit, '"anonymous";r=3;t=60', 'a key with the address as its id')
  t.equal((await ask('/public', {}, '192.0.2.2')).statusCode, 200)
  refused(t, await ask('/public', {}, '192.0.2.3'), { status: 503, code: 'LIMITER_UNAVAILABLE', retryAfter: 1 })
  t.equal((await as.inject(app, { id: 'ada', scopes: ['devices:read'] }, '/optional')).statusCode, 200)
  t.equal(store.size, 4)
})

t.test('as a plugin of its own it counts whoever has no principal', async (t) => {
  const app = Fastify()
  t.teardown(() => app.close())
  const as = testPrincipals()
  await app.register(accessContext, { clock: fakeClock().now })
  await app.register(auth, { resolvers: [as.resolver], environment: 'production', transport: allowPlainHttp })
  await app.register(limits, { anonymous })
  everyMode(app)
  const patterns = collectRounds()
  for (const [url, status, left] of [['/public', 200, 3], ['/optional', 200, 2], ['/guarded', 401, 1], ['/nothing', 401, 0], ['/guarded', 429, 0]] as const) {
    patterns.add(await app.inject(url), { statusCode: status, headers: { ratelimit: `"anonymous";r=${left};t=60` } }, url)
  }
  t.match(patterns.seen, patterns.expected)
  t.equal((await as.inject(app, { scopes: [] }, '/optional')).headers.ratelimit, '"production";r=99;t=60')
})

t.test('one address is one caller however proxies write it, over HTTP', async (t) => {
  const forms = [
    ['203.0.113.7', '203.0.113.7:49152', '203.0.113.7:80', '[203.0.113.7]:80', '::ffff:203.0.113.7', '::FFFF:CB00:7107', '[::ffff:203.0.113.7]:443', '0:0:0:0:0:ffff:203.0.113.7'],
    ['203.0.113.8', '::ffff:cb00:7108'],
    ['2001:db8::1', '2001:DB8:0:0::2', '[2001:db8::3]:443', '2001:0db8:0000:0000:ffff::', '2001:db8::1%eth0', '[2001:db8::1%25eth0]:443'],
    ['2001:db8:0:1::1', '2001:db8:0:1:ffff:ffff:ffff:ffff'],
    ['fe80::1%eth0', 'fe80::2%eth1'],
    ['unknown', 'Unknown:1234', 'UNKNOWN']
  ]
  const app = Fastify({ trustProxy: true })
  t.teardown(() => app.close())
  await app.register(accessContext, { clock: fakeClock().now })
  await app.register(limits, { anonymous: [{ name: 'p', quota: 100, window: 60 }] })
  app.get('/', { schema: scopes.public() }, async () => 'in')
  const port = await listen(app)
  const seen = []
  for (const group of forms) {
    for (const form of group) {
      const response = await fetch(`http://127.0.0.1:${port}/`, { headers: { 'x-forwarded-for': form } })
      await response.text()
      seen.push(`${form} ${response.headers.get('ratelimit')}`)
    }
  }
  t.same(seen, forms.flatMap((group) => group.map((form, n) => `${form} "p";r=${99 - n};t=60`)))
})

t.test('wrong options of addresses are refused at boot', async (t) => {
  const rows: Array<[unknown, RegExp]> = [
    [{}, /option limits\.anonymous must be an array of at most 16 policies, such as \[\{ name: 'anonymous', quota: 30, window: 60 \}\], not an object/],
    [[{ ...anonymous[0], partition: 'workspace' }], /unknown option limits\.anonymous\.0\.partition; known here: name, quota, window, burst, sliding/],
    [[anonymous[0], anonymous[0]], /option limits\.anonymous has two policies of the same name/],
    [[{ name: 'p', quota: 1 }], /option limits\.anonymous\.0\.window is missing/]
  ]
  const patterns = collectRounds()
  for (const [anonymous, message] of rows) patterns.add(await bootError(t, untyped({ limits: { anonymous } })), message)
  t.match(patterns.seen, patterns.expected)
})
