import Fastify from 'fastify'
import { AccessError, type Principal } from 'fastify-latchkey'
import { keyRoutes } from 'fastify-latchkey/management'
import t from 'tap'
import { collectRounds, rejection } from '../helpers/collect.js'
import { keyApi, person } from '../helpers/key-routes.js'
import { refused, untyped } from '../helpers/limits.js'
import { until } from '../helpers/until.js'

t.test('a host\'s session says who acts, and the credential of a request does not matter', async (t) => {
  let who: unknown = person()
  const { send, events } = await keyApi(t, { routes: { session: () => untyped<Principal>(who) } })
  const created = await send(null, 'POST /api-keys', { scopes: ['devices:read'] })
  t.equal(created.statusCode, 201)
  t.match(created.json().key, { owner: 'ada', workspace: 'w1', environment: 'production' })
  await until(() => events.length > 0)
  t.match(events, [{ type: 'key.issued', by: { kind: 'access-token', id: 'user_ada', owner: 'ada' } }])
  const { id } = created.json().key
  t.equal((await send('other', `GET /api-keys/${id}`)).statusCode, 200)
  who = person({ workspace: 'w2' })
  t.equal((await send('admin', `GET /api-keys/${id}`)).statusCode, 404)
  who = person({ scopes: ['devices:read', 'api_keys:read'] })
  const weak = refused(t, await send(null, 'POST /api-keys', { scopes: [] }), { status: 403, code: 'INSUFFICIENT_SCOPE', challenge: 'Bearer realm="api", error="insufficient_scope", scope="api_keys:write"' })
  t.match(weak, { detail: 'This operation requires api_keys:write; the session grants devices:read, api_keys:read.', required: [['api_keys:write']] })
  who = person({ scopes: [] })
  t.match(refused(t, await send(null, 'GET /api-keys'), { status: 403, code: 'INSUFFICIENT_SCOPE', challenge: 'Bearer realm="api", error="insufficient_scope", scope="api_keys:read"' }).detail, /the session grants nothing/)
})

t.test('a body that a form of another site could send changes nothing', async (t) => {
  let asked = 0
  const { app, callers: { plain } } = await keyApi(t, {
    routes: { session () { asked++; return person() } },
    more (app) { app.addContentTypeParser('application/x-www-form-urlencoded', (_request, _payload, done) => { done(null, {}) }) }
  })
  const url = `/api-keys/${plain.key.id}/revoke`
  const rounds = collectRounds()
  for (const type of [undefined, 'text/plain', 'application/x-www-form-urlencoded', 'multipart/form-data; boundary=x', 'text/plain; application/json', 'application/jsonx']) {
    const body = refused(t, await app.inject({ method: 'POST', url, headers: { cookie: 'session=x', ...type !== undefined && { 'content-type': type } }, ...type !== undefined && { payload: '{}' } }), { status: 415, code: 'UNSUPPORTED_MEDIA_TYPE' })
    rounds.add(body.detail, 'A change must be sent with Content-Type: application/json.')
  }
  t.strictSame(rounds.seen, rounds.expected)
  t.same([asked, (await app.latchkey.keys.get('w1', plain.key.id)).revokedAt], [0, undefined])
  t.equal((await app.inject({ method: 'POST', url, headers: { 'content-type': 'Application/JSON; charset=utf-8' }, payload: '{}' })).statusCode, 200)
})

t.test('a page of another site changes nothing, by Fetch metadata or else by Origin', async (t) => {
  let asked = 0
  const { app, callers: { plain } } = await keyApi(t, { routes: { session () { asked++; return person() }, trustedOrigins: ['https://app.example.com'] } })
  const url = `/api-keys/${plain.key.id}`
  const send = (headers: Record<string, string>) => app.inject({ method: 'PATCH', url, headers: { host: 'api.example.com:443', ...headers }, payload: { name: 'mine' } })
  const own = 'https://api.example.com'
  for (const headers of [
    { 'sec-fetch-site': 'cross-site' },
    { 'sec-fetch-site': 'cross-site', origin: own },
    { 'sec-fetch-site': 'same-site', origin: 'https://blog.example.com' },
    { 'sec-fetch-site': 'new-word' },
    { origin: 'https://evil.example' },
    { origin: 'https://api.example.com.evil.example' },
    { origin: 'https://api.example.com:8443' },
    { origin: 'null' },
    { origin: 'not an origin' },
    { origin: 'file://' },
    { origin: 'https://APP.example.com.' }
  ]) {
    refused(t, await send(headers), { status: 403, code: 'CROSS_SITE_REQUEST' })
  }
  t.same([asked, (await app.latchkey.keys.get('w1', plain.key.id)).name], [0, undefined])
  const allowed = [
    {}, { 'sec-fetch-site': 'same-origin' }, { 'sec-fetch-site': 'none' }, { origin: own }, { 'sec-fetch-site': 'same-origin', origin: own },
    { 'sec-fetch-site': 'same-site', origin: 'https://app.example.com' }, { origin: 'https://app.example.com' }
  ]
  t.same(await Promise.all(allowed.map(async (headers) => (await send(headers)).statusCode)), allowed.map(() => 200))
  t.equal((await app.inject({ url, headers: { 'sec-fetch-site': 'cross-site', origin: 'https://evil.example' } })).statusCode, 200, 'browsers let no other origin read')
})

t.test('a credential in a header comes with no page of another site by itself, so its origin does not matter', async (t) => {
  const { app, callers: { admin } } = await keyApi(t)
  const headers = { authorization: `Bearer ${admin.secret}`, 'sec-fetch-site': 'cross-site', origin: 'https://docs.example.com' }
  t.equal((await app.inject({ method: 'POST', url: '/api-keys', headers, payload: { scopes: [] } })).statusCode, 201)
})

t.test('nobody is 401, before a body is read, on every route', async (t) => {
  for (const nobody of [null, undefined]) {
    const { send, callers: { plain } } = await keyApi(t, { routes: { session: async () => untyped<null>(nobody) } })
    const { id } = plain.key
    for (const request of ['GET /api-keys', `GET /api-keys/${id}`, 'GET /api-keys/workspaces', 'GET /api-keys/caller', 'POST /api-keys', `PATCH /api-keys/${id}`, `POST /api-keys/${id}/rotate`, `POST /api-keys/${id}/revoke`]) {
      refused(t, await send('admin', request, request.startsWith('GET') ? undefined : '{ not json'), { status: 401, code: 'CREDENTIAL_MISSING', challenge: 'Bearer realm="api"' })
    }
  }
})

t.test('a session that fails lets nobody in', async (t) => {
  const sessions: Array<() => unknown> = [
    () => { throw new Error('secret-cookie') },
    () => Promise.reject(new Error('secret-cookie')),
    () => Promise.reject(untyped(undefined)),
    ...[true, 'ada', {}, { ...person(), id: '' }, { ...person(), kind: 'user' }, { ...person(), scopes: 'api_keys:manage' }].map((answer) => () => answer)
  ]
  const rounds = collectRounds()
  for (const session of sessions) {
    const { send } = await keyApi(t, { routes: { session: () => untyped<Principal>(session()) } })
    const answer = await send('admin', 'POST /api-keys', { scopes: [] })
    refused(t, answer, { status: 503, code: 'AUTHENTICATION_UNAVAILABLE', retryAfter: 1 })
    rounds.add(String(answer.body).includes('secret'), false)
  }
  t.strictSame(rounds.seen, rounds.expected)
  const { send } = await keyApi(t, { routes: { session: () => new Promise(() => {}) } })
  refused(t, await send('admin', 'GET /api-keys'), { status: 503, code: 'AUTHENTICATION_UNAVAILABLE', retryAfter: 1 })
  const own = await keyApi(t, { routes: { session () { throw new AccessError('CREDENTIAL_INVALID') } } })
  refused(t, await own.send('admin', 'GET /api-keys'), { status: 401, code: 'CREDENTIAL_INVALID', challenge: 'Bearer realm="api", error="invalid_token"' })
})

t.test('a caller sees the workspaces it may act in, and chooses one of them', async (t) => {
  const asked: unknown[] = []
  const { send, callers: { admin, other }, events } = await keyApi(t, {
    routes: {
      workspacesOf (principal, request) {
        asked.push([principal.id, request.url.split('?')[0]])
        return principal.owner === 'ada' ? ['w2', { id: 'w3', name: 'Third' }] : []
      }
    }
  })
  const list = await send('admin', 'GET /api-keys/workspaces')
  t.equal(list.statusCode, 200)
  t.equal(list.headers['cache-control'], 'no-store')
  t.same(list.json(), [{ id: 'w1', current: true }, { id: 'w2', current: false }, { id: 'w3', name: 'Third', current: false }])
  t.same(asked, [[admin.key.id, '/api-keys/workspaces']])
  t.same((await send('other', 'GET /api-keys/workspaces')).json(), [{ id: 'w2', current: true }])

  t.same((await send('admin', 'GET /api-keys?workspace=w2')).json().keys.map(({ id }: { id: string }) => id), [other.key.id])
  const { key, secret } = (await send('admin', 'POST /api-keys?workspace=w2', { scopes: ['devices:read'] })).json()
  t.match(key, { workspace: 'w2', owner: 'ada' })
  t.match((await send({ secret }, 'GET /devices')).json(), { workspace: 'w2' })
  await until(() => events.length > 0)
  t.match(events, [{ type: 'key.issued', by: { id: admin.key.id }, workspace: 'w2' }])
  const rounds = collectRounds()
  for (const [method, path, body] of [['GET', ''], ['PATCH', '', { name: 'n' }], ['POST', '/rotate', {}], ['POST', '/revoke', {}]] as const) {
    rounds.add((await send('admin', `${method} /api-keys/${key.id}${path}?workspace=w2`, body)).statusCode, 200)
    refused(t, await send('admin', `${method} /api-keys/${key.id}${path}`, body), { status: 404, code: 'KEY_NOT_FOUND' })
    refused(t, await send('admin', `${method} /api-keys/${key.id}${path}?workspace=w4`, body), { status: 404, code: 'KEY_NOT_FOUND' })
  }
  t.strictSame(rounds.seen, rounds.expected)
})

t.test('the host may name the caller\'s own workspace too', async (t) => {
  const { send } = await keyApi(t, { routes: { workspacesOf: async () => [{ id: 'w2', name: 'Second' }, { id: 'w1', name: 'First' }] } })
  t.same((await send('admin', 'GET /api-keys/workspaces')).json(), [{ id: 'w2', name: 'Second', current: false }, { id: 'w1', name: 'First', current: true }])
})

t.test('a list of workspaces that fails is 503', async (t) => {
  const answers: Array<() => unknown> = [() => { throw new Error('secret') }, () => 'w2', () => [7], () => [null], () => [{ name: 'x' }], () => [''], () => ({})]
  const rounds = collectRounds()
  for (const answer of answers) {
    const { send } = await keyApi(t, { routes: { workspacesOf: () => untyped<string[]>(answer()) } })
    for (const request of ['GET /api-keys/workspaces', 'GET /api-keys?workspace=w2']) refused(t, await send('admin', request), { status: 503, code: 'KEYS_UNAVAILABLE', retryAfter: 1 })
    rounds.add((await send('admin', 'GET /api-keys')).statusCode, 200, 'the own workspace needs no list')
  }
  t.strictSame(rounds.seen, rounds.expected)
})

t.test('options are checked at boot', async (t) => {
  const rows: Array<[unknown, RegExp]> = [
    [{ scopes: { read: 'api_keys:read' } }, /option keyRoutes\.scopes\.write is missing/],
    [{ scopes: { read: 'x', write: 'y', manage: 'z', more: '' } }, /unknown option keyRoutes\.scopes\.more/],
    [{ session: true }, /option keyRoutes\.session must be a function of the request/],
    [{ workspacesOf: [] }, /option keyRoutes\.workspacesOf must be a function of the principal and the request/],
    [{ rotateEvery: 0 }, /option keyRoutes\.rotateEvery must be seconds above 0/],
    [{ mayExceed: ['owner', 'scopes'] }, /option keyRoutes\.mayExceed\.1 must be an array of 'owner', 'tier' and 'expiresAt', not "scopes"/],
    [{ mayExceed: 'owner' }, /option keyRoutes\.mayExceed must be an array of 'owner', 'tier' and 'expiresAt', not "owner"/],
    [{ issuing: 10 }, /option keyRoutes\.issuing must be \{ profile, cost \}/],
    [{ issuing: { cost: 10 }, session: () => null }, /option keyRoutes\.issuing counts callers with a credential; leave it out next to session: people whom the session knows are not counted/],
    [{ rateLimit: {} }, /unknown option keyRoutes\.rateLimit/]
  ]
  const patterns = collectRounds()
  for (const [routes, message] of rows) patterns.add(await rejection(keyApi(t, { routes: untyped(routes) })), { name: 'OptionError', message })
  t.match(patterns.seen, patterns.expected)
  await t.rejects(async () => await Fastify().register(keyRoutes, { prefix: '/keys' }), { name: 'OptionError', message: /register keyRoutes after latchkey, in a context where it has keys/ })
  const undeclared = async (...[read, write, manage]: readonly string[]) => String(await rejection(keyApi(t, { routes: untyped({ scopes: { read, write, manage } }) })))
  t.same([await undeclared('keys:read', 'api_keys:write', 'keys:manage'), await undeclared('READ', 'WRITE', 'ADMIN')], [
    'OptionError: fastify-latchkey: keyRoutes requires "keys:read", "keys:manage", which the catalogue does not declare; add keys: [\'read\', \'manage\'] to resources of defineScopes, or name declared scopes in option keyRoutes.scopes',
    'OptionError: fastify-latchkey: keyRoutes requires "READ", "WRITE", "ADMIN", which the catalogue does not declare; add them to levels of defineScopes, or name declared scopes in option keyRoutes.scopes'
  ])
})

t.test('people whom the session knows are not counted by address; all others are, beyond the quota by 429', async (t) => {
  let who: unknown = person()
  const session = () => untyped<Principal>(who)
  const limits = { anonymous: [{ name: 'anonymous', quota: 3, window: 60 }] }
  const { app, send } = await keyApi(t, { latchkey: { limits }, routes: { session } })
  const rounds = collectRounds()
  for (let i = 0; i < 5; i++) {
    const { statusCode, headers } = await send(null, 'GET /api-keys')
    rounds.add([statusCode, headers.ratelimit], [200, undefined])
  }
  who = null
  const stranger = await send(null, 'GET /api-keys')
  refused(t, stranger, { status: 401, code: 'CREDENTIAL_MISSING', challenge: 'Bearer realm="api"' })
  rounds.add(stranger.headers.ratelimit, '"anonymous";r=2;t=60')
  who = 'nonsense'
  refused(t, await send(null, 'GET /api-keys'), { status: 503, code: 'AUTHENTICATION_UNAVAILABLE', retryAfter: 1 })
  refused(t, await app.inject({ method: 'POST', url: '/api-keys', headers: { 'sec-fetch-site': 'cross-site' }, payload: {} }), { status: 403, code: 'CROSS_SITE_REQUEST' })
  for (const answer of [null, 'nonsense']) {
    who = answer
    refused(t, await send(null, 'GET /api-keys'), { status: 429, code: 'RATE_LIMITED', retryAfter: 60 })
  }
  who = person()
  rounds.add((await send(null, 'GET /api-keys')).statusCode, 200, 'at the same address')
  t.strictSame(rounds.seen, rounds.expected)
})

t.test('issuing counts as what the host says', async (t) => {
  const limits = { environments: { production: [{ name: 'minute', quota: 100, window: 60 }], sandbox: [] }, tiers: { pro: [{ name: 'minute', quota: 100, window: 60 }] } }
  const { send } = await keyApi(t, { latchkey: { limits }, routes: { issuing: { cost: 40 } } })
  const { key } = (await send('admin', 'POST /api-keys', { scopes: [] })).json()
  t.equal((await send('admin', `POST /api-keys/${key.id}/rotate`, {})).statusCode, 200)
  const answer = await send('admin', 'POST /api-keys', { scopes: [] })
  refused(t, answer, { status: 429, code: 'RATE_LIMITED', retryAfter: 60 })
  t.equal((await send('admin', 'GET /api-keys')).headers.ratelimit, '"minute";r=19;t=60')
})
