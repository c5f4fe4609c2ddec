import { createHash } from 'node:crypto'
import t, { type Test } from 'tap'
import { build } from '../../examples/company-tokens.js'
import { fakeClock } from '../../lib/testing/index.js'
import { collectRounds } from '../helpers/collect.js'
import { answered, answerOf, answerWith, as, challenges, guardedRoutes, keptLog, keyOf, refusalOf, refusalWith, refused } from '../helpers/contracts.js'

const DAY = 86_400

const views = [
  'GET /api/accounts/user-config/', 'GET /accounts/workspaces/', 'GET /api/accounts/workspaces/',
  'GET /api/orders/', 'GET /api/orders/:id/', 'GET /api/accounts/users/', 'GET /api/accounts/users/:id/'
]
const changes = ['POST /api/orders/', 'PATCH /api/orders/:id/']
/** What these do is the subject of company-tokens-life.test.ts. */
const tokens = [
  'GET /api/accounts/tokens', 'GET /api/accounts/tokens/workspaces', 'GET /api/accounts/tokens/caller', 'GET /api/accounts/tokens/:id', 'POST /api/accounts/tokens',
  'PATCH /api/accounts/tokens/:id', 'POST /api/accounts/tokens/:id/rotate', 'POST /api/accounts/tokens/:id/revoke'
]
const administration = ['DELETE /api/orders/:id/', 'POST /api/accounts/users/', 'PATCH /api/accounts/users/:id/', 'DELETE /api/accounts/users/:id/']

function request (route: string): string {
  return route.replace(':id', route.includes('/users/') ? 'user_1' : 'order_1')
}

function bodyFor (route: string): unknown {
  return /^(POST|PATCH)/.test(route) ? { name: 'Cleo' } : undefined
}

const notProvided = { detail: 'Authentication credentials were not provided.' }
const missing = { status: 401, body: notProvided, challenge: challenges.missing }
const invalid = { status: 401, body: notProvided, challenge: challenges.invalid }
const denied = (level: string) => ({ status: 403, body: { detail: 'You do not have permission to perform this action.' }, challenge: challenges.scope(level) })

const orders = [{ id: 'order_1', supplier: 'Mill' }]
const config = { user: 'ada@acme.example', company: 'acme', permissions: ['Read'] }

async function start (t: Test) {
  const clock = fakeClock()
  const log = keptLog()
  const { app, keys } = await build({ clock: clock.now, logger: log.logger })
  t.teardown(() => app.close())
  await app.ready()
  const issue = async (...scopes: string[]) => {
    const { key, secret: text } = await app.latchkey.keys.issue({ workspace: 'acme', scopes, owner: 'ada@acme.example' })
    return { key, text, send: as(app, text) }
  }
  return { app, clock, log, keys, issue, speak: (name: string) => as(app, keyOf(keys, name)) }
}

t.test('this contract speaks of every route of the example', async (t) => {
  const { app } = await start(t)
  t.strictSame(guardedRoutes(app), [...views, ...changes, ...administration, ...tokens].sort())
})

t.test('"All Coolset API endpoints require authentication using Bearer tokens."', async (t) => {
  const { app, keys } = await start(t)
  const rounds = collectRounds()
  for (const route of [...views, ...changes, ...administration, ...tokens, 'GET /api/no-such-endpoint/', 'HEAD /api/orders/']) {
    const response = await as(app)(request(route), bodyFor(route))
    if (route.startsWith('HEAD')) rounds.add(response.statusCode, 401)
    else rounds.add(refusalOf(response), refusalWith(missing), route)
  }
  for (const header of [`Basic ${keyOf(keys, 'read')}`, `Token ${keyOf(keys, 'read')}`, keyOf(keys, 'read')]) {
    rounds.add(refusalOf(await as(app, undefined, { authorization: header })('GET /api/orders/')), refusalWith(missing), 'another scheme')
  }
  t.strictSame(rounds.seen, rounds.expected)
  refused(t, await as(app)(`GET /api/orders/?token=${keyOf(keys, 'read')}`), missing, 'not in the URL')
})

t.test('"Log in to your Coolset account", "Navigate to Settings → API Tokens", "Click Generate New Token": issue makes a token for whoever is logged in', async (t) => {
  const { app } = await start(t)
  const { key, secret: text } = await app.latchkey.keys.issue({ workspace: 'acme', scopes: ['Read'], owner: 'bob@acme.example', name: 'ERP' })
  t.match(key, { workspace: 'acme', owner: 'bob@acme.example', name: 'ERP', scopes: ['Read'], environment: 'production' })
  answered(t, await as(app, text)('GET /api/accounts/user-config/'), 200, { user: 'bob@acme.example', company: 'acme', permissions: ['Read'] })
})

t.test('"Copy and securely store your token", "Treat your API tokens like passwords.": it is shown this once', async (t) => {
  const { issue } = await start(t)
  const { key, text } = await issue('Read')
  t.match(text, /^sk_live_[0-9A-Za-z]{49}$/)
  t.notMatch(JSON.stringify(key), text.slice(-49), 'the record does not hold it')
  t.notMatch(JSON.stringify(key), createHash('sha256').update(text).digest('base64url'), 'nor its hash')
})

t.test('"Never share them or commit them to version control.", "Never commit tokens to version control": a scanner finds them', async (t) => {
  const { app, keys } = await start(t)
  const rounds = collectRounds()
  for (const text of Object.values(keys)) rounds.add(app.latchkey.keys.secretPattern.exec(`TOKEN=${text}\n`)?.[0], text)
  t.strictSame(rounds.seen, rounds.expected)
  t.equal(app.latchkey.keys.secretPattern.test('sk_live_1234567890abcdef'), false, 'and not the token of the document, which is none')
})

t.test('"Include your token in the Authorization header of every request: Authorization: Bearer YOUR_API_TOKEN"', async (t) => {
  const { issue } = await start(t)
  const { send } = await issue('Admin')
  const patterns = collectRounds()
  for (const route of [...views, ...changes, ...administration]) {
    patterns.add((await send(request(route), bodyFor(route))).statusCode, /^20[01]$/, route)
  }
  t.match(patterns.seen, patterns.expected)
})

t.test('"curl -X GET …/api/accounts/user-config/ -H "Authorization: Bearer sk_live_…" -H "Content-Type: application/json""', async (t) => {
  const { app, keys } = await start(t)
  const send = as(app, keyOf(keys, 'read'), { 'content-type': 'application/json' })
  t.match(keyOf(keys, 'read'), /^sk_live_/)
  answered(t, await send('GET /api/accounts/user-config/'), 200, config)
  refused(t, await as(app, 'sk_live_1234567890abcdef')('GET /api/accounts/user-config/'), invalid, 'the token that the document prints')
})

t.test('"In JavaScript", "In Python": fetch(…/api/orders/, { headers }), requests.get(…/api/orders/, headers=headers), over a socket', async (t) => {
  const { app, keys } = await start(t)
  const url = await app.listen({ host: '127.0.0.1', port: 0 })
  const response = await fetch(`${url}/api/orders/`, {
    headers: { Authorization: `Bearer ${keyOf(keys, 'read')}`, 'Content-Type': 'application/json' }
  })
  t.equal(response.status, 200)
  t.strictSame(await response.json(), orders)
})

t.test('"Use separate tokens for development and production"', async (t) => {
  const { keys, speak } = await start(t)
  t.match(keyOf(keys, 'development'), /^sk_test_/)
  const rounds = collectRounds()
  for (const route of [...views, ...changes, ...administration]) {
    rounds.add(refusalOf(await speak('development')(request(route), bodyFor(route))), refusalWith({ status: 403, body: { detail: 'The credential belongs to another environment.' } }), route)
  }
  t.strictSame(rounds.seen, rounds.expected)
  answered(t, await speak('read')('GET /api/orders/'), 200, orders)
})

t.test('"Revoke unused or compromised tokens immediately"', async (t) => {
  const { app, issue } = await start(t)
  const { key, send } = await issue('Admin')
  answered(t, await send('GET /api/orders/'), 200, orders)
  await app.latchkey.keys.revoke('acme', key.id)
  const rounds = collectRounds()
  for (const route of [...views, ...changes, ...administration]) rounds.add(refusalOf(await send(request(route), bodyFor(route))), refusalWith(invalid), route)
  t.strictSame(rounds.seen, rounds.expected)
})

t.test('"Use HTTPS for all API requests": that this example does not ask for it is said in its log', async (t) => {
  const { log } = await start(t)
  t.match(log.text(), 'allowPlainHttp: credentials are accepted over plain HTTP; never let this run in production')
})

t.test('"Store tokens in environment variables", "Don\'t share tokens via email or chat", "Avoid hardcoding tokens in your application", "Don\'t expose tokens in client-side code": no answer shows one', async (t) => {
  const { app, issue } = await start(t)
  const { text, send } = await issue('Admin')
  const rounds = collectRounds()
  for (const route of [...views, ...changes, ...administration, 'GET /api/no-such-endpoint/', 'GET /%zz']) {
    const { headers, payload } = await send(request(route), bodyFor(route))
    rounds.add(String(payload + JSON.stringify(headers)).includes(text.slice(-49)), false, route)
  }
  t.strictSame(rounds.seen, rounds.expected)
  t.notMatch((await as(app)(`GET /api/orders/?token=${text}`)).payload, text.slice(-49))
})

t.test('"Never log tokens in application logs": nor does the library, at trace level', async (t) => {
  const { app, log, issue } = await start(t)
  const { key, text, send } = await issue('Write')
  const secret = text.slice(-49)
  for (const route of [...views, ...changes, ...administration, 'GET /api/no-such-endpoint/']) await send(request(route), bodyFor(route))
  for (const url of [`/api/orders/?token=${text}`, `/api/orders/?access_token=${text}`, `/no/${'x'.repeat(9)}?api_key=${text}`, `/%zz?key=${text}`]) {
    await as(app)(`GET ${url}`)
    await send(`GET ${url}`)
  }
  await send('POST /api/orders/', `{ "token": "${text}"`)
  await app.latchkey.keys.revoke('acme', key.id)
  await send('GET /api/orders/')

  const logged = log.text()
  t.match(logged, key.id, 'a refusal is logged with the id of the key')
  t.notMatch(logged, secret)
  const rounds = collectRounds()
  for (const encoding of ['hex', 'base64', 'base64url'] as const) {
    rounds.add(String(logged).includes(createHash('sha256').update(text).digest(encoding)), false, `its hash in ${encoding}`)
    rounds.add(String(logged).includes(Buffer.from(text).toString(encoding)), false, `itself in ${encoding}`)
  }
  t.strictSame(rounds.seen, rounds.expected)
  t.notMatch(logged, [...Buffer.from(secret)].join(','), 'or as the bytes of a buffer')
})

t.test('"Ensure your API token has the appropriate access": "Read | View data across all endpoints"', async (t) => {
  const { speak } = await start(t)
  const read = speak('read')
  const rounds = collectRounds()
  for (const route of views) rounds.add((await read(request(route))).statusCode, 200, route)
  for (const route of changes) rounds.add(refusalOf(await read(request(route), bodyFor(route))), refusalWith(denied('Write')), route)
  for (const route of administration) rounds.add(refusalOf(await read(request(route), bodyFor(route))), refusalWith(denied('Admin')), route)
  t.strictSame(rounds.seen, rounds.expected)
  answered(t, await read('GET /api/orders/'), 200, orders)
})

t.test('"Write | Create and update resources"', async (t) => {
  const { speak } = await start(t)
  const write = speak('write')
  const rounds = collectRounds()
  for (const route of views) rounds.add((await write(request(route))).statusCode, 200, route)
  for (const route of administration) rounds.add(refusalOf(await write(request(route), bodyFor(route))), refusalWith(denied('Admin')), route)
  t.strictSame(rounds.seen, rounds.expected)
  answered(t, await write('POST /api/orders/', { supplier: 'Dock' }), 201, { supplier: 'Dock', id: 'order_101' })
  answered(t, await write('PATCH /api/orders/order_1/', { supplier: 'Quay' }), 200, { id: 'order_1', supplier: 'Quay' })
  answered(t, await write('GET /api/orders/order_1/'), 200, { id: 'order_1', supplier: 'Quay' })
})

t.test('"Admin | Full access including user management"', async (t) => {
  const { speak } = await start(t)
  const admin = speak('admin')
  const rounds = collectRounds()
  for (const route of views) rounds.add((await admin(request(route))).statusCode, 200, route)
  t.strictSame(rounds.seen, rounds.expected)
  answered(t, await admin('POST /api/orders/', { supplier: 'Dock' }), 201, { supplier: 'Dock', id: 'order_101' })
  answered(t, await admin('PATCH /api/orders/order_1/', { supplier: 'Quay' }), 200, { id: 'order_1', supplier: 'Quay' })
  answered(t, await admin('DELETE /api/orders/order_1/'), 200, { id: 'order_1', supplier: 'Quay' })
  answered(t, await admin('POST /api/accounts/users/', { name: 'Cleo' }), 201, { name: 'Cleo', id: 'user_101' })
  answered(t, await admin('PATCH /api/accounts/users/user_101/', { name: 'Cleopatra' }), 200, { name: 'Cleopatra', id: 'user_101' })
  answered(t, await admin('DELETE /api/accounts/users/user_1/'), 200, { id: 'user_1', name: 'Ada' })
  answered(t, await admin('GET /api/accounts/users/'), 200, [{ name: 'Cleopatra', id: 'user_101' }])
})

t.test('"Each token is associated with a specific company", "Switch companies in the UI before generating tokens"', async (t) => {
  const { speak } = await start(t)
  const gone = { status: 404, body: { detail: 'There is nothing here.' } }
  answered(t, await speak('read')('GET /api/orders/'), 200, orders)
  answered(t, await speak('other-company')('GET /api/orders/'), 200, [{ id: 'order_2', supplier: 'Yard' }])
  refused(t, await speak('other-company')('GET /api/orders/order_1/'), gone, 'an order of the other company')
  refused(t, await speak('other-company')('GET /api/orders/nothing/'), gone, 'one that never was')
  refused(t, await speak('admin')('PATCH /api/accounts/users/user_2/', { company: 'globex' }), gone)
  refused(t, await speak('admin')('DELETE /api/orders/order_2/'), gone)
})

t.test('"Or use the /accounts/workspaces/ endpoint": it tells the companies of the token’s owner, and which is the token’s', async (t) => {
  const { speak } = await start(t)
  const rounds = collectRounds()
  for (const path of ['/accounts/workspaces/', '/api/accounts/workspaces/']) {
    rounds.add(answerOf(await speak('read')(`GET ${path}`)), answerWith(200, [{ company: 'acme', current: true }, { company: 'globex', current: false }]))
    rounds.add(answerOf(await speak('other-company')(`GET ${path}`)), answerWith(200, [{ company: 'acme', current: false }, { company: 'globex', current: true }]))
  }
  t.strictSame(rounds.seen, rounds.expected)
})

t.test('"API tokens do not expire automatically", "Tokens remain valid until manually revoked"', async (t) => {
  const { app, clock, issue } = await start(t)
  const { key, send } = await issue('Read')
  t.equal(key.expiresAt, undefined)
  const rounds = collectRounds()
  for (const days of [1, 90, 365, 10 * 365, 100 * 365]) {
    clock.advance(days * DAY)
    rounds.add(answerOf(await send('GET /api/orders/')), answerWith(200, orders))
  }
  t.strictSame(rounds.seen, rounds.expected)
  await app.latchkey.keys.revoke('acme', key.id)
  refused(t, await send('GET /api/orders/'), invalid)
})

t.test('"To revoke a token: Go to Settings → API Tokens", "Click Revoke next to the token", "The token becomes immediately invalid"', async (t) => {
  const { app, issue } = await start(t)
  const { key, send } = await issue('Write')
  answered(t, await send('POST /api/orders/', {}), 201, { id: 'order_101' })
  const revoked = await app.latchkey.keys.revoke('acme', key.id)
  t.equal(revoked.effectiveWithin, 0)
  t.equal(revoked.key.version, key.version + 1)
  refused(t, await send('POST /api/orders/', {}), invalid, 'the next request')
  t.strictSame(await app.latchkey.keys.revoke('acme', key.id), revoked, 'twice is once')
  await t.rejects(app.latchkey.keys.revoke('globex', key.id), { code: 'KEY_NOT_FOUND', statusCode: 404 }, 'another company revokes nothing')
})

t.test('"Generate separate tokens for each integration or service. This makes it easier to revoke access without affecting other services."', async (t) => {
  const { app, issue } = await start(t)
  const [erp, shop] = [await issue('Write'), await issue('Write')]
  await app.latchkey.keys.revoke('acme', erp.key.id)
  refused(t, await erp.send('GET /api/orders/'), invalid)
  answered(t, await shop.send('GET /api/orders/'), 200, orders)
})

t.test('"401 Unauthorized — Missing or invalid token { "detail": "Authentication credentials were not provided." }"', async (t) => {
  const { app, keys } = await start(t)
  const read = keyOf(keys, 'read')
  refused(t, await as(app)('GET /api/orders/'), missing)
  const rounds = collectRounds()
  for (const token of [`${read}0`, read.slice(0, -1), read.replace('sk_live_', 'sk_test_'), 'sk_live_', 'nonsense', 'x'.repeat(300)]) {
    rounds.add(refusalOf(await as(app, token)('GET /api/orders/')), refusalWith(invalid), token)
  }
  t.strictSame(rounds.seen, rounds.expected)
})

t.test('"Verify your token is correct and properly formatted in the Authorization header.": what is no token at all is said to be so (RFC 6750 §3.1)', async (t) => {
  const { app, keys } = await start(t)
  const rounds = collectRounds()
  for (const header of ['Bearer', 'Bearer ', `Bearer ${keyOf(keys, 'read')}, ${keyOf(keys, 'write')}`, `Bearer\t${keyOf(keys, 'read')}`, 'Bearer tökén']) {
    rounds.add(refusalOf(await as(app, undefined, { authorization: header })('GET /api/orders/')), refusalWith({
      status: 400,
      body: { detail: 'A request must carry one credential, sent once, in the form that its header field requires.' },
      challenge: challenges.malformed
    }), header)
  }
  t.strictSame(rounds.seen, rounds.expected)
})

t.test('"403 Forbidden — Valid token but insufficient permissions { "detail": "You do not have permission to perform this action." }", "Check your user role and token permissions."', async (t) => {
  const { app, issue } = await start(t)
  const { send } = await issue()
  const rounds = collectRounds()
  for (const route of views) rounds.add(refusalOf(await send(request(route))), refusalWith(denied('Read')), route)
  for (const route of changes) rounds.add(refusalOf(await send(request(route), '{ not json')), refusalWith(denied('Write')), route)
  for (const route of administration) rounds.add(refusalOf(await send(request(route), bodyFor(route))), refusalWith(denied('Admin')), route)
  t.strictSame(rounds.seen, rounds.expected)
  const { text } = await issue('Read')
  answered(t, await as(app, text)('GET /api/accounts/user-config/'), 200, config)
})

t.test('the example runs by itself', async (t) => {
  const { app, keys } = await build()
  t.teardown(() => app.close())
  answered(t, await as(app, keyOf(keys, 'read'))('GET /api/accounts/user-config/'), 200, config)
})
