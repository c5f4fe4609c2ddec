import t, { type Test } from 'tap'
import { build, keyTypes } from '../../examples/key-types.js'
import { fakeClock } from '../../lib/testing/index.js'
import { collectRounds } from '../helpers/collect.js'
import { answered, answerOf, answerWith, as, challenges, guardedRoutes, keptLog, keyOf, refusalOf, refusalWith, refused } from '../helpers/contracts.js'

/** What each permission of the document opens, and what is answered the first time. */
const readable = {
  'Access reports': [['GET /v1/reports', [{ id: 'report_1', title: 'October' }]], ['GET /v1/reports/report_1', { id: 'report_1', title: 'October' }]],
  'inspect events': [['GET /v1/events', [{ id: 'event_1', type: 'signup' }]], ['GET /v1/events/event_1', { id: 'event_1', type: 'signup' }]],
  'list integrations': [['GET /v1/integrations', [{ id: 'integration_1', name: 'CRM' }]]]
} as const

const writable = {
  'send events': ['POST /v1/events', 'events:send', 202, { type: 'login', id: 'event_101' }],
  'trigger syncs': ['POST /v1/integrations/integration_1/sync', 'syncs:trigger', 200, { id: 'integration_1', name: 'CRM', state: 'syncing' }],
  'approve actions': ['POST /v1/actions/action_1/approve', 'actions:approve', 200, { id: 'action_1', state: 'approved' }],
  'reject actions': ['POST /v1/actions/action_1/reject', 'actions:reject', 200, { id: 'action_1', state: 'rejected' }]
} as const

const reads = Object.values(readable).flat().map(([request]) => request)
const writes = Object.values(writable).map(([request]) => request)
const requests = ['GET /v1/workspace', ...reads, ...writes]

const bodyFor = (request: string): unknown => request === 'POST /v1/events' ? { type: 'login' } : undefined

const unauthorized = { error: 'unauthorized', message: 'Invalid or missing API key' }
const missing = { status: 401, body: unauthorized, challenge: challenges.missing }
const invalid = { status: 401, body: unauthorized, challenge: challenges.invalid }
const forbidden = (scope: string) => ({
  status: 403,
  body: { error: 'forbidden', message: 'This operation requires a read-write key' },
  challenge: challenges.scope(scope)
})

async function start (t: Test) {
  const clock = fakeClock()
  const log = keptLog()
  const { app, keys } = await build({ clock: clock.now, logger: log.logger })
  t.teardown(() => app.close())
  await app.ready()
  return { app, log, keys, speak: (name: string) => as(app, keyOf(keys, name)) }
}

t.test('this contract speaks of every route of the example', async (t) => {
  const { app } = await start(t)
  t.strictSame(guardedRoutes(app), [...new Set(requests.map((request) => request.replace(/\/[a-z]+_1/, '/:id')))].sort())
})

t.test('"All API requests require an API key passed as a Bearer token in the Authorization header."', async (t) => {
  const { app, keys } = await start(t)
  const rounds = collectRounds()
  for (const request of [...requests, 'GET /v1/no-such-thing', 'GET /']) rounds.add(refusalOf(await as(app)(request, bodyFor(request))), refusalWith(missing), request)
  const key = keyOf(keys, 'read-write')
  for (const headers of [{ authorization: `Basic ${key}` }, { authorization: key }, { 'x-api-key': key }]) {
    rounds.add(refusalOf(await as(app, undefined, headers)('GET /v1/workspace')), refusalWith(missing), Object.keys(headers)[0])
  }
  t.strictSame(rounds.seen, rounds.expected)
  refused(t, await as(app)(`GET /v1/workspace?api_key=${key}`), missing, 'in the URL')
})

t.test('"curl -H "Authorization: Bearer $FLOKIT_API_KEY" https://api.flokit.ai/v1/workspace", over a socket', async (t) => {
  const { app, keys } = await start(t)
  const url = await app.listen({ host: '127.0.0.1', port: 0 })
  const response = await fetch(`${url}/v1/workspace`, { headers: { Authorization: `Bearer ${keyOf(keys, 'read-only')}` } })
  t.equal(response.status, 200)
  t.strictSame(await response.json(), { id: 'acme' })
})

t.test('"Keys are workspace-scoped."', async (t) => {
  const { speak } = await start(t)
  const none = { status: 404, body: { error: 'not_found', message: 'There is nothing here.' } }
  answered(t, await speak('read-only')('GET /v1/workspace'), 200, { id: 'acme' })
  answered(t, await speak('other-workspace')('GET /v1/workspace?id=acme'), 200, { id: 'globex' })
  answered(t, await speak('other-workspace')('GET /v1/events'), 200, [{ id: 'event_2', type: 'login' }])
  refused(t, await speak('other-workspace')('GET /v1/events/event_1'), none, 'an event of another workspace')
  refused(t, await speak('other-workspace')('GET /v1/events/nothing'), none, 'one that never was')
  refused(t, await speak('read-write')('POST /v1/integrations/integration_9/sync'), none)
  refused(t, await speak('read-write')('POST /v1/actions/action_9/approve'), none)
  refused(t, await speak('read-write')('POST /v1/actions/action_9/reject'), none)
  refused(t, await speak('read-write')('GET /v1/reports/report_9'), none)
})

t.test('"Find existing keys or create new ones in FloKit → Settings → API Keys.": a key of each type can be created, and is shown once', async (t) => {
  const { app } = await start(t)
  const rounds = collectRounds()
  const patterns = collectRounds()
  for (const [name, scopes] of Object.entries(keyTypes)) {
    const { key, secret: text } = await app.latchkey.keys.issue({ workspace: 'acme', scopes, name })
    const { id, createdAt, secrets, ...rest } = key
    rounds.add(rest, { workspace: 'acme', environment: 'production', scopes, name, version: 1 })
    patterns.add(text, /^flokit_live_[0-9A-Za-z]{49}$/)
    rounds.add(String(JSON.stringify(key)).includes(text.slice(-49)), false)
    rounds.add(answerOf(await as(app, text)('GET /v1/workspace')), answerWith(200, { id: 'acme' }))
  }
  t.strictSame(rounds.seen, rounds.expected)
  t.match(patterns.seen, patterns.expected)
})

for (const [permission, answers] of Object.entries(readable)) {
  t.test(`"Read-only | … ${permission} …", "Read-write | All read permissions …"`, async (t) => {
    const { speak } = await start(t)
    const rounds = collectRounds()
    for (const name of ['read-only', 'read-write']) {
      for (const [request, body] of answers) rounds.add(answerOf(await speak(name)(request)), answerWith(200, body), `${name} ${request}`)
    }
    t.strictSame(rounds.seen, rounds.expected)
  })
}

for (const [permission, [request, scope, status, body]] of Object.entries(writable)) {
  t.test(`"Read-write | … plus: … ${permission} …"`, async (t) => {
    const { speak } = await start(t)
    refused(t, await speak('read-only')(request, bodyFor(request)), forbidden(scope))
    answered(t, await speak('read-write')(request, bodyFor(request)), status, body)
  })
}

t.test('"Use read-only keys for reporting pipelines and dashboards. Use read-write keys only in trusted server-side contexts.": a read-only key changes nothing', async (t) => {
  const { speak } = await start(t)
  for (const request of writes) {
    for (const body of [bodyFor(request), {}, '{ not json', '']) await speak('read-only')(request, body)
  }
  const rounds = collectRounds()
  for (const [request, body] of Object.values(readable).flat()) rounds.add(answerOf(await speak('read-write')(request)), answerWith(200, body), request)
  t.strictSame(rounds.seen, rounds.expected)
  answered(t, await speak('read-write')('POST /v1/actions/action_1/approve'), 200, writable['approve actions'][3], 'still there to be approved')
})

t.test('"401 Unauthorized — API key is missing or invalid. { "error": "unauthorized", "message": "Invalid or missing API key" }"', async (t) => {
  const { app, keys } = await start(t)
  const good = keyOf(keys, 'read-write')
  const rounds = collectRounds()
  for (const request of requests) {
    rounds.add(refusalOf(await as(app)(request, bodyFor(request))), refusalWith(missing), request)
    rounds.add(refusalOf(await as(app, `${good.slice(0, -1)}~`)(request, bodyFor(request))), refusalWith(invalid), request)
  }
  for (const token of ['nonsense', good.slice(0, -1), good.replace('_live_', '_stg_'), `sk_${good.slice(7)}`]) {
    rounds.add(refusalOf(await as(app, token)('GET /v1/workspace')), refusalWith(invalid), token)
  }
  t.strictSame(rounds.seen, rounds.expected)
  const { key, secret: text } = await app.latchkey.keys.issue({ workspace: 'acme', scopes: keyTypes['read-write'] })
  await app.latchkey.keys.revoke('acme', key.id)
  refused(t, await as(app, text)('GET /v1/workspace'), invalid, 'revoked')
})

t.test('"403 Forbidden — API key is valid but lacks the required permission for the operation (e.g. a read-only key attempting to send events). { "error": "forbidden", "message": "This operation requires a read-write key" }"', async (t) => {
  const { speak } = await start(t)
  const rounds = collectRounds()
  for (const [request, scope] of Object.values(writable)) {
    for (const body of [bodyFor(request), {}, '{ not json', '']) rounds.add(refusalOf(await speak('read-only')(request, body)), refusalWith(forbidden(scope)), request)
  }
  t.strictSame(rounds.seen, rounds.expected)
})

t.test('"Store API keys in environment variables or a secrets manager (AWS Secrets Manager, GCP Secret Manager, Doppler, etc.).", "Never commit API keys to version control."', async (t) => {
  const { app, log, keys } = await start(t)
  const rounds = collectRounds()
  for (const text of Object.values(keys)) rounds.add(app.latchkey.keys.secretPattern.exec(`FLOKIT_API_KEY=${text}`)?.[0], text, 'a scanner finds a key')
  t.strictSame(rounds.seen, rounds.expected)
  const text = keyOf(keys, 'read-write')
  const seen: string[] = []
  for (const request of [...requests, 'GET /v1/no-such-thing']) {
    const { payload, headers } = await as(app, text)(request, bodyFor(request))
    seen.push(payload, JSON.stringify(headers))
  }
  t.notMatch(seen.join(''), text.slice(-49), 'no answer holds one')
  t.notMatch(log.text(), text.slice(-49), 'no log line does')
})

t.test('"Use separate keys per environment (production vs. staging) to prevent test traffic from entering production data."', async (t) => {
  const { keys, speak } = await start(t)
  t.match(keyOf(keys, 'staging-read-write'), /^flokit_stg_/)
  const rounds = collectRounds()
  for (const request of requests) {
    rounds.add(refusalOf(await speak('staging-read-write')(request, bodyFor(request))), refusalWith({
      status: 403,
      body: { error: 'wrong_environment', message: 'The credential belongs to another environment.' }
    }), request)
  }
  for (const [request, body] of Object.values(readable).flat()) rounds.add(answerOf(await speak('read-only')(request)), answerWith(200, body), request)
  t.strictSame(rounds.seen, rounds.expected)
})

t.test('the example runs by itself', async (t) => {
  const { app, keys } = await build()
  t.teardown(() => app.close())
  answered(t, await as(app, keyOf(keys, 'read-only'))('GET /v1/workspace'), 200, { id: 'acme' })
})
