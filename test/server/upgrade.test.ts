import { createHash } from 'node:crypto'
import { once } from 'node:events'
import Fastify, { type FastifyInstance, type FastifyReply, type FastifyRequest } from 'fastify'
import t, { type Test } from 'tap'
import latchkey, { allowPlainHttp, defineScopes, notFound, type LatchkeyOptions } from 'fastify-latchkey'
import { routeUpgrades, serverOptions, upgradeOf } from 'fastify-latchkey/server'
import { collectRounds } from '../helpers/collect.js'
import { abandon, deferred, exchange, keepLines, listen, readAnswer, request, openConnection } from '../helpers/doors.js'

const scopes = defineScopes({ resources: { events: ['read', 'write'] } })
const KEY = 'dGhlIHNhbXBsZSBub25jZQ=='

function handshake (target: string, key: string | undefined, method = 'GET', ...fields: string[]): string {
  return request(`${method} ${target} HTTP/1.1`, 'Host: a', 'Connection: Upgrade', 'Upgrade: websocket', 'Sec-WebSocket-Version: 13',
    `Sec-WebSocket-Key: ${KEY}`, ...key === undefined ? [] : [`Authorization: Bearer ${key}`], ...fields)
}

/** RFC 6455 §4.2.2: answers the handshake, then echoes what it reads. */
function echo (request: FastifyRequest, reply: FastifyReply): void {
  const upgrade = upgradeOf(request)
  if (upgrade === undefined) {
    reply.code(426).header('upgrade', 'websocket').header('connection', 'upgrade, close').send()
    return
  }
  reply.hijack()
  const { socket, head } = upgrade
  const accept = createHash('sha1').update(`${request.headers['sec-websocket-key']}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`).digest('base64')
  socket.write(`HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ${accept}\r\n\r\n`)
  socket.write(head)
  socket.pipe(socket)
}

async function start (t: Test, options: Partial<LatchkeyOptions> = {}, extend: (app: FastifyInstance) => void = () => {}) {
  const log = keepLines()
  const app = Fastify(serverOptions({ logger: { level: 'trace', stream: log.stream } }))
  app.setNotFoundHandler(notFound)
  await app.register(latchkey, { scopes, environment: 'production', keys: { prefix: 'acme' }, transport: allowPlainHttp, ...options })
  const handled: string[] = []
  app.get('/events', { schema: scopes.secure('events:read') }, (request, reply) => { handled.push('events'); echo(request, reply) })
  app.get('/plain', { schema: scopes.secure('events:read') }, async () => ({ plain: true }))
  app.post('/plain', { schema: scopes.secure('events:write') }, async () => ({ posted: true }))
  extend(app)
  routeUpgrades(app)
  const port = await listen(app)
  t.teardown(() => app.close())
  const issue = async (...scopes: Array<'events:read' | 'events:write'>) => (await app.latchkey.keys.issue({ workspace: 'w', scopes, environment: 'production' })).secret
  return { app, port, log, handled, issue }
}

const count = (app: FastifyInstance): Promise<number> => new Promise((resolve, reject) =>
  app.server.getConnections((error, open) => error === null ? resolve(open) : reject(error)))

/** Waits until the server holds no connection, and for the events that this causes. */
async function untilClosed (app: FastifyInstance): Promise<void> {
  while (await count(app) > 0) await new Promise(setImmediate)
  for (let ticks = 0; ticks < 5; ticks++) await new Promise(setImmediate)
}

t.test('a key with the scope opens a WebSocket, and what came with the handshake is not lost', async (t) => {
  const { app, port, log, issue } = await start(t)
  const key = await issue('events:read')
  const { socket, until, closed } = openConnection(port, handshake('/events?access=secret', key) + '\x81\x02hi')

  const answer = readAnswer(await until((text) => text.endsWith('\x81\x02hi')))
  t.equal(answer.status, 101)
  t.equal(answer.headers['sec-websocket-accept'], 's3pPLMBiTxaQ9kYGzzhZRbK+xOo=')
  socket.write('\x81\x03you', 'latin1')
  t.ok((await until((text) => text.endsWith('\x81\x03you'))).endsWith('\x81\x02hi\x81\x03you'))
  socket.end()
  await closed
  await untilClosed(app)
  t.notMatch(log.text, 'secret')
  t.notMatch(log.text, key)
})

t.test('an upgrade is refused like any request, and the connection is closed', async (t) => {
  const { app, port, handled, issue } = await start(t, { limits: { environments: { production: [{ name: 'two', quota: 2, window: 60 }] } } })
  const refused = [
    [handshake('/events', undefined), 401, 'CREDENTIAL_MISSING', 'Bearer realm="api"'],
    [handshake('/events', 'nobody'), 401, 'CREDENTIAL_INVALID', 'Bearer realm="api", error="invalid_token"'],
    [handshake('/events', 'a,b'), 400, 'CREDENTIAL_MALFORMED', 'Bearer realm="api", error="invalid_request"'],
    [handshake('/events', await issue('events:write')), 403, 'INSUFFICIENT_SCOPE', 'Bearer realm="api", error="insufficient_scope", scope="events:read"'],
    [handshake('/nowhere', undefined), 401, 'CREDENTIAL_MISSING', 'Bearer realm="api"'],
    [handshake('/nowhere', await issue()), 404, 'NOT_FOUND', undefined],
    [handshake('/%zz', undefined), 400, 'BAD_REQUEST', undefined]
  ] as const
  const rounds = collectRounds()
  const patterns = collectRounds()
  for (const [bytes, status, code, challenge] of refused) {
    const answer = await exchange(port, bytes)
    rounds.add(answer.status, status)
    patterns.add(JSON.parse(answer.body), { status, code })
    patterns.add(answer.headers, { connection: 'close', 'cache-control': 'no-store', 'content-type': 'application/problem+json; charset=utf-8' })
    rounds.add(answer.headers['www-authenticate'], challenge)
  }
  t.strictSame(rounds.seen, rounds.expected)
  t.match(patterns.seen, patterns.expected)
  const key = await issue('events:read')
  await exchange(port, handshake('/plain', key))
  await exchange(port, handshake('/plain', key))
  const limited = await exchange(port, handshake('/events', key))
  t.match(limited, { status: 429, headers: { connection: 'close', ratelimit: /^"two";r=0;t=\d+$/, 'retry-after': /^\d+$/, 'cache-control': 'no-store' } })
  t.strictSame(handled, [])
  await untilClosed(app)
})

t.test('over plain HTTP an upgrade of a guarded route is refused before its credential is read', async (t) => {
  const { port, handled, issue } = await start(t, { transport: undefined })
  t.match(await exchange(port, handshake('/events', await issue('events:read'))), { status: 403, headers: { connection: 'close' }, body: /INSECURE_TRANSPORT/ })
  t.strictSame(handled, [])
})

t.test('a route that does not upgrade answers, whatever the method, and the connection is closed', async (t) => {
  const { app, port, issue } = await start(t)
  const key = await issue('events:read', 'events:write')
  t.match(await exchange(port, handshake('/plain', key)), { status: 200, body: '{"plain":true}', headers: { connection: 'close' } })
  t.match(await exchange(port, handshake('/plain', key, 'HEAD')), { status: 200, body: '' })
  t.match(await exchange(port, handshake('/plain', key, 'POST')), { status: 200, body: '{"posted":true}' })
  t.match(await exchange(port, handshake('/plain', undefined, 'OPTIONS', 'Origin: b', 'Access-Control-Request-Method: GET')), { status: 404 })
  const withBody = await exchange(port, handshake('/plain', key, 'POST', 'Content-Type: application/json', 'Content-Length: 2') + '{}')
  t.match(withBody.headers, { connection: 'close' })
  t.match({ status: withBody.status, body: withBody.body }, withBody.status === 400 ? { body: /FST_ERR/ } : { status: 200, body: '{"posted":true}' }, 'older versions of Node keep the body of an upgrade request to themselves')
  await untilClosed(app)
})

t.test('a second request after the handshake is never answered', async (t) => {
  const { port, issue } = await start(t)
  const key = await issue('events:read')
  const rounds = collectRounds()
  for (const first of [handshake('/plain', key), handshake('/plain', undefined)]) {
    const { text } = await exchange(port, first + request('GET /plain HTTP/1.1', 'Host: a', `Authorization: Bearer ${key}`))
    rounds.add(text.match(/HTTP\/1\.1/g)?.length, 1)
  }
  t.strictSame(rounds.seen, rounds.expected)
})

t.test('an upgrade that does not wait for the answer to an earlier request closes the connection, and the server goes on', async (t) => {
  const { app, port, handled, issue } = await start(t)
  const key = await issue('events:read')
  const rounds = collectRounds()
  for (const first of [request('GET /nothing HTTP/1.1', 'Host: x'), request('GET /plain HTTP/1.1', 'Host: x', `Authorization: Bearer ${key}`)]) {
    const { text } = await exchange(port, first + handshake('/events', key))
    rounds.add(String(text).includes('101 Switching'), false)
    await untilClosed(app)
  }
  t.strictSame(rounds.seen, rounds.expected)
  t.strictSame(handled, [])
  t.equal((await exchange(port, handshake('/plain', key))).status, 200)
})

t.test('an upgrade after the answer to an earlier request is served', async (t) => {
  const { port, issue } = await start(t)
  const key = await issue('events:read')
  const { socket, until, closed } = openConnection(port, request('GET /plain HTTP/1.1', 'Host: x', `Authorization: Bearer ${key}`))
  await until((text) => text.endsWith('{"plain":true}'))
  socket.write(handshake('/events', key))
  await until((text) => text.includes('101 Switching'))
  socket.end()
  await closed
})

t.test('upgradeOf is undefined for a request without an upgrade', async (t) => {
  const { port, issue } = await start(t)
  const answer = await exchange(port, request('GET /events HTTP/1.1', 'Host: a', `Authorization: Bearer ${await issue('events:read')}`, 'Connection: close'))
  t.match(answer, { status: 426, headers: { upgrade: 'websocket' } })
})

t.test('clients that reset at any moment leave neither an error nor a connection', async (t) => {
  const asked = deferred<undefined>()
  const answer = deferred<undefined>()
  const handling = deferred<undefined>()
  const aborted: string[] = []
  const { app, port, issue } = await start(t, {
    resolvers: [{ scheme: 'late', kind: 'api-key', description: {}, resolve: (token) => token === 'late' ? (asked.resolve(undefined), answer.promise) : undefined }]
  }, (app) => {
    app.addHook('onRequest', (request, _reply, done) => {
      request.raw.once('close', () => aborted.push(request.url))
      done()
    })
    app.get('/wait', { schema: scopes.public() }, async ({ signal }) => {
      handling.resolve(undefined)
      await once(signal, 'abort')
    })
  })
  await abandon(port, handshake('/events', 'late'), asked.promise)
  await untilClosed(app)
  answer.resolve(undefined)

  await abandon(port, handshake('/wait', undefined), handling.promise)
  await untilClosed(app)
  t.strictSame(aborted, ['/wait'], 'a request that is waited for is aborted')

  const { socket, until } = openConnection(port, handshake('/events', await issue('events:read')))
  await until((text) => text.includes('101 Switching'))
  socket.resetAndDestroy()
  await untilClosed(app)
  t.strictSame(aborted, ['/wait'], 'a taken connection that ends is no aborted request')
})

t.test('closing the app ends upgraded connections', async (t) => {
  const { app, port, issue } = await start(t)
  const { until, closed } = openConnection(port, handshake('/events', await issue('events:read')))
  await until((text) => text.includes('101 Switching'))
  await app.close()
  await closed
})

t.test('an answer that has begun is not cut off when the app closes', async (t) => {
  const asked = deferred<undefined>()
  const go = deferred<undefined>()
  const { app, port, issue } = await start(t, {}, (app) => {
    app.get('/slow', { schema: scopes.public() }, async () => {
      asked.resolve(undefined)
      await go.promise
      return { slow: true }
    })
  })
  await issue()
  const answer = exchange(port, handshake('/slow', undefined))
  await asked.promise
  const closed = app.close()
  await new Promise(setImmediate)
  go.resolve(undefined)
  t.match(await answer, { status: 200, body: '{"slow":true}' })
  await closed
})

t.test('another upgrade listener is refused, since no guard sees what it accepts', async (t) => {
  const app = Fastify()
  routeUpgrades(app)
  t.throws(() => routeUpgrades(app), { code: 'LATCHKEY_ERR_OPTION', message: /something listens for upgrades/ })
  await app.close()
})

t.test('the control: no hook sees what a raw listener accepts', async (t) => {
  const seen: string[] = []
  const app = Fastify()
  await app.register(latchkey, { scopes, environment: 'production', keys: { prefix: 'acme' }, transport: allowPlainHttp })
  app.addHook('onRequest', (_request, _reply, done) => { seen.push('hook'); done() })
  app.get('/events', { schema: scopes.secure('events:read') }, async () => ({}))
  app.server.on('upgrade', (_request, socket) => socket.end('HTTP/1.1 101 Switching Protocols\r\n\r\n'))
  const port = await listen(app)
  t.teardown(() => app.close())

  t.equal((await exchange(port, handshake('/events', undefined))).status, 101)
  t.strictSame(seen, [])
  t.equal((await exchange(port, request('GET /events HTTP/1.1', 'Host: a', 'Connection: close'))).status, 401)
})

t.test('routeUpgrades takes servers of other types', async (t) => {
  const rounds = collectRounds()
  for (const app of [Fastify({ https: {} }), Fastify({ serverFactory: (handler) => Fastify().server.on('request', handler) })]) {
    routeUpgrades(app)
    rounds.add(app.server.listenerCount('upgrade'), 1)
    await app.close()
  }
  t.strictSame(rounds.seen, rounds.expected)
})
