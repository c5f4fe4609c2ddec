import t from 'tap'
import { MAX_TOKEN_LENGTH } from '../../lib/auth/header.js'
import { collectRounds } from '../helpers/collect.js'
import { exchange, listen, request } from '../helpers/doors.js'
import { BEARER, GOOD, guard, isRefusal } from '../helpers/guard.js'

const get = (...lines: string[]) => request('GET /guarded HTTP/1.1', 'Host: api.example.com', 'Connection: close', ...lines)

const TWO_LINES = 'The header field authorization came several times; send it once.'
const IN_QUERY = 'Credentials came in the header field authorization and in access_token of the query; send one, in the header field.'

t.test('over a socket, these headers present a valid credential', async (t) => {
  const { app } = await guard(t)
  const port = await listen(app)
  const rounds = collectRounds()
  for (const line of [
    `Authorization: Bearer ${GOOD}`,
    `authorization: bearer ${GOOD}`,
    `AUTHORIZATION: BEARER ${GOOD}`,
    `Authorization: bEaReR     ${GOOD}`,
    `Authorization: \t Bearer ${GOOD} \t `,
    `aUtHoRiZaTiOn:Bearer ${GOOD}`
  ]) {
    const answer = await exchange(port, get(line))
    rounds.add([answer.status, answer.body], [200, '{"id":"key-1"}'], line)
  }
  t.strictSame(rounds.seen, rounds.expected)
})

t.test('over a socket, these headers are malformed and no resolver is asked; the log says why', async (t) => {
  const { app, resolver, log } = await guard(t)
  const port = await listen(app)
  for (const lines of [
    [`Authorization: Bearer\t${GOOD}`],
    [`Authorization: Bearer \t${GOOD}`],
    [`Authorization: Bearer${GOOD}`],
    ['Authorization: Bearer'],
    ['Authorization: Bearer '],
    ['Authorization: bearer:x'],
    [`Authorization: Bearer "${GOOD}"`],
    [`Authorization: Bearer ${GOOD},${GOOD}`],
    [`Authorization: Bearer ${GOOD}, Bearer ${GOOD}`],
    [`Authorization: Bearer ${GOOD} ${GOOD}`],
    [`Authorization: Bearer token="${GOOD}"`],
    ['Authorization: Bearer ='],
    ['Authorization: Bearer a=b'],
    [`Authorization: Bearer ${GOOD}\xe9`],
    [`Authorization: Bearer \xf0\x9f\x94\x91${GOOD}`],
    [`Authorization: \xd0\x92earer ${GOOD}`],
    [`Authorization: Bearer\xa0${GOOD}`],
    [`Authorization: Bearer ${GOOD}`, 'Authorization: Bearer other'],
    [`Authorization: Bearer ${GOOD}`, `authorization: Bearer ${GOOD}`],
    ['Authorization: Basic dTpw', `Authorization: Bearer ${GOOD}`],
    [`Authorization: Bearer ${GOOD}`, 'Authorization:'],
    ['Authorization:', `AUTHORIZATION: Bearer ${GOOD}`]
  ]) {
    const answer = await exchange(port, get(...lines))
    t.comment(JSON.stringify(lines))
    isRefusal(t, answer, 'CREDENTIAL_MALFORMED', lines.length > 1 ? { detail: TWO_LINES } : {})
  }
  t.strictSame(resolver.asked, [])
  const reasons = [...log.text.matchAll(/"reason":"([^"]+)"/g)].map(([, reason]) => reason)
  t.strictSame([...new Set(reasons)].sort(), ['an octet outside token68', 'an octet outside visible ASCII', 'no space after the scheme', 'several authorization header lines'])
})

t.test('over a socket, these headers present no credential', async (t) => {
  const { app, resolver } = await guard(t)
  const port = await listen(app)
  for (const lines of [
    [],
    ['Authorization:'],
    ['Authorization:  \t '],
    ['Authorization: Basic dTpw'],
    ['Authorization: Digest username="u", nonce="n"'],
    [`Authorization: Token ${GOOD}`],
    [`Authorization: ${GOOD}`],
    [`Proxy-Authorization: Bearer ${GOOD}`],
    [`X-Api-Key: ${GOOD}`],
    [`Cookie: access_token=${GOOD}`],
    [`X-Authorization: Bearer ${GOOD}`]
  ]) {
    const answer = await exchange(port, get(...lines))
    t.comment(JSON.stringify(lines))
    isRefusal(t, answer, 'CREDENTIAL_MISSING')
  }
  t.strictSame(resolver.asked, [])
})

t.test('an HTTP/1.0 request without a Host is guarded like any other', async (t) => {
  const { app } = await guard(t)
  const port = await listen(app)
  isRefusal(t, await exchange(port, request('GET /guarded HTTP/1.0')), 'CREDENTIAL_MISSING')
  isRefusal(t, await exchange(port, request('GET /nowhere HTTP/1.0')), 'CREDENTIAL_MISSING')
  t.equal((await exchange(port, request('GET /guarded HTTP/1.0', `Authorization: Bearer ${GOOD}`))).status, 200)
})

t.test('a NUL or a folded line in a credential does not reach the guard as a credential', async (t) => {
  const { app, resolver } = await guard(t)
  const port = await listen(app)
  const rounds = collectRounds()
  for (const line of [`Authorization: Bearer ${GOOD}\0`, `Authorization: Bearer\r\n ${GOOD}`, `Authorization : Bearer ${GOOD}`, `Author\0ization: Bearer ${GOOD}`]) {
    rounds.add((await exchange(port, get(line))).status, 400, JSON.stringify(line))
  }
  t.strictSame(rounds.seen, rounds.expected)
  t.strictSame(resolver.asked, [])
})

t.test('a credential of 256 characters is looked up, a longer one is neither hashed nor looked up', async (t) => {
  const { app, resolver } = await guard(t)
  const port = await listen(app)
  const longest = 'a'.repeat(MAX_TOKEN_LENGTH)
  isRefusal(t, await exchange(port, get(`Authorization: Bearer ${longest}`)), 'CREDENTIAL_INVALID')
  t.strictSame(resolver.asked, [longest])
  isRefusal(t, await exchange(port, get(`Authorization: Bearer ${longest}a`)), 'CREDENTIAL_INVALID')
  isRefusal(t, await exchange(port, get(`Authorization: Bearer ${'a'.repeat(12_000)}`)), 'CREDENTIAL_INVALID')
  t.equal(resolver.asked.length, 1)
})

t.test('two header lines that a server joins are still two lines', async (t) => {
  const { app } = await guard(t, { fastify: { http: { joinDuplicateHeaders: true } } })
  const port = await listen(app)
  isRefusal(t, await exchange(port, get(`Authorization: Bearer ${GOOD}`, `Authorization: Bearer ${GOOD}`)), 'CREDENTIAL_MALFORMED', { detail: TWO_LINES })
})

t.test('a credential in the query is not read', async (t) => {
  const { app, resolver } = await guard(t)
  for (const url of [`/guarded?access_token=${GOOD}`, `/guarded?api_key=${GOOD}`, `/guarded?authorization=Bearer%20${GOOD}`, `/guarded?Authorization=${GOOD}`]) {
    isRefusal(t, await app.inject({ url }), 'CREDENTIAL_MISSING')
  }
  t.strictSame(resolver.asked, [])
})

t.test('a credential in the header and access_token in the query is malformed, wherever the query begins', async (t) => {
  const { app, resolver, log } = await guard(t, { fastify: { useSemicolonDelimiter: true } })
  for (const url of ['/guarded?access_token=x', '/guarded?access_token', '/guarded?a=1&access_token=', '/guarded?access%5Ftoken=x', '/guarded;access_token=x', `/guarded?access_token=${GOOD}`, '/guarded?access_token=a&access_token=b', `/guarded?access_token=${GOOD}&a=1&access_token=${GOOD}`]) {
    isRefusal(t, await app.inject({ url, headers: BEARER }), 'CREDENTIAL_MALFORMED', { detail: IN_QUERY })
  }
  t.match(log.text, '"reason":"a credential in the header and access_token in the query"')
  t.strictSame(resolver.asked, [])
  t.equal((await app.inject({ url: '/guarded?a=1', headers: BEARER })).statusCode, 200)
})

t.test('a query parser that returns nonsense changes nothing', async (t) => {
  const rounds = collectRounds()
  for (const answer of ['null', '"access_token"', '5', '[]']) {
    const { app } = await guard(t, { fastify: { routerOptions: { querystringParser: () => JSON.parse(answer) } } })
    rounds.add((await app.inject({ url: '/guarded?access_token=x', headers: BEARER })).statusCode, 200)
    isRefusal(t, await app.inject({ url: '/guarded?access_token=x' }), 'CREDENTIAL_MISSING')
  }
  t.strictSame(rounds.seen, rounds.expected)
})

t.test('names of Object.prototype in header and query mean nothing', async (t) => {
  const { app } = await guard(t)
  const port = await listen(app)
  const rounds = collectRounds()
  for (const lines of [['__proto__: x'], ['constructor: Bearer x'], ['__proto__: Authorization'], ['authorizatio\u006e2: Bearer x']]) {
    isRefusal(t, await exchange(port, get(...lines)), 'CREDENTIAL_MISSING')
    rounds.add((await exchange(port, get(...lines, `Authorization: Bearer ${GOOD}`))).status, 200)
  }
  for (const url of ['/guarded?__proto__=x', '/guarded?__proto__[access_token]=x', '/guarded?constructor=x&hasOwnProperty=x']) {
    isRefusal(t, await app.inject({ url }), 'CREDENTIAL_MISSING')
    rounds.add((await app.inject({ url, headers: BEARER })).statusCode, 200, url)
  }
  t.strictSame(rounds.seen, rounds.expected)
})
