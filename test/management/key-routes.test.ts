import { createMemoryKeyStore } from 'fastify-latchkey/keys'
import t from 'tap'
import { collectRounds } from '../helpers/collect.js'
import { keyApi } from '../helpers/key-routes.js'
import { refused } from '../helpers/limits.js'
import { until } from '../helpers/until.js'

const missing = { status: 404, code: 'KEY_NOT_FOUND' }
const invalid = { status: 400, code: 'KEY_INPUT_INVALID' }

t.test('a key is created with chosen scopes, its secret is shown once, and it may do what was chosen', async (t) => {
  const { send, clock, app } = await keyApi(t, { routes: { rotateEvery: 90 * 86_400 } })
  const created = await send('admin', 'POST /api-keys', { scopes: ['devices:read'], name: 'erp', metadata: { team: 'red' }, expiresAt: '2026-06-01T00:00:00+02:00' })
  t.equal(created.statusCode, 201)
  t.equal(created.headers['cache-control'], 'no-store')
  const { key, secret } = created.json()
  const createdAt = new Date(clock.now()).toISOString()
  t.same(key, {
    id: key.id,
    workspace: 'w1',
    environment: 'production',
    status: 'active',
    scopes: ['devices:read'],
    name: 'erp',
    owner: 'ada',
    tier: 'pro',
    metadata: { team: 'red' },
    secrets: [{ generation: 1, hint: secret.slice(10, 14), createdAt }],
    createdAt,
    expiresAt: '2026-05-31T22:00:00.000Z',
    rotateBy: '2026-04-01T00:00:00.000Z',
    version: 1
  }, 'whose it is, and its tier, follow from who asks')
  t.equal((await send({ secret }, 'GET /devices')).statusCode, 200)
  t.same((await send('reader', `GET /api-keys/${key.id}`)).json(), key)
  t.same((await app.latchkey.keys.get('w1', key.id)).expiresAt, new Date('2026-05-31T22:00:00Z'))
})

t.test('keys are listed by pages, those of the caller\'s workspace and environment', async (t) => {
  const { send, callers: { admin, writer, reader, plain, sandbox } } = await keyApi(t)
  const all = await send('reader', 'GET /api-keys')
  t.equal(all.statusCode, 200)
  t.equal(all.headers['cache-control'], 'no-store')
  t.same(all.json().keys.map(({ id }: { id: string }) => id).sort(), [admin, writer, reader, plain].map(({ key }) => key.id).sort())
  const first = (await send('reader', 'GET /api-keys?limit=3&owner=ada')).json()
  const second = (await send('reader', `GET /api-keys?limit=3&cursor=${first.next}`)).json()
  t.same([...first.keys, ...second.keys], all.json().keys)
  t.equal(second.next, undefined)
  t.same((await send('sandbox', 'GET /api-keys')).json().keys.map(({ id }: { id: string }) => id), [sandbox.key.id])
  for (const query of ['limit=0', 'limit=201', 'limit=x', 'limit=1&limit=2', 'cursor=x', 'owner=']) refused(t, await send('reader', `GET /api-keys?${query}`), invalid)
})

t.test('a key is changed, rotated and revoked', async (t) => {
  const { send, clock } = await keyApi(t)
  const { key, secret } = (await send('admin', 'POST /api-keys', { scopes: ['devices:read'], name: 'erp', metadata: { a: 1 }, expiresAt: '2030-01-01T00:00:00Z' })).json()
  const changed = await send('admin', `PATCH /api-keys/${key.id}`, { name: null, metadata: null, expiresAt: null, scopes: ['devices:write'], version: 1 })
  t.equal(changed.statusCode, 200)
  const { name, metadata, expiresAt, ...rest } = key
  const updated = { updatedAt: new Date(clock.now()).toISOString(), updatedBy: { kind: 'api-key', owner: 'ada', you: true } }
  t.same(changed.json(), { key: { ...rest, scopes: ['devices:write'], version: 2, ...updated }, effectiveWithin: 0 })
  t.same((await send('reader', `GET /api-keys/${key.id}`)).json().updatedBy, { kind: 'api-key', owner: 'ada', you: false }, 'another key of the same owner, whose id is not told')
  t.match((await send('admin', `PATCH /api-keys/${key.id}`, { expiresAt: '2030-01-01T00:00:00Z' })).json(), { key: { expiresAt: '2030-01-01T00:00:00.000Z' } })

  const rotated = await send('admin', `POST /api-keys/${key.id}/rotate`, { grace: 60 })
  t.equal(rotated.statusCode, 200)
  t.match(rotated.json(), { key: { id: key.id, secrets: [{ generation: 1, retiresAt: new Date(clock.now() + 60_000).toISOString() }, { generation: 2 }] }, secret: /^acme_live_/, effectiveWithin: 0 })
  t.equal((await send({ secret }, 'GET /api-keys')).statusCode, 403, 'the earlier secret is still one')
  const again = await send('admin', `POST /api-keys/${key.id}/rotate`, { grace: 5, graceFrom: 'first-use' })
  t.match(again.json(), { key: { secrets: [{}, { graceAfterFirstUse: 5 }, {}] } })

  const revoked = await send('admin', `POST /api-keys/${key.id}/revoke`, { reason: 'left' })
  t.equal(revoked.statusCode, 200)
  t.match(revoked.json(), { key: { status: 'revoked', revokedReason: 'left', revokedAt: new Date(clock.now()).toISOString() }, effectiveWithin: 0 })
  t.equal((await send({ secret: again.json().secret }, 'GET /devices')).statusCode, 401)
  const rounds = collectRounds()
  for (const request of [`POST /api-keys/${key.id}/rotate`, `PATCH /api-keys/${key.id}`]) {
    const body = refused(t, await send('admin', request, {}), { status: 409, code: 'KEY_CONFLICT' })
    rounds.add(body.detail, 'The key was revoked.')
  }
  t.strictSame(rounds.seen, rounds.expected)
  t.same((await send('admin', `POST /api-keys/${key.id}/revoke`)).json(), revoked.json(), 'twice is once, and needs no body')
})

t.test('what was used is shown, and what has expired says so', async (t) => {
  const store = createMemoryKeyStore()
  const { app, send, clock } = await keyApi(t, { latchkey: { keys: { prefix: 'acme', store } } })
  const { key } = await app.latchkey.keys.issue({ workspace: 'w1', scopes: ['devices:read', 'devices:write'], expiresAt: new Date(clock.now() + 2000) })
  const fresh = (await send('reader', `GET /api-keys/${key.id}`)).json()
  t.same([fresh.status, fresh.lastUsedAt, fresh.scopesUsedAt], ['active', undefined, undefined])
  const used = new Date(clock.now() + 1000)
  await store.recordUse([{ workspace: 'w1', id: key.id, lastUsedAt: used, scopesUsedAt: { 'devices:read': used } }])
  clock.advance(2)
  t.match((await send('reader', `GET /api-keys/${key.id}`)).json(), { status: 'expired', lastUsedAt: used.toISOString(), scopesUsedAt: { 'devices:read': used.toISOString() }, version: 1 })
})

t.test('a key without secrets has no rotateBy', async (t) => {
  const store = createMemoryKeyStore()
  const { send } = await keyApi(t, { latchkey: { keys: { prefix: 'acme', store } }, routes: { rotateEvery: 60 } })
  await store.insert({ id: 'key_1', workspace: 'w1', environment: 'production', scopes: [], secrets: [], createdAt: new Date(0), version: 1 }, 'hash')
  t.equal((await send('reader', 'GET /api-keys/key_1')).json().rotateBy, undefined)
})

t.test('each operation needs its scope', async (t) => {
  const { send, callers: { plain } } = await keyApi(t)
  const { id } = plain.key
  const rows: Array<[string, string, object?]> = [
    ['api_keys:read', 'GET /api-keys'], ['api_keys:read', 'HEAD /api-keys'], ['api_keys:read', `GET /api-keys/${id}`], ['api_keys:read', 'GET /api-keys/workspaces'], ['api_keys:read', 'GET /api-keys/caller'],
    ['api_keys:write', 'POST /api-keys', { scopes: [] }], ['api_keys:write', `PATCH /api-keys/${id}`, {}],
    ['api_keys:manage', `POST /api-keys/${id}/rotate`, {}], ['api_keys:manage', `POST /api-keys/${id}/revoke`, {}]
  ]
  const rounds = collectRounds()
  for (const [needed, request, body] of rows) {
    for (const [who, allowed] of [['plain', []], ['reader', ['api_keys:read']], ['writer', ['api_keys:read', 'api_keys:write']]] as const) {
      const answer = await send(who, request, body)
      const expected = allowed.some((scope) => scope === needed)
      rounds.add(answer.statusCode < 300, expected, `${who} ${request}`)
      rounds.add(answer.headers['cache-control'], 'no-store')
      if (!expected && !request.startsWith('HEAD')) refused(t, answer, { status: 403, code: 'INSUFFICIENT_SCOPE', challenge: `Bearer realm="api", error="insufficient_scope", scope="${needed}"` })
    }
    if (!request.startsWith('HEAD')) refused(t, await send(null, request, body), { status: 401, code: 'CREDENTIAL_MISSING', challenge: 'Bearer realm="api"' })
  }
  t.strictSame(rounds.seen, rounds.expected)
})

t.test('nobody grants what they have not themselves', async (t) => {
  const { send, callers: { admin, writer } } = await keyApi(t)
  const over = { status: 403, code: 'INSUFFICIENT_SCOPE' }
  refused(t, await send('writer', 'POST /api-keys', { scopes: ['devices:write'] }), { ...over, challenge: 'Bearer realm="api", error="insufficient_scope", scope="devices:write"' })
  refused(t, await send('writer', 'POST /api-keys', { scopes: ['api_keys:manage'] }), { ...over, challenge: 'Bearer realm="api", error="insufficient_scope", scope="api_keys:manage"' })
  const escalation = { ...over, challenge: 'Bearer realm="api", error="insufficient_scope", scope="api_keys:manage"' }
  refused(t, await send('writer', `PATCH /api-keys/${writer.key.id}`, { scopes: ['api_keys:manage'] }), escalation)
  t.equal((await send('writer', `PATCH /api-keys/${admin.key.id}`, { name: 'mine' })).statusCode, 403)
  t.equal((await send('writer', 'POST /api-keys', { scopes: ['devices:read'] })).statusCode, 201)
  t.same((await send('writer', 'POST /api-keys', { scopes: [] })).json().key.scopes, [])
  refused(t, await send('admin', 'POST /api-keys', { scopes: [], environment: 'sandbox' }), { status: 403, code: 'WRONG_ENVIRONMENT' })
})

t.test('a key of another workspace or environment is as unknown as one that never was', async (t) => {
  const { send, callers: { plain, admin } } = await keyApi(t)
  const unknown = await send('admin', 'GET /api-keys/key_none')
  refused(t, unknown, missing)
  const rounds = collectRounds()
  for (const who of ['other', 'sandbox'] as const) {
    for (const request of [`GET /api-keys/${plain.key.id}`, `PATCH /api-keys/${plain.key.id}`, `POST /api-keys/${plain.key.id}/rotate`, `POST /api-keys/${plain.key.id}/revoke`]) {
      const answer = await send(who, request, request.startsWith('GET') ? undefined : {})
      refused(t, answer, missing)
      rounds.add(answer.body, unknown.body)
    }
  }
  for (const request of ['GET /api-keys', `GET /api-keys/${admin.key.id}`, 'POST /api-keys', `POST /api-keys/${admin.key.id}/revoke`]) {
    const answer = await send('admin', `${request}?workspace=w2`, request.startsWith('GET') ? undefined : request.endsWith('s') ? { scopes: [] } : {})
    refused(t, answer, missing)
    rounds.add(answer.body, unknown.body, 'so is a workspace')
  }
  t.strictSame(rounds.seen, rounds.expected)
  t.equal((await send('admin', 'GET /api-keys?workspace=w1')).statusCode, 200)
})

t.test('every change emits an event that says who made it', async (t) => {
  const { send, events, callers: { admin } } = await keyApi(t)
  const { key } = (await send('admin', 'POST /api-keys', { scopes: [] })).json()
  await send('admin', `PATCH /api-keys/${key.id}`, { name: 'n' })
  await send('admin', `POST /api-keys/${key.id}/rotate`, {})
  await send('admin', `POST /api-keys/${key.id}/revoke`, {})
  await send('reader', `POST /api-keys/${key.id}/revoke`, {})
  await until(() => events.length >= 4)
  const by = { kind: 'api-key', id: admin.key.id, owner: 'ada' }
  t.match(events, [{ type: 'key.issued', by }, { type: 'key.updated', by, data: { changed: ['name'] } }, { type: 'key.rotated', by }, { type: 'key.revoked', by }])
  t.equal(events.length, 4)
})
