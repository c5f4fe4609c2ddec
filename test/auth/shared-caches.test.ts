import { once } from 'node:events'
import { createServer } from 'node:net'
import { basic, bearer, header } from 'fastify-latchkey'
import t, { type Test } from 'tap'
import { BEARER, GOOD, guard, optional, publicRoute, secured } from '../helpers/guard.js'

const KEY = { 'x-api-key': GOOD }

/** A response of another class than the global one, as the packages undici and node-fetch have. */
class OtherResponse {
  readonly status = 203
  readonly headers = new Map([['cache-control', 'max-age=60']])
  readonly body = new Response('{}').body
  readonly bodyUsed = false
  get [Symbol.toStringTag] () { return 'Response' }
}

/** A server that answers each connection with the same bytes. @returns its URL */
async function upstreamOf (t: Test, answer: string): Promise<string> {
  const server = createServer((socket) => { socket.once('data', () => socket.end(answer)) })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => server.close())
  const address = server.address()
  return `http://127.0.0.1:${typeof address === 'object' ? address?.port : ''}`
}

async function server (t: Test, credentials = [bearer(), header('x-api-key'), header('api-key')]) {
  const { app } = await guard(t, {
    auth: { credentials },
    after (app) {
      const answer = (headers: Record<string, string | string[]>) => async (_request: unknown, reply: { headers (all: object): unknown }) => {
        reply.headers(headers)
        return {}
      }
      app.get('/plain', secured, answer({}))
      app.get('/max-age', secured, answer({ 'cache-control': 'max-age=60' }))
      app.get('/public', secured, answer({ 'cache-control': 'Public, max-age=60', vary: 'Accept, X-API-Key' }))
      app.get('/shared', secured, answer({ 'cache-control': 's-maxage=60', vary: ['Accept', 'Origin'] }))
      app.get('/never', secured, answer({ 'cache-control': 'no-store', vary: '*' }))
      app.get('/maybe', optional, answer({ 'cache-control': 'max-age=60' }))
      app.get('/open', publicRoute, answer({ 'cache-control': 'max-age=60' }))
      app.get('/either', { ...publicRoute, preHandler: app.latchkey.authenticate }, answer({}))
    }
  })
  return async (url: string, headers: Record<string, string> = KEY) => {
    const { headers: { vary, 'cache-control': cache } } = await app.inject({ url, headers })
    return [vary, cache]
  }
}

t.test('with a field of its own for credentials, what depends on one is kept out of shared caches, as RFC 9111 §3.5 does for Authorization', async (t) => {
  const fieldsOf = await server(t)
  const varies = 'x-api-key, api-key'
  t.strictSame(await fieldsOf('/plain'), [varies, 'private'])
  t.strictSame(await fieldsOf('/plain', BEARER), [varies, 'private'])
  t.strictSame(await fieldsOf('/either'), [varies, 'private'])
  t.strictSame(await fieldsOf('/max-age'), [varies, 'private, max-age=60'])
  t.strictSame(await fieldsOf('/public'), ['Accept, X-API-Key, api-key', 'Public, max-age=60'], 'what says that it may be shared, is')
  t.strictSame(await fieldsOf('/shared'), [`Accept, Origin, ${varies}`, 's-maxage=60'])
  t.strictSame(await fieldsOf('/never'), ['*', 'no-store'])
  t.strictSame(await fieldsOf('/plain', {}), [varies, 'no-store'], 'a refusal')
  t.strictSame(await fieldsOf('/maybe', {}), [varies, 'max-age=60'], 'nobody\'s response may be shared, but not with somebody')
  t.strictSame(await fieldsOf('/open'), [undefined, 'max-age=60'], 'a public route reads no credential')
})

t.test('a Response that a handler returns is kept out of shared caches too', async (t) => {
  const upstream = await upstreamOf(t, 'HTTP/1.1 203 Größe €\r\nCache-Control: max-age=60\r\nConnection: close\r\n\r\n{}')
  const { app } = await guard(t, {
    auth: { credentials: [header('x-api-key')] },
    after (app) {
      app.get('/made', secured, async () => new Response('{}', { status: 203, headers: [['Cache-Control', 'max-age=60'], ['Vary', 'Accept'], ['Set-Cookie', 'a=1'], ['Set-Cookie', 'b=2']] }))
      app.get('/bare', secured, async (_request, reply) => reply.header('cache-control', 'max-age=5').send(new Response(null, { status: 204 })))
      app.get('/used', secured, async () => {
        const response = new Response('used')
        await response.text()
        return response
      })
      app.get('/open', publicRoute, async () => new Response('{}', { headers: { 'cache-control': 'max-age=60' } }))
      app.get('/fetched', secured, async () => await fetch(upstream))
      app.get('/other', secured, async () => new OtherResponse())
    }
  })
  const get = async (url: string) => {
    const { statusCode, headers, body } = await app.inject({ url, headers: KEY })
    return [statusCode, headers.vary, headers['cache-control'], headers['set-cookie'], body]
  }
  t.strictSame(await get('/made'), [203, 'Accept, x-api-key', 'private, max-age=60', ['a=1', 'b=2'], '{}'])
  t.strictSame(await get('/bare'), [204, 'x-api-key', 'private, max-age=5', undefined, ''])
  t.strictSame((await get('/used')).slice(0, 3), [500, 'x-api-key', 'private'], 'Fastify refuses a body that was read')
  t.strictSame(await get('/fetched'), [203, 'x-api-key', 'private, max-age=60', undefined, '{}'], 'whatever its reason phrase is')
  t.strictSame(await get('/other'), [203, 'x-api-key', 'private, max-age=60', undefined, '{}'], 'also one of another class')
  t.strictSame(await get('/open'), [200, undefined, 'max-age=60', undefined, '{}'])
})

t.test('nothing is added where Authorization alone carries credentials', async (t) => {
  const fieldsOf = await server(t, [bearer(), basic()])
  t.strictSame(await fieldsOf('/max-age', BEARER), [undefined, 'max-age=60'])
})
