import fc from 'fast-check'
import t from 'tap'
import { collectRounds } from '../helpers/collect.js'
import { keyApi } from '../helpers/key-routes.js'
import { refused } from '../helpers/limits.js'
import '../helpers/seed.js'

const invalid = { status: 400, code: 'KEY_INPUT_INVALID' }

t.test('a field that a body may not have is refused by name, and never used', async (t) => {
  const { send, app, callers: { plain } } = await keyApi(t)
  const count = async () => (await app.latchkey.keys.list('w1')).keys.length
  const before = await count()
  const own = ['workspace', 'owner', 'hash', 'id', 'createdAt', 'tier', 'secrets', 'revokedAt', 'constructor', 'prototype']
  const patterns = collectRounds()
  for (const field of own) {
    for (const [request, body] of [['POST /api-keys', { scopes: [] }], [`PATCH /api-keys/${plain.key.id}`, {}], [`POST /api-keys/${plain.key.id}/rotate`, {}], [`POST /api-keys/${plain.key.id}/revoke`, {}]] as const) {
      const { detail } = refused(t, await send('admin', request, { ...body, [field]: 'x' }), invalid)
      patterns.add(detail, `"${field}" is not a field here; the fields are `)
    }
  }
  t.match(patterns.seen, patterns.expected)
  t.equal((await send('admin', 'POST /api-keys', '{"scopes":[],"__proto__":{"owner":"root"}}')).statusCode, 400)
  t.same([await count(), await app.latchkey.keys.get('w1', plain.key.id)], [before, plain.key])
})

t.test('every wrong value is 400 and says what it must be; nothing becomes another type', async (t) => {
  const { send } = await keyApi(t)
  const rows: Array<[unknown, RegExp]> = [
    [{}, /^scopes (is missing; it )?must be an array of at most 1000 items/],
    [null, /^scopes (is missing; it )?must be an array of at most 1000 items/],
    [[], /^the body must be an object, not an array of 0$/],
    [7, /^the body must be an object, not 7$/],
    [{ scopes: 'devices:read' }, /^scopes (is missing; it )?must be an array of at most 1000 items/],
    [{ scopes: [1] }, /^scopes\.0 must be a string of at most 256 characters, not 1$/],
    [{ scopes: ['devices:reed'] }, /^scopes has "devices:reed", which is not declared/],
    [{ scopes: [], name: 7 }, /^name must be a string of 1 to 256 characters without control characters, not 7$/],
    [{ scopes: [], name: '' }, /^name must be a string of 1 to 256 characters without control characters, not /],
    [{ scopes: [], name: 'a\nb' }, /^name must be a string of 1 to 256 characters without control characters, not /],
    [{ scopes: [], name: null }, /^name must be a string of 1 to 256 characters without control characters, not /],
    [{ scopes: [], environment: 'moon' }, /^environment must be one of /],
    ...[null, 7, NaN, '', 'never', '2030-01-01', '2030-13-01T00:00:00Z', '2030-02-30T00:00:00Z', '2029-02-29T00:00:00Z', '2030-01-31T24:00:00Z', '2030-01-31T12:00:00+24:00', '+275760-09-13T00:00:00Z', '2020-01-01T00:00:00Z', '2026-01-01T00:00:00Z'].map((expiresAt): [unknown, RegExp] => [{ scopes: [], expiresAt }, /^expiresAt must be (an RFC 3339 date-time that exists, such as "2030-01-31T12:00:00Z", not|in the future)/]),
    ...['x', [], { a: {} }, { a: 'x'.repeat(513) }].map((metadata): [unknown, RegExp] => [{ scopes: [], metadata }, /^metadata/])
  ]
  const patterns = collectRounds()
  for (const [body, detail] of rows) {
    patterns.add(refused(t, await send('admin', 'POST /api-keys', JSON.stringify(body)), invalid).detail, detail, JSON.stringify(body))
  }
  t.match(patterns.seen, patterns.expected)
  t.equal((await send('admin', `GET /api-keys/${'x'.repeat(90)}`)).statusCode, 404)
  refused(t, await send('admin', 'GET /api-keys/a%00b'), { status: 404, code: 'KEY_NOT_FOUND' })
})

t.test('a body that can\'t be read is refused in the format of the host, and not cached', async (t) => {
  const problem = await keyApi(t)
  const short = await keyApi(t, { latchkey: { errors: 'error' } })
  const rows = [
    ['{ not json', 'application/json', 400, 'KEY_INPUT_INVALID', 'The body must be JSON.'],
    ['', 'application/json', 400, 'KEY_INPUT_INVALID', 'scopes is missing; it must be an array of at most 1000 items'],
    [undefined, undefined, 400, 'KEY_INPUT_INVALID', 'scopes is missing; it must be an array of at most 1000 items'],
    ['<key/>', 'text/xml', 415, 'UNSUPPORTED_MEDIA_TYPE', 'The body of the request must be application/json.'],
    ['{}', 'text/plain', 415, 'UNSUPPORTED_MEDIA_TYPE', 'The body of the request must be application/json.'],
    ['{"scopes":[]}', 'application/json', 400, 'KEY_INPUT_INVALID', 'The body must be as long as Content-Length says.'],
    [JSON.stringify({ scopes: [], name: 'x'.repeat(1_100_000) }), 'application/json', 413, 'PAYLOAD_TOO_LARGE', 'The body of the request is too large.']
  ] as const
  const rounds = collectRounds()
  for (const [payload, type, status, code, detail] of rows) {
    const request = ({ callers }: typeof problem) => ({ method: 'POST', url: '/api-keys', headers: { authorization: `Bearer ${callers.admin.secret}`, ...type !== undefined && { 'content-type': type }, ...detail.includes('Content-Length') && { 'content-length': '3' } }, ...payload !== undefined && { payload } } as const)
    rounds.add(refused(t, await problem.app.inject(request(problem)), { status, code }).detail, detail)
    const answer = await short.app.inject(request(short))
    rounds.add([answer.statusCode, answer.json(), answer.headers['cache-control']], [status, { error: code }, 'no-store'])
  }
  t.strictSame(rounds.seen, rounds.expected)
})

t.test('a wrong value of a change says what it may be, too', async (t) => {
  const { send, callers: { plain } } = await keyApi(t)
  const rows: Array<[string, object, string]> = [
    ['PATCH', { name: 7 }, 'name must be a string of 1 to 256 characters without control characters or null, not 7'],
    ['PATCH', { version: 0 }, 'version must be a whole number of at least 1, not 0'],
    ['PATCH', { expiresAt: '2030-02-30T00:00:00Z' }, 'expiresAt must be an RFC 3339 date-time that exists, such as "2030-01-31T12:00:00Z", not "2030-02-30T00:00:00Z"'],
    ['POST', { grace: -1 }, 'grace must be a number from 0 to 31536000, not -1'],
    ['POST', { graceFrom: 'soon' }, 'graceFrom must be "now" or "first-use", not "soon"']
  ]
  const rounds = collectRounds()
  for (const [method, body, detail] of rows) {
    const url = `/api-keys/${plain.key.id}${method === 'POST' ? '/rotate' : ''}`
    rounds.add(refused(t, await send('admin', `${method} ${url}`, body), invalid).detail, detail)
  }
  t.strictSame(rounds.seen, rounds.expected)
})

t.test('metadata of any name are metadata and nothing else', async (t) => {
  const { send } = await keyApi(t)
  const created = await send('admin', 'POST /api-keys', '{"scopes":[],"metadata":{"toString":"x","a":null,"b":true}}')
  t.same(created.json().key.metadata, { toString: 'x', a: null, b: true })
})

t.test('only the responses of create and rotate have a secret, and none has a hash', async (t) => {
  const { send, callers } = await keyApi(t)
  const { key, secret } = (await send('admin', 'POST /api-keys', { scopes: [] })).json()
  const rotated = (await send('admin', `POST /api-keys/${key.id}/rotate`, { grace: 60 })).json()
  const answers = [
    await send('admin', 'GET /api-keys'), await send('admin', `GET /api-keys/${key.id}`), await send('admin', `PATCH /api-keys/${key.id}`, { name: 'n' }),
    await send('admin', 'GET /api-keys/workspaces'), await send('admin', `POST /api-keys/${key.id}/rotate`, { version: 1 }), await send('admin', `POST /api-keys/${key.id}/revoke`)
  ]
  const rounds = collectRounds()
  for (const { body } of answers) {
    for (const one of [secret, rotated.secret, ...Object.values(callers).map(({ secret }) => secret)]) rounds.add(String(body).includes(one.slice(-49, -39)), false)
    rounds.add(String(body).includes('hash'), false)
    rounds.add(String(body).includes('"secret"'), false)
  }
  t.strictSame(rounds.seen, rounds.expected)
})

t.test('whatever a body says, the key is of the caller and may do no more than the caller', async (t) => {
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

t.test('an error of the host\'s own hooks is left to the host\'s error handler', async (t) => {
  const { send } = await keyApi(t, {
    async more (app) {
      app.setErrorHandler((error, _request, reply) => reply.code(418).send({ ours: error instanceof Error && error.message }))
      app.addHook('preHandler', async () => { throw new Error('a hook of the host') })
    }
  })
  const answer = await send('admin', 'GET /api-keys')
  t.same([answer.statusCode, answer.json()], [418, { ours: 'a hook of the host' }])
})
