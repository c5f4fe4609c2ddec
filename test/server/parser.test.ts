import { once } from 'node:events'
import { connect } from 'node:net'
import Fastify from 'fastify'
import t, { type Test } from 'tap'
import { serverOptions } from 'fastify-latchkey/server'
import { collectRounds } from '../helpers/collect.js'
import { abandon, exchange, keepLines, listen, request, openConnection } from '../helpers/doors.js'

async function start (t: Test, handler: () => Promise<unknown> = async () => ({}), requestTimeout = 30_000) {
  const log = keepLines()
  const app = Fastify(serverOptions({ logger: { level: 'trace', stream: log.stream }, requestTimeout, http: { connectionsCheckingInterval: 20 } }))
  app.get('/', handler)
  app.post('/', handler)
  const port = await listen(app)
  t.teardown(() => app.close())
  const codes = () => log.entries.filter(({ msg }) => msg === 'client error').map(({ code }) => code)
  return { app, port, log, codes }
}

const refused = [
  ['a line that is no request', 'secret\r\n\r\n', 400, 'HPE_INVALID_METHOD'],
  ['a header line without a colon', request('GET /?k=secret HTTP/1.1', 'Host: a', 'secret'), 400, 'HPE_INVALID_HEADER_TOKEN'],
  ['an octet that no field value has', request('GET / HTTP/1.1', 'Host: a', 'Authorization: Bearer secret\x00'), 400, 'HPE_INVALID_HEADER_TOKEN'],
  ['two lengths', request('POST / HTTP/1.1', 'Host: a', 'Content-Length: 1', 'Content-Length: 2', 'X: secret'), 400, 'HPE_UNEXPECTED_CONTENT_LENGTH'],
  ['a version that is none', request('GET /?k=secret HTTP/9.9', 'Host: a'), 400, 'HPE_INVALID_VERSION'],
  ['a header that is too large', request('GET / HTTP/1.1', 'Host: a', `X: ${'secret'.repeat(3000)}`), 431, 'HPE_HEADER_OVERFLOW'],
  ['a request that does not end', 'GET /?k=secret HTTP/1.1\r\nHost: a\r\nAuthorization: secret', 408, 'ERR_HTTP_REQUEST_TIMEOUT']
] as const

const members = {
  400: { title: 'Bad Request', detail: 'The request could not be read.', code: 'BAD_REQUEST' },
  408: { title: 'Request Timeout', detail: 'The request did not arrive in time.', code: 'REQUEST_TIMEOUT' },
  431: { title: 'Request Header Fields Too Large', detail: 'The header of the request is too large.', code: 'HEADERS_TOO_LARGE' }
}

for (const [what, bytes, status, code] of refused) {
  t.test(`${what} is answered with ${status}, and only its code is logged`, async (t) => {
    const { port, log, codes } = await start(t, undefined, status === 408 ? 50 : undefined)
    const answer = await exchange(port, bytes)
    t.ok(answer.text.startsWith(`HTTP/1.1 ${status} ${members[status].title}\r\n`))
    t.match(answer.headers, { connection: 'close', 'cache-control': 'no-store', 'content-type': 'application/problem+json; charset=utf-8' })
    t.equal(answer.headers['content-length'], String(Buffer.byteLength(answer.body)))
    t.ok(Math.abs(Date.parse(answer.headers.date ?? '') - Date.now()) < 60_000)
    t.strictSame(JSON.parse(answer.body), { type: 'about:blank', status, ...members[status] })
    t.strictSame(codes(), [code])
    t.notMatch(log.text, 'secret')
    t.notMatch(log.text, Buffer.from('secret').join(','))
  })
}

t.test('a broken body is answered with 400 where its request was not answered yet', async (t) => {
  const { port, codes } = await start(t)
  const answer = await exchange(port, request('POST / HTTP/1.1', 'Host: a', 'Content-Type: application/json', 'Transfer-Encoding: chunked') + 'secret\r\n')
  t.equal(answer.status, 400)
  t.equal(codes()[0], 'HPE_INVALID_CHUNK_SIZE')
})

t.test('no second answer is written into an answer that has begun: the connection is closed', async (t) => {
  const { app, port, codes } = await start(t)
  app.server.prependListener('request', (_request, response) => { response.flushHeaders() })
  const { text } = await exchange(port, request('POST / HTTP/1.1', 'Host: a', 'Transfer-Encoding: chunked') + 'secret\r\n')
  t.equal(text.match(/HTTP\/1\.1/g)?.length, 1)
  t.notMatch(text, 'BAD_REQUEST')
  t.equal(codes()[0], 'HPE_INVALID_CHUNK_SIZE')
})

t.test('after an answer, what the parser refuses closes the connection without another one', async (t) => {
  const { port, codes } = await start(t)
  const socket = connect(port, '127.0.0.1')
  let text = ''
  socket.on('data', (chunk) => {
    if (text === '') socket.write('secret\r\n\r\n')
    text += String(chunk)
  })
  socket.write(request('GET / HTTP/1.1', 'Host: a'))
  await once(socket, 'close')
  t.match(text, /^HTTP\/1\.1 200 OK\r\n/)
  t.notMatch(text, 'BAD_REQUEST')
  t.equal(codes()[0], 'HPE_INVALID_METHOD')
})

t.test('a connection that the peer resets gets no answer, and nothing is thrown', async (t) => {
  const { app, port, codes } = await start(t)
  await abandon(port, 'GET / HTTP/1.1\r\nAuthorization: secret', once(app.server, 'connection'))
  const { status } = await exchange(port, request('GET / HTTP/1.1', 'Host: a', 'Connection: close'))
  t.equal(status, 200)
  t.strictSame(codes().filter((code) => code !== 'ECONNRESET' && code !== 'HPE_INVALID_EOF_STATE'), [])
})

t.test('a peer that has closed its half is answered', async (t) => {
  const { port, codes } = await start(t)
  const { socket, until, closed } = openConnection(port, 'GET /?k=secret HTTP/1.1\r\n')
  socket.end()
  t.match(await until((text) => text.endsWith('}')), 'BAD_REQUEST')
  await closed
  t.strictSame(codes(), ['HPE_INVALID_EOF_STATE'])
})

t.test('a fault of no parser, one without a code, and a socket that can\'t be written to are closed without an answer', async (t) => {
  const { app, port, codes } = await start(t)
  const rounds = collectRounds()
  for (const [fault, ended] of [[{ code: 'ERR_SSL_HTTP_REQUEST' }, false], [{}, false], [{ code: 'HPE_INVALID_METHOD' }, true]] as const) {
    const accepted = once(app.server, 'connection')
    const client = connect(port, '127.0.0.1')
    client.resume()
    const [socket] = await accepted
    if (ended) socket.end()
    app.server.emit('clientError', fault, socket)
    rounds.add(socket.destroyed, true)
    await once(client, 'close')
    rounds.add(client.bytesRead, 0)
  }
  t.strictSame(rounds.seen, rounds.expected)
  t.strictSame(codes(), ['ERR_SSL_HTTP_REQUEST', 'unknown', 'HPE_INVALID_METHOD'])
})
