import { createHash } from 'node:crypto'
import t from 'tap'
import { collectRounds } from './helpers/collect.js'
import { exchange, listen, openConnection, readAnswer, request } from './helpers/doors.js'
import { thirtyRoutes } from './helpers/thirty-routes.js'

const origin = 'https://app.example.com'
const { app, uploads } = await thirtyRoutes(origin)
t.teardown(() => app.close())
const url = `http://127.0.0.1:${await listen(app)}`
const port = Number(new URL(url).port)

/** The old table: hex SHA-256 of secrets, rights as text. */
const table = [
  { secret: 'flt_reader_of_devices', rights: 'devices:read' },
  { secret: 'flt_uploads_of_the_ci', rights: 'files:write' },
  { secret: 'flt_of_all_devices', rights: 'devices:read devices:write' }
]
const imported = await app.latchkey.keys.import(table.map(({ secret, rights }, i) => ({
  hash: createHash('sha256').update(secret).digest('hex'), workspace: `company_${i}`, scopes: rights.split(' '), name: `old ${i}`, hint: secret.slice(0, 8)
})), { format: 'old' })
const [reader = '', uploader = '', writer = ''] = table.map(({ secret }) => secret)

const get = (path: string, headers: Record<string, string> = {}, method = 'GET') => fetch(url + path, { method, headers: { origin, ...headers } })
const bearer = (secret: string) => ({ authorization: `Bearer ${secret}` })

/** What CORS and helmet set on every answer. */
const SET = { acao: origin, csp: true, hsts: true, sniff: 'nosniff' }
const setOn = ({ headers }: Response) => ({
  acao: headers.get('access-control-allow-origin'), csp: headers.has('content-security-policy'), hsts: headers.has('strict-transport-security'), sniff: headers.get('x-content-type-options')
})

t.test('keys of the old table go on, in each place that the server reads', async (t) => {
  t.same(imported.map(({ status }) => status), ['imported', 'imported', 'imported'])
  const answers = [await get('/devices', bearer(reader)), await get('/devices/1', { 'x-api-key': writer }, 'DELETE'), await get('/me', bearer(uploader))]
  t.same(answers.map(({ status }) => status), [200, 204, 200])
  t.same(await answers[0]?.json(), { workspace: 'company_0' })
})

t.test('refusals have the headers of CORS and helmet, and fields of the limit where a key was counted', async (t) => {
  const rounds = collectRounds()
  for (const [answer, status, code, counted] of [
    [await get('/devices'), 401, 'CREDENTIAL_MISSING', false],
    [await get('/devices', bearer('flt_nobody')), 401, 'CREDENTIAL_INVALID', false],
    [await get('/devices', bearer(reader), 'POST'), 403, 'INSUFFICIENT_SCOPE', true],
    [await get('/nowhere', bearer(reader)), 404, 'NOT_FOUND', true]
  ] as const) {
    const body: { code?: unknown } = JSON.parse(await answer.text())
    rounds.add([answer.status, body.code, setOn(answer), answer.headers.has('ratelimit')], [status, code, SET, counted])
  }
  t.strictSame(rounds.seen, rounds.expected)
})

t.test('a preflight passes on each kind of route, and counts nothing', async (t) => {
  const rounds = collectRounds()
  for (const [path, method] of [['/devices', 'GET'], ['/devices/1', 'PATCH'], ['/uploads', 'POST'], ['/stream', 'GET'], ['/status', 'GET']] as const) {
    const answer = await get(path, { 'access-control-request-method': method, 'access-control-request-headers': 'x-api-key, content-type' }, 'OPTIONS')
    rounds.add([answer.status, answer.headers.get('access-control-allow-origin'), answer.headers.get('access-control-allow-headers'), answer.headers.has('ratelimit')], [204, origin, 'x-api-key, content-type', false], path)
  }
  t.strictSame(rounds.seen, rounds.expected)
})

t.test('anonymous callers of a public route are counted by @fastify/rate-limit alone, and callers with a key by Latchkey alone', async (t) => {
  const answers = []
  for (let i = 0; i < 3; i++) answers.push(await get('/status'))
  t.same(answers.map(({ status, headers }) => [status, headers.get('x-ratelimit-remaining'), headers.has('ratelimit')]), [[200, '1', false], [200, '0', false], [429, '0', false]])
  const counted = await get('/devices', bearer(writer))
  t.same([counted.status, counted.headers.has('x-ratelimit-remaining')], [200, false])
  t.match(counted.headers.get('ratelimit'), /^"minute";r=18;t=\d+$/, 'two of twenty: a DELETE and this')
})

t.test('a websocket opens with a key, and is refused before the handshake without one', async (t) => {
  const handshake = (...lines: string[]) => request(
    'GET /stream HTTP/1.1', 'Host: api.example.com', 'Connection: Upgrade', 'Upgrade: websocket', 'Sec-WebSocket-Version: 13', 'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==', ...lines
  )
  const refused = []
  for (const lines of [[], [`Authorization: Bearer ${uploader}`]]) {
    const { socket, until } = openConnection(port, handshake(...lines))
    refused.push(readAnswer(await until((text) => text.endsWith('}'))))
    socket.destroy() // @fastify/websocket leaves it open
  }
  t.match(refused, [{ status: 401, body: /CREDENTIAL_MISSING/ }, { status: 403, body: /INSUFFICIENT_SCOPE/ }])

  const { socket, until, closed } = openConnection(port, handshake(`X-Api-Key: ${reader}`))
  t.match(await until((text) => text.includes('\r\n\r\n')), /^HTTP\/1\.1 101 /)
  socket.write(Buffer.from('8182000000006869', 'hex')) // "hi", masked by zeros
  t.ok(await until((text) => text.endsWith('\x81\x02hi')), 'and answers what it gets')
  socket.destroy()
  await closed
})

t.test('a multipart upload is refused before its body is read, and read with a key', async (t) => {
  const head = (...lines: string[]) => request('POST /uploads HTTP/1.1', 'Host: api.example.com', 'Content-Type: multipart/form-data; boundary=b', 'Content-Length: 100000000', ...lines)
  const begun = '--b\r\ncontent-disposition: form-data; name="f"; filename="f"\r\n\r\n'
  const refused = [await exchange(port, head() + begun), await exchange(port, head(`Authorization: Bearer ${reader}`) + begun)]
  t.match(refused, [{ status: 401, headers: { connection: 'close' } }, { status: 403, headers: { connection: 'close' } }])
  t.same(uploads, [])

  const form = new FormData()
  form.set('f', new Blob(['x'.repeat(70_000)]), 'f.bin')
  t.equal((await fetch(`${url}/uploads`, { method: 'POST', headers: bearer(uploader), body: form })).status, 201)
  t.same(uploads, [70_000])
})

t.test('the document has all routes with what they require, by either place', async (t) => {
  const document: { paths: Record<string, Record<string, { security?: unknown }>> } = JSON.parse(await (await get('/openapi.json')).text())
  const operations = Object.values(document.paths).flatMap((methods) => Object.values(methods))
  t.equal(operations.length, 28, 'thirty, without that of the document itself, and the websocket')
  t.same(document.paths['/uploads']?.post?.security, [{ apiKey: ['files:write'] }, { 'apiKey-x-api-key': ['files:write'] }])
  t.same(document.paths['/status']?.get?.security, [])
})
