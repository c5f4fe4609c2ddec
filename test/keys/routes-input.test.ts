import fc from 'fast-check'
import t from 'tap'
import { keyApi } from '../helpers/key-routes.js'
import { refused } from '../helpers/limits.js'
import '../helpers/seed.js'

const invalid = { status: 400, code: 'KEY_INPUT_INVALID' }

t.test('what a body may not say is refused by name, and never used', async (t) => {
  const { send, app, callers: { plain } } = await keyApi(t)
  const count = async () => (await app.latchkey.keys.list('w1')).keys.length
  const before = await count()
  const own = ['workspace', 'owner', 'hash', 'id', 'createdAt', 'tier', 'secrets', 'revokedAt', 'constructor', 'prototype']
  for (const field of own) {
    for (const [request, body] of [['POST /api-keys', { scopes: [] }], [`PATCH /api-keys/${plain.key.id}`, {}], [`POST /api-keys/${plain.key.id}/rotate`, {}], [`POST /api-keys/${plain.key.id}/revoke`, {}]] as const) {
      const { detail } = refused(t, await send('admin', request, { ...body, [field]: 'x' }), invalid)
      t.equal(detail, `"${field}" is not a field of a key`)
    }
  }
  t.equal((await send('admin', 'POST /api-keys', '{"scopes":[],"__proto__":{"owner":"root"}}')).statusCode, 400)
  t.same([await count(), await app.latchkey.keys.get('w1', plain.key.id)], [before, plain.key])
})

t.test('every wrong value is 400 and says what it must be; nothing is turned into another type', async (t) => {
  const { send } = await keyApi(t)
  const rows: Array<[unknown, RegExp]> = [
    [{}, /^scopes(: Expected| must be) /],
    [null, /^scopes(: Expected| must be) /],
    [[], /^body: Expected object/],
    [7, /^body: Expected object/],
    [{ scopes: 'devices:read' }, /^scopes(: Expected| must be) /],
    [{ scopes: [1] }, /^scopes\.0(: Expected| must be) /],
    [{ scopes: ['devices:reed'] }, /^scopes has "devices:reed", which is not declared/],
    [{ scopes: [], name: 7 }, /^name(: Expected| must be) /],
    [{ scopes: [], name: '' }, /^name(: Expected| must be) /],
    [{ scopes: [], name: 'a\nb' }, /^name(: Expected| must be) /],
    [{ scopes: [], name: null }, /^name(: Expected| must be) /],
    [{ scopes: [], environment: 'moon' }, /^environment must be one of /],
    ...[null, 7, NaN, '', 'never', '2030-01-01', '2030-13-01T00:00:00Z', '+275760-09-13T00:00:00Z', '2020-01-01T00:00:00Z', '2026-01-01T00:00:00Z'].map((expiresAt): [unknown, RegExp] => [{ scopes: [], expiresAt }, /^expiresAt(: Expected| must be) /]),
    ...['x', [], { a: {} }, { a: 'x'.repeat(513) }].map((metadata): [unknown, RegExp] => [{ scopes: [], metadata }, /^metadata/])
  ]
  for (const [body, detail] of rows) {
    t.match(refused(t, await send('admin', 'POST /api-keys', JSON.stringify(body)), invalid).detail, detail, JSON.stringify(body))
  }
  t.equal((await send('admin', `GET /api-keys/${'x'.repeat(90)}`)).statusCode, 404)
  refused(t, await send('admin', 'GET /api-keys/a%00b'), { status: 404, code: 'KEY_NOT_FOUND' })
})

t.test('what Fastify refuses by itself is left to the host, and kept from caches', async (t) => {
  const { send, app } = await keyApi(t)
  for (const [payload, type, status] of [['{ not json', 'application/json', 400], ['x', 'text/html', 415], ['x', 'text/plain', 400]] as const) {
    const answer = await app.inject({ method: 'POST', url: '/api-keys', payload, headers: { 'content-type': type, authorization: `Bearer ${(await send('admin', 'POST /api-keys', { scopes: ['api_keys:write'] })).json().text}` } })
    t.equal(answer.statusCode, status)
    t.equal(answer.headers['cache-control'], 'no-store')
  }
})

t.test('metadata by any name are notes and nothing else', async (t) => {
  const { send } = await keyApi(t)
  const created = await send('admin', 'POST /api-keys', '{"scopes":[],"metadata":{"toString":"x","a":null,"b":true}}')
  t.same(created.json().key.metadata, { toString: 'x', a: null, b: true })
})

t.test('no answer but that of create and rotate holds a text, and none a hash', async (t) => {
  const { send, callers } = await keyApi(t)
  const { key, text } = (await send('admin', 'POST /api-keys', { scopes: [] })).json()
  const rotated = (await send('admin', `POST /api-keys/${key.id}/rotate`, { grace: 60 })).json()
  const answers = [
    await send('admin', 'GET /api-keys'), await send('admin', `GET /api-keys/${key.id}`), await send('admin', `PATCH /api-keys/${key.id}`, { name: 'n' }),
    await send('admin', 'GET /api-keys/workspaces'), await send('admin', `POST /api-keys/${key.id}/rotate`, { version: 1 }), await send('admin', `POST /api-keys/${key.id}/revoke`)
  ]
  for (const { body } of answers) {
    for (const secret of [text, rotated.text, ...Object.values(callers).map(({ secret: text }) => text)]) t.notMatch(body, secret.slice(-49, -39))
    t.notMatch(body, 'hash')
    t.notMatch(body, '"text"')
  }
})

t.test('whatever a body holds, what comes of it is the caller\'s and no more than it may', async (t) => {
  const { send, app, callers: { writer } } = await keyApi(t)
  const field = fc.oneof(
    fc.tuple(fc.constantFrom('workspace', 'owner', 'tier', 'id', 'hash', 'createdAt', 'secrets', 'version', '__proto__', 'constructor', 'environment', 'name', 'metadata', 'expiresAt', 'scopes'), fc.jsonValue({ maxDepth: 2 })),
    fc.tuple(fc.constant('scopes'), fc.subarray(['devices:read', 'devices:write', 'devices:manage', 'api_keys:manage', 'api_keys:read'])),
    fc.tuple(fc.constant('expiresAt'), fc.date({ noInvalidDate: true }).map((date) => date.toISOString())),
    fc.tuple(fc.constant('metadata'), fc.dictionary(fc.string(), fc.oneof(fc.string(), fc.double(), fc.constant(null)))),
    fc.tuple(fc.constant('name'), fc.string())
  )
  const statuses = new Set<number>()
  await fc.assert(fc.asyncProperty(fc.array(field, { maxLength: 5 }), async (fields) => {
    const body = `{${fields.map(([name, value]) => `${JSON.stringify(name)}:${JSON.stringify(value)}`).join(',')}}`
    const { statusCode, payload } = await send('writer', 'POST /api-keys', body)
    statuses.add(statusCode)
    if (statusCode !== 201) return [400, 403].includes(statusCode)
    const { key } = JSON.parse(payload)
    return key.workspace === 'w1' && key.environment === 'production' && key.owner === 'ada' && key.tier === 'pro' && key.version === 1 && app.latchkey.keys.grants(writer.key, key.scopes)
  }), { numRuns: 1000 })
  t.same([...statuses].sort(), [201, 400, 403])
})
