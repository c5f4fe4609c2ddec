import { createServer } from 'node:http'
import { text } from 'node:stream/consumers'
import { Webhook } from 'standardwebhooks'
import t, { type Test } from 'tap'
import { listenOn } from '../../examples/front.js'
import { build } from '../../examples/tiers-oauth.js'
import { fakeClock } from '../../lib/testing/index.js'
import { collectRounds } from '../helpers/collect.js'
import { answered, as, challenges, guardedRoutes, keptLog, keyOf, refusalOf, refusalWith, refused, repeat } from '../helpers/contracts.js'

const HOUR = 3_600
const https = { 'x-forwarded-proto': 'https' }
const problem = 'application/problem+json; charset=utf-8'

const reads = ['GET /v1/resources', 'GET /v1/resources/:id']
const writes = ['POST /v1/resources', 'PATCH /v1/resources/:id', 'DELETE /v1/resources/:id']
/** What these do is the subject of tiers-oauth-rotation.test.ts. */
const keyRoutes = [
  'GET /v1/keys', 'GET /v1/keys/workspaces', 'GET /v1/keys/caller', 'GET /v1/keys/:id', 'POST /v1/keys',
  'PATCH /v1/keys/:id', 'POST /v1/keys/:id/rotate', 'POST /v1/keys/:id/revoke'
]
/** What these do is the subject of test/webhooks. */
const webhookRoutes = [
  'GET /v1/webhooks', 'GET /v1/webhooks/caller', 'POST /v1/webhooks', 'GET /v1/webhooks/:id', 'PATCH /v1/webhooks/:id', 'DELETE /v1/webhooks/:id', 'POST /v1/webhooks/:id/rotate-secret',
  'POST /v1/webhooks/:id/test', 'GET /v1/webhooks/:id/deliveries', 'POST /v1/webhooks/:id/deliveries/:delivery/replay'
]
const routes = [...reads, ...writes, 'GET /v1/key']

const resources = [{ id: 'resource_1', name: 'Report' }]
const request = (route: string): string => route.replace(':id', 'resource_1')
const bodyFor = (route: string): unknown => /^(POST|PATCH)/.test(route) ? { name: 'Invoice' } : undefined

const insecure = {
  status: 403,
  type: problem,
  body: { type: 'about:blank', title: 'Forbidden', status: 403, detail: 'This API answers over HTTPS only.', code: 'INSECURE_TRANSPORT' }
}

/** Each refusal that has a challenge tells where to get a token, and that a token may be bound to a key (oauth-flow.test.ts). */
const withMetadata = (challenge: string) => {
  const metadata = ', resource_metadata="https://api.platform.com/.well-known/oauth-protected-resource"'
  return `${challenge}${metadata}, DPoP realm="api", algs="ES256 PS256 RS256 EdDSA Ed25519"${metadata}`
}

function unauthorized (code: 'CREDENTIAL_MISSING' | 'CREDENTIAL_INVALID') {
  const [challenge, detail] = code === 'CREDENTIAL_MISSING'
    ? [challenges.missing, 'Authentication credentials were not provided.']
    : [challenges.invalid, 'The credential is not valid.']
  return { status: 401, type: problem, challenge: withMetadata(challenge), body: { type: 'about:blank', title: 'Unauthorized', status: 401, detail, code } }
}

function forbidden (required: string, granted: readonly string[]) {
  return {
    status: 403,
    type: problem,
    challenge: withMetadata(challenges.scope(required)),
    body: {
      type: 'about:blank',
      title: 'Forbidden',
      status: 403,
      detail: `This operation requires ${required}; the credential grants ${granted.join(', ') || 'nothing'}.`,
      code: 'INSUFFICIENT_SCOPE',
      required: [[required]],
      granted
    }
  }
}

const limited = (retryAfter: string) => ({
  status: 429,
  type: problem,
  retryAfter,
  body: { type: 'about:blank', title: 'Too Many Requests', status: 429, detail: 'Too many requests; retry later.', code: 'RATE_LIMITED' }
})

async function start (t: Test) {
  const clock = fakeClock()
  const log = keptLog()
  const { app, keys } = await build({ clock: clock.now, logger: log.logger })
  t.teardown(() => app.close())
  await app.ready()
  return { app, clock, log, keys, speak: (name: string) => as(app, keyOf(keys, name), https) }
}

/** What a customer runs; it gives out what came, one after the other. */
async function startReceiver (t: Test) {
  const waiting: Array<(received: { body: string, headers: Record<string, string> }) => void> = []
  const kept: Array<{ body: string, headers: Record<string, string> }> = []
  const server = createServer(async (request, response) => {
    const received = { body: await text(request), headers: Object.fromEntries(Object.entries(request.headers).map(([name, value]) => [name, String(value)])) }
    response.writeHead(204).end()
    const next = waiting.shift()
    if (next === undefined) kept.push(received)
    else next(received)
  })
  const { url, close } = await listenOn(server)
  t.teardown(close)
  return {
    url,
    async next () {
      return kept.shift() ?? await new Promise<typeof kept[number]>((resolve) => waiting.push(resolve))
    }
  }
}

t.test('this contract speaks of every route of the example', async (t) => {
  const { app } = await start(t)
  t.strictSame(guardedRoutes(app), [...routes, ...keyRoutes, ...webhookRoutes].sort())
})

t.test('"All API requests must use HTTPS. Unencrypted HTTP requests will be rejected."', async (t) => {
  const { app, keys } = await start(t)
  const rounds = collectRounds()
  for (const route of [...routes, ...keyRoutes, ...webhookRoutes, 'GET /v1/no-such-thing', 'OPTIONS /v1/resources']) {
    for (const key of [undefined, keyOf(keys, 'pro')]) {
      for (const headers of [{}, { 'x-forwarded-proto': 'http' }, { 'x-forwarded-proto': '' }, { forwarded: 'proto=https' }, { 'x-forwarded-ssl': 'on' }]) {
        const response = await as(app, key, headers)(request(route), bodyFor(route))
        rounds.add(refusalOf(response), refusalWith(insecure), route)
        rounds.add(response.headers.ratelimit, undefined, 'before anything else is looked at')
      }
    }
  }
  t.strictSame(rounds.seen, rounds.expected)
  answered(t, await as(app, keyOf(keys, 'pro'), https)('GET /v1/resources'), 200, resources)
})

t.test('… whoever says otherwise: only the proxy of this machine is believed', async (t) => {
  const { app, keys } = await start(t)
  const headers = { ...https, authorization: `Bearer ${keyOf(keys, 'pro')}` }
  const rounds = collectRounds()
  for (const remoteAddress of ['203.0.113.7', '10.0.0.1', '::1', '127.0.0.2']) {
    rounds.add(refusalOf(await app.inject({ url: '/v1/resources', headers, remoteAddress })), refusalWith(insecure), remoteAddress)
  }
  t.strictSame(rounds.seen, rounds.expected)
})

t.test('"Ensure your applications are configured to use secure connections.": over a socket, with and without the word of the proxy', async (t) => {
  const { app, keys } = await start(t)
  const url = await app.listen({ host: '127.0.0.1', port: 0 })
  const authorization = `Bearer ${keyOf(keys, 'pro')}`
  const plain = await fetch(`${url}/v1/resources`, { headers: { authorization }, redirect: 'manual' })
  t.equal(plain.status, 403)
  t.equal(plain.headers.get('location'), null)
  t.strictSame(await plain.json(), insecure.body)
  const encrypted = await fetch(`${url}/v1/resources`, { headers: { authorization, ...https } })
  t.equal(encrypted.status, 200)
  t.strictSame(await encrypted.json(), resources)
})

t.test('"API Key Authentication: the simplest method for service-to-service communication. curl -H "Authorization: Bearer YOUR_API_KEY" https://api.platform.com/v1/resources"', async (t) => {
  const { app, keys, speak } = await start(t)
  answered(t, await speak('free-read')('GET /v1/resources'), 200, resources)
  t.match((await speak('free-read')('GET /v1/key')).json(), { kind: 'api-key', workspace: 'acme', environment: 'production', scopes: ['resources:read'], tier: 'free' })
  const rounds = collectRounds()
  for (const header of [`Basic ${keyOf(keys, 'pro')}`, keyOf(keys, 'pro')]) {
    rounds.add(refusalOf(await as(app, undefined, { ...https, authorization: header })('GET /v1/resources')), refusalWith(unauthorized('CREDENTIAL_MISSING')))
  }
  t.strictSame(rounds.seen, rounds.expected)
})

t.test('"API Keys are sensitive credentials. Never expose them in client-side code or public repositories. Use environment variables or secure vaults for storage."', async (t) => {
  const { app, log, keys } = await start(t)
  const rounds = collectRounds()
  for (const text of Object.values(keys)) rounds.add(app.latchkey.keys.secretPattern.exec(`key: ${text}`)?.[0], text, 'a scanner of repositories finds a key')
  t.strictSame(rounds.seen, rounds.expected)
  const text = keyOf(keys, 'pro')
  const seen: string[] = []
  for (const route of [...routes, 'GET /v1/no-such-thing']) {
    for (const headers of [https, {}]) {
      const { payload, headers: sent } = await as(app, text, headers)(request(route), bodyFor(route))
      seen.push(payload, JSON.stringify(sent))
    }
  }
  t.notMatch(seen.join(''), text.slice(-49), 'no answer holds one')
  t.notMatch(log.text(), text.slice(-49), 'no log line does')
})

t.test('"Store keys securely", "Never commit keys to version control", "Don\'t hardcode API keys in applications": a key is shown once', async (t) => {
  const { app } = await start(t)
  const { key, secret: text } = await app.latchkey.keys.issue({ workspace: 'acme', scopes: ['resources:read'], tier: 'pro' })
  t.match(text, /^platform_live_[0-9A-Za-z]{49}$/)
  t.notMatch(JSON.stringify(key), text.slice(-49))
})

t.test('"Use key scopes to limit permissions"', async (t) => {
  const { app, speak } = await start(t)
  const rounds = collectRounds()
  for (const route of reads) rounds.add((await speak('free-read')(request(route))).statusCode, 200, route)
  for (const route of writes) {
    rounds.add(refusalOf(await speak('free-read')(request(route), bodyFor(route))), refusalWith(forbidden('resources:write', ['resources:read'])), route)
  }
  const { secret: text } = await app.latchkey.keys.issue({ workspace: 'acme', scopes: ['resources:write'] })
  const write = as(app, text, https)
  for (const route of reads) rounds.add(refusalOf(await write(request(route))), refusalWith(forbidden('resources:read', ['resources:write'])), route)
  t.strictSame(rounds.seen, rounds.expected)
  answered(t, await write('POST /v1/resources', { name: 'Invoice' }), 201, { name: 'Invoice', id: 'resource_101' })
  answered(t, await write('PATCH /v1/resources/resource_101', { name: 'Bill' }), 200, { name: 'Bill', id: 'resource_101' })
  answered(t, await write('DELETE /v1/resources/resource_101'), 200, { name: 'Bill', id: 'resource_101' })
})

t.test('"Our platform provides webhooks to notify you when keys are about to expire."', async (t) => {
  const { app, news } = await build({ logger: keptLog().logger })
  t.teardown(() => app.close())
  const printed = new Promise<string>((resolve) => news?.(resolve))
  const receiver = await startReceiver(t)
  const issued = app.latchkey.keys.issue({ workspace: 'acme', scopes: [], name: 'nightly', expiresAt: new Date(Date.now() + 20 * HOUR * 1000) })
  const other = app.latchkey.keys.issue({ workspace: 'globex', scopes: [], expiresAt: new Date(Date.now() + 20 * HOUR * 1000) })
  const told = app.latchkey.webhooks.create('acme', { url: receiver.url, events: ['key.expiring'] })
  const [{ key }, { secret }] = await Promise.all([issued, told, other])
  await app.ready()
  const received = [await receiver.next(), await receiver.next()]
  const notices = received.map(({ body, headers }) => new Webhook(secret).verify(body, headers))
  t.match(notices.find((notice) => JSON.stringify(notice).includes(key.id)), {
    type: 'key.expiring',
    timestamp: /^\d{4}-/,
    data: { key: { id: key.id, environment: 'production', name: 'nightly' }, expiresAt: key.expiresAt?.toISOString(), threshold: 86_400 }
  }, 'a day before, signed')
  t.match(await printed, /^webhook evt_\w+: \{"type":"key.expiring",/, 'and the example prints what its own receiver gets')
})

for (const [tier, name, perHour, burst] of [['Free', 'free', 1_000, 100], ['Pro', 'pro', 10_000, 1_000]] as const) {
  t.test(`"Each API key has the following rate limits: ${tier} | ${perHour.toLocaleString('en-US')} | ${burst.toLocaleString('en-US')}"`, async (t) => {
    const { clock, speak } = await start(t)
    const send = () => speak(name)('GET /v1/resources')
    const [share, steps] = [perHour / 10, 3]

    const first = await send()
    t.equal(first.headers['ratelimit-policy'], `"${name}";q=${perHour};w=3600`)
    t.equal(first.headers.ratelimit, `"${name}";r=${burst - 1};t=${Math.ceil(HOUR / perHour)}`)
    t.strictSame(await repeat(burst, send), { 200: burst - 1, 429: 1 }, `${burst} at once`)
    const rounds = collectRounds()
    for (let step = 1; step <= steps; step++) {
      clock.advance(HOUR / 10)
      rounds.add(await repeat(share + 1, send), { 200: share, 429: 1 }, `a tenth of the hour brings a tenth of the ${perHour} (${step})`)
    }
    t.strictSame(rounds.seen, rounds.expected)
    clock.advance(24 * HOUR)
    t.strictSame(await repeat(burst + 1, send), { 200: burst, 429: 1 }, 'and rest saves up no more than the burst')
  })
}

t.test('"Enterprise | Unlimited | …"', async (t) => {
  const { speak } = await start(t)
  const response = await speak('enterprise')('GET /v1/resources')
  t.equal(response.headers.ratelimit, undefined)
  t.equal(response.headers['ratelimit-policy'], undefined)
  t.strictSame(await repeat(2_000, () => speak('enterprise')('GET /v1/key')), { 200: 2_000 }, 'twice what Pro has at once')
})

t.test('"Enterprise | … | Custom"', async (t) => {
  const { speak } = await start(t)
  const send = () => speak('enterprise-custom')('GET /v1/resources')
  t.equal((await send()).headers['ratelimit-policy'], '"enterprise-custom";q=250000;w=3600')
  t.strictSame(await repeat(5_000, send), { 200: 4_999, 429: 1 })
})

t.test('"Each API key has …": keys of one workspace and tier count apart', async (t) => {
  const { speak } = await start(t)
  t.strictSame(await repeat(101, () => speak('free')('GET /v1/resources')), { 200: 100, 429: 1 })
  t.strictSame(await repeat(101, () => speak('free-read')('GET /v1/resources')), { 200: 100, 429: 1 })
})

t.test('a key without a tier, or with one that nobody declared, counts as Free', async (t) => {
  const { app } = await start(t)
  const rounds = collectRounds()
  for (const tier of [undefined, 'platinum', '__proto__']) {
    const { secret: text } = await app.latchkey.keys.issue({ workspace: 'acme', scopes: ['resources:read'], tier })
    rounds.add(await repeat(101, () => as(app, text, https)('GET /v1/resources')), { 200: 100, 429: 1 }, String(tier))
  }
  t.strictSame(rounds.seen, rounds.expected)
})

t.test('"200 | Success | Proceed normally"', async (t) => {
  const { speak } = await start(t)
  const response = await speak('pro')('GET /v1/resources')
  answered(t, response, 200, resources)
  t.equal(response.headers.ratelimit, '"pro";r=999;t=1')
})

t.test('"401 | Unauthorized | Check API key validity"', async (t) => {
  const { app, keys } = await start(t)
  const good = keyOf(keys, 'pro')
  const rounds = collectRounds()
  for (const route of [...routes, ...keyRoutes, ...webhookRoutes, 'GET /v1/no-such-thing']) {
    rounds.add(refusalOf(await as(app, undefined, https)(request(route), bodyFor(route))), refusalWith(unauthorized('CREDENTIAL_MISSING')), route)
    rounds.add(refusalOf(await as(app, `${good.slice(0, -1)}~`, https)(request(route), bodyFor(route))), refusalWith(unauthorized('CREDENTIAL_INVALID')), route)
  }
  t.strictSame(rounds.seen, rounds.expected)
  const { key, secret: text } = await app.latchkey.keys.issue({ workspace: 'acme', scopes: [] })
  await app.latchkey.keys.revoke('acme', key.id)
  const { body, ...rest } = unauthorized('CREDENTIAL_INVALID')
  refused(t, await as(app, text, https)('GET /v1/key'), { ...rest, body: { ...body, detail: 'The API key was revoked.' } }, 'its holder reads why')
})

t.test('"keys are about to expire": an expired key is refused, and its holder reads why', async (t) => {
  const { app, clock } = await start(t)
  const { secret: text } = await app.latchkey.keys.issue({ workspace: 'acme', scopes: ['resources:read'], tier: 'pro', expiresAt: new Date(clock.now() + 90 * 24 * HOUR * 1000) })
  clock.advance(90 * 24 * HOUR - 1)
  answered(t, await as(app, text, https)('GET /v1/resources'), 200, resources)
  clock.advance(1)
  const { body, ...rest } = unauthorized('CREDENTIAL_INVALID')
  refused(t, await as(app, text, https)('GET /v1/resources'), { ...rest, body: { ...body, detail: 'The API key has expired.' } })
})

t.test('"403 | Forbidden | Verify scopes/permissions"', async (t) => {
  const { app } = await start(t)
  const { secret: text } = await app.latchkey.keys.issue({ workspace: 'acme', scopes: [] })
  const rounds = collectRounds()
  for (const route of reads) rounds.add(refusalOf(await as(app, text, https)(request(route))), refusalWith(forbidden('resources:read', [])), route)
  for (const route of writes) rounds.add(refusalOf(await as(app, text, https)(request(route), bodyFor(route))), refusalWith(forbidden('resources:write', [])), route)
  t.strictSame(rounds.seen, rounds.expected)
  t.equal((await as(app, text, https)('GET /v1/key')).statusCode, 200, 'which tells what a key grants')
})

t.test('"429 | Rate Limited | Implement backoff strategy", "Rate Limit Exceeded": "Implement exponential backoff": Retry-After says how long is long enough', async (t) => {
  const { clock, speak } = await start(t)
  const send = () => speak('free')('GET /v1/resources')
  await repeat(100, send)
  const response = await send()
  refused(t, response, limited('4'))
  t.match(response.headers, { ratelimit: '"free";r=0;t=4', 'ratelimit-policy': '"free";q=1000;w=3600' })
  clock.advance(3)
  refused(t, await send(), limited('1'), 'too early')
  clock.advance(1)
  t.equal((await send()).statusCode, 200)

  let waited = 0
  for (let pause = 1; (await send()).statusCode === 429; pause *= 2) {
    clock.advance(pause)
    waited += pause
  }
  t.ok(waited <= 7, 'who doubles the pause gets through')
})

t.test('"Cache responses when possible": refusals are never cached, and answers are the host’s to allow', async (t) => {
  const { speak } = await start(t)
  t.equal((await speak('free')('GET /v1/resources')).headers['cache-control'], undefined)
})

t.test('"Consider upgrading your tier": a higher one goes on where Free ends', async (t) => {
  const { speak } = await start(t)
  t.strictSame(await repeat(150, () => speak('free')('GET /v1/resources')), { 200: 100, 429: 50 })
  t.strictSame(await repeat(150, () => speak('pro')('GET /v1/resources')), { 200: 150 })
})

t.test('the example runs by itself', async (t) => {
  const { app, keys } = await build()
  t.teardown(() => app.close())
  answered(t, await as(app, keyOf(keys, 'enterprise'), https)('GET /v1/resources'), 200, resources)
  const rounds = collectRounds()
  for (const method of ['GET', 'PATCH', 'DELETE']) {
    rounds.add(refusalOf(await as(app, keyOf(keys, 'enterprise'), https)(`${method} /v1/resources/none`, bodyFor(method))), refusalWith({
      status: 404,
      type: problem,
      body: { type: 'about:blank', title: 'Not Found', status: 404, detail: 'There is nothing here.', code: 'NOT_FOUND' }
    }), method)
  }
  t.strictSame(rounds.seen, rounds.expected)
})
