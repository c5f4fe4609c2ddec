import t, { type Test } from 'tap'
import { build } from '../../examples/read-write.js'
import type { LimitStore } from '../../lib/limits/index.js'
import { fakeClock } from '../../lib/testing/index.js'
import { collectRounds } from '../helpers/collect.js'
import { answered, answerOf, answerWith, as, challenges, guardedRoutes, keptLog, keyOf, refusalOf, refusalWith, refused, repeat } from '../helpers/contracts.js'

const kinds = ['catalog', 'carts', 'orders', 'users', 'devices'] as const
const mutable = ['carts', 'users', 'devices'] as const

/** What workspace north has of each kind. */
const north = {
  catalog: [{ id: 'item_1', name: 'Tablet' }, { id: 'item_2', name: 'Scanner' }],
  carts: [{ id: 'cart_1', items: ['item_1'] }],
  orders: [{ id: 'order_1', items: ['item_1'] }],
  users: [{ id: 'user_1', name: 'Ada' }],
  devices: [{ id: 'device_1', name: 'Till' }]
}
const south = {
  catalog: [{ id: 'item_2', name: 'Scanner' }],
  carts: [{ id: 'cart_2', items: [] }],
  orders: [{ id: 'order_2', items: ['item_2'] }],
  users: [{ id: 'user_2', name: 'Bela' }],
  devices: [{ id: 'device_2', name: 'Gate' }]
}
const fresh = { carts: { items: ['item_2'] }, users: { name: 'Cleo' }, devices: { name: 'Scale' } }

const reads = kinds.flatMap((kind) => [`GET /${kind}`, `GET /${kind}/:id`])
const mutations = [...mutable.flatMap((kind) => [`POST /${kind}`, `PATCH /${kind}/:id`, `DELETE /${kind}/:id`]), 'POST /carts/:id/validate']

/** A request that the route takes, about something that workspace north has. */
function request (route: string): string {
  const kind = kinds.find((one) => route.includes(`/${one}`)) ?? 'catalog'
  return route.replace(':id', north[kind][0]?.id ?? '')
}

function bodyFor (route: string): unknown {
  const kind = mutable.find((one) => route.includes(`/${one}`)) ?? 'carts'
  return /^(POST|PATCH) \/\w+(\/:id)?$/.test(route) ? fresh[kind] : undefined
}

async function start (t: Test, options: Parameters<typeof build>[0] = {}) {
  const clock = fakeClock()
  const log = keptLog()
  const { app, keys } = await build({ clock: clock.now, logger: log.logger, ...options })
  t.teardown(() => app.close())
  await app.ready()
  return { app, clock, log, keys, speak: (name: string, headers?: Record<string, string>) => as(app, keyOf(keys, name), headers) }
}

const insufficient = (status = 403) => ({ status, body: { error: 'INSUFFICIENT_SCOPE' }, challenge: challenges.scope('WRITE') })

t.test('this contract speaks of every route of the example', async (t) => {
  const { app } = await start(t)
  t.strictSame(guardedRoutes(app), [...reads, ...mutations].sort())
})

t.test('"Send the platform API secret as a Bearer token on every request: Authorization: Bearer <platform_api_secret>"', async (t) => {
  const { app, keys, speak } = await start(t)
  const write = speak('write')
  const rounds = collectRounds()
  const patterns = collectRounds()
  for (const route of [...reads, ...mutations]) {
    rounds.add(refusalOf(await as(app)(request(route), bodyFor(route))), refusalWith({ status: 401, body: { error: 'CREDENTIAL_MISSING' }, challenge: challenges.missing }), route)
  }
  for (const route of [...reads, ...mutations.filter((one) => !one.startsWith('DELETE'))]) {
    patterns.add((await write(request(route), bodyFor(route))).statusCode, /^20[01]$/, `${route} with the secret`)
  }
  t.strictSame(rounds.seen, rounds.expected)
  t.match(patterns.seen, patterns.expected)

  const forged = `${keyOf(keys, 'write').slice(0, -1)}~`
  refused(t, await as(app, forged)('GET /devices'), { status: 401, body: { error: 'CREDENTIAL_INVALID' }, challenge: challenges.invalid })
  refused(t, await as(app)('GET /no-such-thing'), { status: 401, body: { error: 'CREDENTIAL_MISSING' }, challenge: challenges.missing }, 'an unknown path')
  refused(t, await as(app, undefined, { authorization: `Basic ${keyOf(keys, 'write')}` })('GET /devices'), { status: 401, body: { error: 'CREDENTIAL_MISSING' }, challenge: challenges.missing })
  refused(t, await as(app, 'two words')('GET /devices'), { status: 400, body: { error: 'CREDENTIAL_MALFORMED' }, challenge: challenges.malformed })
})

t.test('"Treat the secret like a password: use TLS, store it in a vault or environment variables"', async (t) => {
  const { app, log } = await start(t)
  const { key, secret: text } = await app.latchkey.keys.issue({ workspace: 'north', scopes: ['WRITE'] })
  t.notMatch(JSON.stringify(key), text.slice(-49), 'the record does not hold it')

  const sent: string[] = []
  for (const route of [...reads, ...mutations, 'GET /no-such-thing']) {
    const response = await as(app, text)(request(route), bodyFor(route))
    sent.push(response.payload, JSON.stringify(response.headers))
  }
  t.notMatch(sent.join(''), text.slice(-49), 'no answer echoes it')
  t.notMatch(log.text(), text.slice(-49), 'no line of the log holds it')
  t.match(log.text(), 'allowPlainHttp: credentials are accepted over plain HTTP', 'and the log says that this example runs without TLS')
})

t.test('"rotate it if it leaks": the secret that leaked is dead at the next request', async (t) => {
  const { app, speak } = await start(t)
  const { key, secret: text } = await app.latchkey.keys.issue({ workspace: 'north', scopes: ['WRITE'] })
  answered(t, await as(app, text)('GET /devices'), 200, north.devices)
  const rotated = await app.latchkey.keys.rotate('north', key.id, { grace: 0 })
  t.match(rotated, { effectiveWithin: 0, key: { id: key.id, workspace: 'north', scopes: ['WRITE'] } })
  const rounds = collectRounds()
  for (const route of [...reads, ...mutations]) {
    rounds.add(refusalOf(await as(app, text)(request(route), bodyFor(route))), refusalWith({ status: 401, body: { error: 'CREDENTIAL_INVALID' }, challenge: challenges.invalid }), route)
  }
  t.strictSame(rounds.seen, rounds.expected)
  t.equal((await as(app, rotated.secret)('POST /devices', fresh.devices)).statusCode, 201)
  t.equal((await speak('write')('GET /devices')).statusCode, 200, 'and no other key notices')
  t.equal((await as(app, rotated.secret)('GET /devices')).headers['ratelimit-remaining'], '97', 'what the key has used stays used')
})

t.test('"The credential is issued for your Fleet workspace."', async (t) => {
  const { app } = await start(t)
  const { key } = await app.latchkey.keys.issue({ workspace: 'north', scopes: ['READ'] })
  t.equal(key.workspace, 'north')
})

t.test('"Catalog results, users, devices, carts, and orders are always the ones that belong to that workspace."', async (t) => {
  const { speak } = await start(t)
  const [ours, theirs] = [speak('write'), speak('other-workspace')]
  const none = { status: 404, body: { error: 'NOT_FOUND' } }
  const rounds = collectRounds()
  for (const kind of kinds) {
    rounds.add(answerOf(await ours(`GET /${kind}`)), answerWith(200, north[kind]), kind)
    rounds.add(answerOf(await theirs(`GET /${kind}`)), answerWith(200, south[kind]), kind)
  }
  for (const kind of mutable) {
    const id = north[kind][0]?.id
    for (const method of ['GET', 'PATCH', 'DELETE']) {
      const body = method === 'PATCH' ? fresh[kind] : undefined
      rounds.add(refusalOf(await theirs(`${method} /${kind}/${id}`, body)), refusalWith(none), `${method} of another workspace`)
      rounds.add(refusalOf(await theirs(`${method} /${kind}/nothing`, body)), refusalWith(none), `${method} of what never was`)
    }
    rounds.add(answerOf(await theirs(`POST /${kind}`, { ...fresh[kind], id, workspace: 'north' })), answerWith(201, { ...fresh[kind], id: `${kind.slice(0, -1)}_101` }))
    rounds.add(answerOf(await ours(`GET /${kind}`)), answerWith(200, north[kind]), `${kind} as before`)
  }
  t.strictSame(rounds.seen, rounds.expected)
  refused(t, await theirs('POST /carts/cart_1/validate'), none)
  refused(t, await ours('GET /orders/order_2'), none)
})

t.test('"You do not select a “workspace id” in the request—the key implies it."', async (t) => {
  const { speak } = await start(t)
  const insistent = speak('read', { 'x-workspace': 'south', 'x-workspace-id': 'south' })
  answered(t, await insistent('GET /devices?workspace=south&workspace_id=south'), 200, north.devices)
})

t.test('"READ: All GET operations (catalog, carts, orders, users, devices)."', async (t) => {
  const { speak } = await start(t)
  const read = speak('read')
  const rounds = collectRounds()
  for (const kind of kinds) {
    rounds.add(answerOf(await read(`GET /${kind}`)), answerWith(200, north[kind]), kind)
    rounds.add(answerOf(await read(`GET /${kind}/${north[kind][0]?.id}`)), answerWith(200, north[kind][0]), kind)
    const head = await read(`HEAD /${kind}`)
    rounds.add(head.statusCode, 200, `HEAD /${kind}`)
    rounds.add(head.payload, '')
  }
  t.strictSame(rounds.seen, rounds.expected)
})

t.test('"WRITE: Everything READ can do"', async (t) => {
  const { speak } = await start(t)
  const write = speak('write')
  const rounds = collectRounds()
  for (const kind of kinds) {
    rounds.add(answerOf(await write(`GET /${kind}`)), answerWith(200, north[kind]), kind)
    rounds.add(answerOf(await write(`GET /${kind}/${north[kind][0]?.id}`)), answerWith(200, north[kind][0]), kind)
  }
  t.strictSame(rounds.seen, rounds.expected)
})

t.test('"WRITE: … plus POST / PATCH / DELETE on carts (including validate), users, and devices."', async (t) => {
  const { speak } = await start(t)
  const write = speak('write')
  answered(t, await write('POST /carts/cart_1/validate'), 200, { id: 'cart_1', valid: true })
  const rounds = collectRounds()
  for (const kind of mutable) {
    const created = { ...fresh[kind], id: `${kind.slice(0, -1)}_101` }
    rounds.add(answerOf(await write(`POST /${kind}`, fresh[kind])), answerWith(201, created), kind)
    rounds.add(answerOf(await write(`GET /${kind}/${created.id}`)), answerWith(200, created), kind)
    const id = north[kind][0]?.id
    rounds.add(answerOf(await write(`PATCH /${kind}/${id}`, fresh[kind])), answerWith(200, { ...fresh[kind], id }), kind)
    rounds.add(answerOf(await write(`DELETE /${kind}/${id}`)), answerWith(200, { ...fresh[kind], id }), kind)
    rounds.add(answerOf(await write(`GET /${kind}`)), answerWith(200, [created]), kind)
  }
  for (const kind of ['catalog', 'orders']) {
    for (const method of ['POST', 'PATCH', 'DELETE']) {
      rounds.add(refusalOf(await write(`${method} /${kind}`)), refusalWith({ status: 404, body: { error: 'NOT_FOUND' } }), `${method} /${kind}`)
    }
  }
  t.strictSame(rounds.seen, rounds.expected)
})

t.test('"Calling a mutation with a READ key returns an error body such as { "error": "INSUFFICIENT_SCOPE" }"', async (t) => {
  const rounds = collectRounds()
  for (const name of ['read', 'sandbox-read']) {
    const { speak } = await start(t)
    const read = speak(name)
    for (const route of mutations) {
      rounds.add(refusalOf(await read(request(route), bodyFor(route))), refusalWith(insufficient()), `${name} ${route}`)
      rounds.add(refusalOf(await read(route.replace(':id', 'nothing'), bodyFor(route))), refusalWith(insufficient()), `${name} ${route} of what is not there`)
    }
    for (const kind of kinds) rounds.add(answerOf(await read(`GET /${kind}`)), answerWith(200, north[kind]), `${kind} as before`)
  }
  t.strictSame(rounds.seen, rounds.expected)
})

t.test('… also when the body is invalid, and whatever it is', async (t) => {
  const { speak } = await start(t)
  const read = speak('read')
  const rounds = collectRounds()
  for (const route of mutations.filter((one) => bodyFor(one) !== undefined)) {
    for (const body of [{}, { name: 7, items: 'none' }, '{ "name": ', '', '[]', { __proto__: 1 }]) {
      rounds.add(refusalOf(await read(request(route), body)), refusalWith(insufficient()), route)
    }
  }
  t.strictSame(rounds.seen, rounds.expected)
})

t.test('"Requests & responses — JSON shapes and validation errors": a WRITE key learns what is wrong with a body', async (t) => {
  const { speak } = await start(t)
  const response = await speak('write')('POST /devices', {})
  answered(t, response, 400, { statusCode: 400, code: 'FST_ERR_VALIDATION', error: 'Bad Request', message: "body must have required property 'name'" })
})

t.test('"(see API reference for the exact status code per route)", "API reference — security and errors per operation"', async (t) => {
  const { app } = await start(t)
  const rows = new Map(app.latchkey.scopesByResource().flatMap(({ scopes }) => scopes).map(({ scope, permissions }) => [scope, [...permissions].sort()]))
  t.strictSame(rows.get('READ'), [...reads].sort(), 'what READ is for')
  t.strictSame([...rows.keys()], ['READ', 'WRITE'])
})

t.test('"Installation — obtaining a key": a key is issued for a workspace, an environment and scopes, and shown once', async (t) => {
  const { app } = await start(t)
  const { key, secret: text } = await app.latchkey.keys.issue({ workspace: 'north', scopes: ['READ'], environment: 'sandbox', name: 'reports' })
  const { id, createdAt, secrets, ...rest } = key
  t.match(text, /^fleet_test_[0-9A-Za-z]{49}$/)
  t.strictSame(rest, { workspace: 'north', environment: 'sandbox', scopes: ['READ'], name: 'reports', version: 1 })
  answered(t, await as(app, text)('GET /devices'), 200, north.devices)
  await t.rejects(app.latchkey.keys.issue({ workspace: 'north', scopes: ['read'] }), { code: 'KEY_INPUT_INVALID', statusCode: 400 }, 'a scope that the table does not have')
})

for (const [environment, name, other, quota] of [['Production', 'write', 'read', 100], ['Sandbox', 'sandbox-write', 'sandbox-read', 300]] as const) {
  t.test(`"From the live configuration of the platform route limiter: ${environment} | 1 minute | ${quota}" (max requests per window)`, async (t) => {
    const { clock, speak } = await start(t)
    const send = speak(name)
    t.strictSame(await repeat(quota, () => send('GET /devices')), { 200: quota })
    clock.advance(59)
    t.strictSame(await repeat(3, () => send('GET /devices')), { 429: 3 }, 'none beyond it in the window')
    clock.advance(1)
    t.strictSame(await repeat(quota + 1, () => send('GET /devices')), { 200: quota, 429: 1 }, 'as many in the next one')
  })

  t.test(`"${environment} … per platform API credential (after your key is recognized)", "Same idea: per credential in normal authenticated traffic."`, async (t) => {
    const { app, keys, speak } = await start(t)
    t.strictSame(await repeat(quota + 1, () => speak(name)('GET /devices')), { 200: quota, 429: 1 })
    t.strictSame(await repeat(quota + 1, () => speak(other)('GET /devices')), { 200: quota, 429: 1 }, 'another key of the workspace has its own')

    const unknown = await as(app, `${keyOf(keys, 'other-workspace').slice(0, -1)}~`)('GET /devices')
    refused(t, unknown, { status: 401, body: { error: 'CREDENTIAL_INVALID' }, challenge: challenges.invalid })
    t.equal(unknown.headers['ratelimit-limit'], undefined, 'a key that is not recognized is not counted')
    t.equal((await speak('other-workspace')('GET /devices')).headers['ratelimit-remaining'], '99')
  })
}

t.test('"Primarily per platform API credential": a refused mutation counts as well', async (t) => {
  const { speak } = await start(t)
  const read = speak('read')
  t.strictSame(await repeat(100, () => read('POST /devices', {})), { 403: 100 })
  t.equal((await read('POST /devices', {})).statusCode, 429)
})

t.test('"Responses may include standard RateLimit-* headers."', async (t) => {
  const { clock, speak } = await start(t)
  const fields = async (name: string) => {
    const { headers } = await speak(name)('GET /devices')
    return ['ratelimit-limit', 'ratelimit-remaining', 'ratelimit-reset', 'ratelimit-policy', 'ratelimit'].map((field) => headers[field])
  }
  t.strictSame(await fields('read'), ['100', '99', '60', '"production";q=100;w=60', '"production";r=99;t=60'])
  clock.advance(20)
  t.strictSame(await fields('read'), ['100', '98', '40', '"production";q=100;w=60', '"production";r=98;t=40'])
  t.strictSame(await fields('sandbox-read'), ['300', '299', '60', '"sandbox";q=300;w=60', '"sandbox";r=299;t=60'])
})

t.test('"If the limit is exceeded, you get 429 with a short message asking you to retry later."', async (t) => {
  const { clock, speak } = await start(t)
  const read = speak('read')
  await repeat(100, () => read('GET /devices'))
  clock.advance(15)
  const response = await read('GET /devices')
  refused(t, response, { status: 429, body: { error: 'RATE_LIMITED', message: 'Too many requests; retry later.' }, retryAfter: '45' })
  t.match(response.headers, { 'ratelimit-limit': '100', 'ratelimit-remaining': '0', 'ratelimit-reset': '45' })
  clock.advance(45)
  answered(t, await read('GET /devices'), 200, north.devices)
})

t.test('"the gateway may respond with 503 and a message such as rate limiting being temporarily unavailable—in that case retry after a short backoff."', async (t) => {
  const down: LimitStore = { take: () => Promise.reject(new Error('counter store at 10.0.0.7 is gone')) }
  const { speak } = await start(t, { store: down })
  const rounds = collectRounds()
  for (const route of [...reads, ...mutations]) {
    const response = await speak('write')(request(route), bodyFor(route))
    rounds.add(refusalOf(response), refusalWith({
      status: 503,
      body: { error: 'LIMITER_UNAVAILABLE', message: 'Rate limiting is temporarily unavailable; retry after a short backoff.' },
      retryAfter: '1'
    }), route)
    rounds.add(response.headers['ratelimit-limit'], undefined)
  }
  t.strictSame(rounds.seen, rounds.expected)
})

t.test('the example runs by itself', async (t) => {
  const { app, keys } = await build()
  t.teardown(() => app.close())
  answered(t, await as(app, keyOf(keys, 'read'))('GET /devices'), 200, north.devices)
})
