import { basic, bearer, header } from 'fastify-latchkey'
import t, { type Test } from 'tap'
import { BEARER, GOOD, guard, optional, publicRoute, secured } from '../helpers/guard.js'

const KEY = { 'x-api-key': GOOD }

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
    }
  })
  const get = async (url: string) => {
    const { statusCode, headers, body } = await app.inject({ url, headers: KEY })
    return [statusCode, headers.vary, headers['cache-control'], headers['set-cookie'], body]
  }
  t.strictSame(await get('/made'), [203, 'Accept, x-api-key', 'private, max-age=60', ['a=1', 'b=2'], '{}'])
  t.strictSame(await get('/bare'), [204, 'x-api-key', 'private, max-age=5', undefined, ''])
  t.strictSame((await get('/used')).slice(0, 3), [500, 'x-api-key', 'private'], 'Fastify refuses a body that was read')
  t.strictSame(await get('/open'), [200, undefined, 'max-age=60', undefined, '{}'])
})

t.test('nothing is added where Authorization alone carries credentials', async (t) => {
  const fieldsOf = await server(t, [bearer(), basic()])
  t.strictSame(await fieldsOf('/max-age', BEARER), [undefined, 'max-age=60'])
})
