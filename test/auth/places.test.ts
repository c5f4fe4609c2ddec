import Fastify, { type FastifyRequest } from 'fastify'
import { allowPlainHttp, basic, bearer, defineScopes, header, latchkey, type AccessError, type CredentialPlace } from 'fastify-latchkey'
import t from 'tap'
import { contextOf } from '../../lib/core/access-context.js'
import { collectRounds } from '../helpers/collect.js'
import { exchange, listen, request } from '../helpers/doors.js'
import { GOOD, goodResolver, guard, isRefusal, principal, publicRoute, resolverOf } from '../helpers/guard.js'

const get = (...lines: string[]) => request('GET /guarded HTTP/1.1', 'Host: api.example.com', 'Connection: close', ...lines)
const base64 = (text: string | Buffer) => Buffer.from(text).toString('base64')
const all = [bearer(), basic(), header('X-Api-Key')]
const BEARER = `Authorization: Bearer ${GOOD}`
const BASIC = `Authorization: Basic ${base64(`${GOOD}:`)}`
const HEADER = `x-api-key: ${GOOD}`

/** What `all` answers with, the error in the challenge of one of them. */
function challenges (error = '', at: CredentialPlace['type'] | 'none' = 'bearer'): string {
  const fault = (type: string) => at === type && error !== '' ? `, error="${error}"` : ''
  return `Bearer realm="api"${fault('bearer')}, Basic realm="api", charset="UTF-8", ApiKey realm="api", in="header", name="x-api-key"${fault('header')}`
}

t.test('over a socket, a credential is taken from each place, however its field is written', async (t) => {
  const { app } = await guard(t, { auth: { credentials: all } })
  const port = await listen(app)
  const unequal = []
  for (const line of [
    BEARER, BASIC, HEADER, `X-API-KEY:${GOOD}`, `X-Api-Key: \t ${GOOD} \t `, `aUTHORIZATION: bASIC    ${base64(`${GOOD}:`)}`,
    `${HEADER}\r\nAuthorization: Digest username="u"`, `${HEADER}\r\nAuthorization:`, `${HEADER}\r\nProxy-Authorization: Bearer x`, `${HEADER}\r\nX-Api-Key2: x`
  ]) {
    const { status, body } = await exchange(port, get(line))
    if (status !== 200 || body !== '{"id":"key-1"}') unequal.push([line, status, body])
  }
  t.strictSame(unequal, [])
})

t.test('over a socket, two credentials and what is none are malformed, and no resolver is asked', async (t) => {
  const { app, resolver } = await guard(t, { auth: { credentials: all } })
  const port = await listen(app)
  const malformed: Array<readonly [challenge: CredentialPlace['type'], ...lines: string[]]> = [
    ['bearer', BEARER, HEADER], ['bearer', HEADER, BEARER], ['basic', BASIC, HEADER], ['basic', HEADER, BASIC],
    ['bearer', BEARER, BASIC], ['bearer', BASIC, BEARER], ['bearer', BASIC, BASIC], ['bearer', BEARER, BEARER],
    ['header', HEADER, HEADER], ['header', HEADER, 'X-API-KEY:'], ['header', HEADER, 'x-api-key: other'],
    ['bearer', BEARER, 'x-api-key:'], ['bearer', 'x-api-key: ', BEARER], ['bearer', 'Authorization: Bearer', HEADER],
    ['bearer', 'Authorization: Bearer \xe9', HEADER], ['bearer', HEADER, 'Authorization: Digest x', BEARER],
    ...[
      '', ' \t ', `Bearer ${GOOD}`, `${GOOD} ${GOOD}`, `${GOOD},${GOOD}`, `${GOOD}, ${GOOD}`, `${GOOD}\t${GOOD}`, `"${GOOD}"`, `${GOOD};a=b`, `${GOOD}:`,
      `${GOOD}\xe9`, `\xa0${GOOD}`, '\xf0\x9f\x94\x91', '=', 'a=b', `${GOOD}\x80`
    ].map((value) => ['header', `x-api-key: ${value}`] as const),
    ...[
      '', base64(GOOD), base64(''), base64(':'), base64(`:${GOOD}`), base64(`${GOOD}:password`), base64(`${GOOD}::`), base64(`${GOOD}: `), base64(`${GOOD}:\0`), base64(`${GOOD}:\n`),
      base64(` ${GOOD}:`), base64(`${GOOD}\0:`), base64(`${GOOD} :`), base64(`${GOOD},${GOOD}:`), base64('k\xe9y:'), base64(Buffer.from('6bff3a', 'hex')), base64('a=b:'),
      base64('ab:').slice(0, -1) + 'h', base64(`${GOOD}a:`).replace(/=+$/, ''), `${base64(`${GOOD}:`)}=`, `=${base64(`${GOOD}:`)}`, `${base64(`${GOOD}:`)}, x`, `${base64('key')}:`,
      `${base64(`${GOOD}:`)} ${base64('b:')}`, base64('~?>:').replaceAll('/', '_').replaceAll('+', '-'), `\t${base64(`${GOOD}:`)}`, 'realm="a"', '\xe9'
    ].map((value) => [value === '\xe9' ? 'bearer' : 'basic', `Authorization: Basic ${value}`] as const),
    ['basic', `Authorization: Basic${base64(`${GOOD}:`)}`], ['basic', 'Authorization: Basic']
  ]
  const unequal = []
  for (const [at, ...lines] of malformed) {
    const { status, headers, body } = await exchange(port, get(...lines))
    if (status !== 400 || JSON.parse(body).code !== 'CREDENTIAL_MALFORMED' || headers['www-authenticate'] !== challenges('invalid_request', at)) unequal.push([at, lines, status, headers['www-authenticate'], body])
  }
  t.strictSame(unequal, [])
  isRefusal(t, await exchange(port, get(HEADER, HEADER)), 'CREDENTIAL_MALFORMED', { challenge: challenges('invalid_request', 'header'), detail: 'The header field x-api-key came several times; send it once.' })
  isRefusal(t, await exchange(port, get(HEADER, BEARER)), 'CREDENTIAL_MALFORMED', {
    challenge: challenges('invalid_request', 'bearer'), detail: 'Credentials came in the header fields authorization and x-api-key; send one, in one of them.'
  })
  t.strictSame(resolver.asked, [])
})

t.test('no challenge of Basic has an error: RFC 7617 §2 allows it no further parameters', async (t) => {
  const { app } = await guard(t, { auth: { credentials: all } })
  const answers = [
    [{}, 'CREDENTIAL_MISSING', challenges()],
    [{ authorization: 'Bearer wrong' }, 'CREDENTIAL_INVALID', challenges('invalid_token', 'bearer')],
    [{ authorization: `Basic ${base64('wrong:')}` }, 'CREDENTIAL_INVALID', challenges('invalid_token', 'none')],
    [{ 'x-api-key': 'wrong' }, 'CREDENTIAL_INVALID', challenges('invalid_token', 'header')],
    [{ 'x-api-key': 'a'.repeat(257) }, 'CREDENTIAL_INVALID', challenges('invalid_token', 'header')],
    [{ authorization: `Basic ${base64(`${'a'.repeat(257)}:`)}` }, 'CREDENTIAL_INVALID', challenges('invalid_token', 'none')]
  ] as const
  for (const [headers, code, challenge] of answers) isRefusal(t, await app.inject({ url: '/guarded', headers }), code, { challenge })
})

t.test('places that are not configured are not read, and have no challenge', async (t) => {
  const rounds = collectRounds()
  for (const [credentials, challenge, taken, ...others] of [
    [undefined, 'Bearer realm="api"', BEARER, BASIC, HEADER],
    [[basic()], 'Basic realm="api", charset="UTF-8"', BASIC, BEARER, HEADER],
    [[header('x-api-key')], 'ApiKey realm="api", in="header", name="x-api-key"', HEADER, BEARER, BASIC, `api-key: ${GOOD}`],
    [[header('api-key'), header('x-api-key')], 'ApiKey realm="api", in="header", name="api-key", ApiKey realm="api", in="header", name="x-api-key"', HEADER, BEARER]
  ] as const) {
    const { app, resolver } = await guard(t, { auth: { credentials } })
    const port = await listen(app)
    rounds.add((await exchange(port, get(taken))).status, 200)
    for (const line of others) isRefusal(t, await exchange(port, get(line)), 'CREDENTIAL_MISSING', { challenge })
    rounds.add(resolver.asked.length, 1)
  }
  t.strictSame(rounds.seen, rounds.expected)
})

t.test('access_token in the query is a second credential, whatever the place of the first', async (t) => {
  const { app, resolver } = await guard(t, { auth: { credentials: all } })
  for (const [headers, at] of [[{ 'x-api-key': GOOD }, 'header'], [{ authorization: `Basic ${base64(`${GOOD}:`)}` }, 'basic']] as const) {
    isRefusal(t, await app.inject({ url: '/guarded?access_token=x', headers }), 'CREDENTIAL_MALFORMED', {
      challenge: challenges('invalid_request', at),
      detail: `Credentials came in the header field ${at === 'basic' ? 'authorization' : 'x-api-key'} and in access_token of the query; send one, in the header field.`
    })
  }
  t.strictSame(resolver.asked, [])
})

t.test('a field after the body, and fields that a server joins, are no way round', async (t) => {
  const { app } = await guard(t, { fastify: { http: { joinDuplicateHeaders: true } }, auth: { credentials: all } })
  const port = await listen(app)
  const chunked = request('GET /guarded HTTP/1.1', 'Host: a', 'Connection: close', 'Trailer: x-api-key', 'Transfer-Encoding: chunked') + request('0', HEADER)
  isRefusal(t, await exchange(port, chunked), 'CREDENTIAL_MISSING', { challenge: challenges() })
  isRefusal(t, await exchange(port, get(HEADER, 'X-Api-Key: other')), 'CREDENTIAL_MALFORMED', {
    challenge: challenges('invalid_request', 'header'), detail: 'The header field x-api-key came several times; send it once.'
  })
})

t.test('access tokens are taken from bearer() alone, and each resolver may say otherwise', async (t) => {
  const token = { ...resolverOf(() => principal({ kind: 'access-token' })), scheme: 'oauth', kind: 'access-token' as const, maxLength: 8192, anyForm: true }
  const inHeader = { ...token, scheme: 'partner', places: [header('X-Partner')] }
  const keys = goodResolver()
  const { app } = await guard(t, { auth: { resolvers: [keys, token, inHeader], credentials: [...all, header('x-partner')] } })
  const statuses = []
  for (const headers of [{ authorization: 'Bearer any' }, { authorization: `Basic ${base64('any:')}` }, { 'x-api-key': 'any' }, { 'x-partner': 'any' }, { 'x-partner': GOOD }, { 'x-api-key': 'a'.repeat(300) }]) {
    statuses.push((await app.inject({ url: '/guarded', headers })).statusCode)
  }
  t.strictSame(statuses, [200, 401, 401, 200, 200, 401])
  t.strictSame([keys.asked.length, token.asked.length], [5, 2], 'nothing was sent to a resolver that does not take it')
})

t.test('authenticate and re-authentication read the same places', async (t) => {
  const { app } = await guard(t, {
    auth: { credentials: [header('x-api-key')] },
    after (app) {
      app.get('/either', { ...publicRoute, preHandler: app.latchkey.authenticate }, async ({ principal }) => ({ id: principal?.id }))
      app.get('/again', publicRoute, async (request: FastifyRequest) => ({ id: (await contextOf(app).reauthenticate(request)).id }))
    }
  })
  const rounds = collectRounds()
  for (const url of ['/either', '/again']) {
    rounds.add((await app.inject({ url, headers: { 'x-api-key': GOOD } })).json(), { id: 'key-1' })
    const bearer = await app.inject({ url, headers: { authorization: `Bearer ${GOOD}` } })
    rounds.add([bearer.statusCode, bearer.headers['www-authenticate']], [401, 'ApiKey realm="api", in="header", name="x-api-key"'])
  }
  t.strictSame(rounds.seen, rounds.expected)
})

t.test('failed attempts are counted whatever their place, and what is known to be good in its place goes on', async (t) => {
  const keys = { ...goodResolver(), isCached: (token: string) => token === GOOD }
  const oauth = { ...resolverOf(() => undefined), scheme: 'oauth', kind: 'access-token' as const, isCached: () => true }
  const { app } = await guard(t, { auth: { resolvers: [keys, oauth], credentials: all, failures: { quota: 3, window: 60 } } })
  const get = async (headers: Record<string, string>) => (await app.inject({ url: '/guarded', headers })).statusCode
  t.strictSame([await get({ 'x-api-key': 'a' }), await get({ authorization: `Basic ${base64('a:')}` }), await get({ 'x-api-key': 'a b' })], [401, 401, 400])
  t.strictSame([await get({ 'x-api-key': 'a' }), await get({ 'x-api-key': GOOD }), await get({ 'x-api-key': 'x.y.z' })], [429, 200, 429])
})

t.test('what a handler throws without knowing the request, such as keys.issue, has its error in the challenge of the place that was used', async (t) => {
  const app = Fastify()
  t.teardown(() => app.close())
  await app.register(latchkey, {
    scopes: defineScopes({ resources: { devices: ['read', 'write'] } }),
    environment: 'production',
    keys: { prefix: 'acme' },
    limits: false,
    credentials: all,
    realm: 'acme',
    transport: allowPlainHttp
  })
  const errors: unknown[] = []
  app.register(async (inner) => {
    inner.setErrorHandler<AccessError>((error) => {
      errors.push(error.headers['www-authenticate'])
      throw error
    })
    inner.post('/keys', { schema: { security: [{ apiKey: ['devices:read'] }] } }, ({ principal: by }) =>
      app.latchkey.keys.issue({ workspace: 'w1', scopes: ['devices:write'] }, by === null ? {} : { by }))
  })
  app.get('/broken', { schema: { security: [] } }, async () => { throw new TypeError('not ours') })
  const { secret } = await app.latchkey.keys.issue({ workspace: 'w1', scopes: ['devices:read'] })
  const rounds = collectRounds()
  for (const [place, headers] of [
    ['bearer', { authorization: `Bearer ${secret}` }], ['header', { 'x-api-key': secret }], ['basic', { authorization: `Basic ${base64(`${secret}:`)}` }]
  ] as const) {
    const answer = await app.inject({ method: 'POST', url: '/keys', headers })
    const expected = challenges('insufficient_scope", scope="devices:write', place).replaceAll('"api"', '"acme"')
    rounds.add([answer.statusCode, answer.json().code, answer.headers['www-authenticate'], errors.pop()], [403, 'INSUFFICIENT_SCOPE', expected, expected], place)
  }
  t.strictSame(rounds.seen, rounds.expected)
  t.equal((await app.inject('/broken')).headers['www-authenticate'], undefined)
})
