import t from 'tap'
import { collectRounds } from '../helpers/collect.js'
import { deferred, listen, request, openConnection } from '../helpers/doors.js'
import { BEARER, GOOD, guard, isRefusal, secured } from '../helpers/guard.js'

/** A guarded `POST /things` that says which of the body's stages were reached. */
async function things (t: Parameters<typeof guard>[0]) {
  const reached: string[] = []
  const reach = (stage: string) => async () => { reached.push(stage) }
  const made = await guard(t, {
    after (app) {
      app.addHook('preParsing', reach('parsing'))
      app.addHook('preValidation', reach('validation'))
      app.addHook('preHandler', reach('handler'))
      app.addContentTypeParser('application/x-probe', (_request, _payload, done) => {
        reached.push('parser')
        done(null, {})
      })
      app.post('/things', { schema: { ...secured.schema, body: { type: 'object', required: ['name'] } } }, async () => ({}))
    }
  })
  return { ...made, reached }
}

t.test('without a credential, bad JSON, an unknown type and an invalid body are 401, and nothing of the body is read', async (t) => {
  const { app, reached } = await things(t)
  for (const [type, payload] of [
    ['application/json', '{"broken'],
    ['application/json', '{"__proto__":{"name":1},"constructor":{"prototype":{}}}'],
    ['application/json', ''],
    ['application/json', '{}'],
    ['application/x-unknown', 'x'],
    ['application/x-probe', 'x'],
    ['not a type', 'x'],
    ['', 'x']
  ] as const) {
    isRefusal(t, await app.inject({ method: 'POST', url: '/things', headers: { 'content-type': type }, payload }), 'CREDENTIAL_MISSING')
    isRefusal(t, await app.inject({ method: 'POST', url: '/things', headers: { 'content-type': type, authorization: 'Bearer wrong' }, payload }), 'CREDENTIAL_INVALID')
  }
  t.strictSame(reached, [])
})

t.test('with a credential, they get the answers of Fastify', async (t) => {
  const { app } = await things(t)
  const post = async (type: string, payload: string) => (await app.inject({ method: 'POST', url: '/things', headers: { ...BEARER, 'content-type': type }, payload })).statusCode
  t.equal(await post('application/json', '{"broken'), 400)
  t.equal(await post('application/json', '{}'), 400)
  t.equal(await post('application/x-unknown', 'x'), 415)
  t.equal(await post('application/json', '{"name":"n"}'), 200)
})

t.test('a body of 10 MB is refused by its headers, before it is sent', async (t) => {
  const { app, reached } = await things(t)
  const port = await listen(app)
  const head = (...lines: string[]) => request('POST /things HTTP/1.1', 'Host: x', 'Content-Type: application/json', ...lines)

  const patterns = collectRounds()
  for (const lines of [['Content-Length: 10485760'], ['Transfer-Encoding: chunked']]) {
    const connection = openConnection(port, head(...lines))
    patterns.add(await connection.until((text) => text.includes('CREDENTIAL_MISSING')), /^HTTP\/1\.1 401 [^]*\r\nconnection: close\r\n/i)
    await connection.closed
  }
  t.match(patterns.seen, patterns.expected)
  t.strictSame(reached, [])
})

t.test('a body that is sent all the same is discarded, and the connection serves the next request', async (t) => {
  const { app, reached } = await things(t)
  const port = await listen(app)
  const body = '{"name":"n"}'
  const connection = openConnection(port, request('POST /things HTTP/1.1', 'Host: x', 'Content-Type: application/json', `Content-Length: ${body.length}`) + body +
    request('POST /things HTTP/1.1', 'Host: x', 'Content-Type: application/json', `Content-Length: ${body.length}`, `Authorization: Bearer ${GOOD}`, 'Connection: close') + body)
  const text = await connection.until((text) => text.includes('HTTP/1.1 200'))
  t.match(text, /^HTTP\/1\.1 401 [^]*CREDENTIAL_MISSING[^]*HTTP\/1\.1 200 /)
  await connection.closed
  t.strictSame(reached, ['parsing', 'validation', 'handler'])
})

t.test('a connection whose refused body does not arrive is closed shortly after the answer', async (t) => {
  const { app, reached } = await things(t)
  const port = await listen(app)
  const rounds = collectRounds()
  const patterns = collectRounds()
  for (const authorization of [[], ['Authorization: Bearer wrong'], ['Authorization: Bearer a b']]) {
    const connection = openConnection(port, request('POST /things HTTP/1.1', 'Host: x', 'Content-Type: application/json', 'Content-Length: 100', ...authorization) + '{')
    const dribble = setInterval(() => connection.socket.write(' '), 100)
    patterns.add(await connection.until((text) => text.includes('"code"')), /^HTTP\/1\.1 40[01] /)
    const answered = performance.now()
    await connection.closed
    clearInterval(dribble)
    rounds.add(performance.now() - answered < 3_000, true)
  }
  t.strictSame(rounds.seen, rounds.expected)
  t.match(patterns.seen, patterns.expected)
  t.strictSame(reached, [])
})

t.test('a large body is refused to a client that has sent all of it', async (t) => {
  const { app } = await things(t)
  const url = await app.listen({ port: 0, host: '127.0.0.1' })
  const rounds = collectRounds()
  const patterns = collectRounds()
  for (const size of [1, 60_000, 70_000, 5_000_000]) {
    const answer = await fetch(`${url}/things`, { method: 'POST', body: 'x'.repeat(size) })
    rounds.add([answer.status, answer.headers.get('connection')], [401, size > 65_536 ? 'close' : 'keep-alive'])
    patterns.add(await answer.json(), { code: 'CREDENTIAL_MISSING' })
  }
  t.strictSame(rounds.seen, rounds.expected)
  t.match(patterns.seen, patterns.expected)
})

t.test('a client that goes away while its credential is looked up leaves nothing behind', async (t) => {
  const asked = deferred<void>()
  const answer = deferred<undefined>()
  const closed = deferred<void>()
  const { app, log } = await guard(t, {
    auth: {
      resolvers: [{
        scheme: 'apiKey',
        kind: 'api-key',
        description: {},
        resolve () {
          asked.resolve()
          return answer.promise
        }
      }]
    },
    before: (app) => app.addHook('onRequestAbort', async (_request) => closed.resolve())
  })
  const port = await listen(app)
  const connection = openConnection(port, request('GET /guarded HTTP/1.1', 'Host: x', `Authorization: Bearer ${GOOD}`))
  await asked.promise
  connection.socket.destroy()
  await closed.promise
  answer.resolve(undefined)
  await app.close()
  t.match(log.text, /CREDENTIAL_INVALID/)
  t.notMatch(log.text, /not counted/)
})
