import fastifyAuth from '@fastify/auth'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import t from 'tap'
import { AccessError } from '../../lib/core/errors.js'
import { collectRounds } from '../helpers/collect.js'
import { BEARER, guard, publicRoute, resolverOf, principal, secured } from '../helpers/guard.js'
import { InvalidCredential } from '../../lib/auth/index.js'

const bySession = async ({ headers }: FastifyRequest) => {
  if (headers['x-session'] !== 'good') throw new Error('no session')
}

/** Open to the guard, so that @fastify/auth decides. */
async function composed (app: FastifyInstance) {
  await app.register(fastifyAuth)
  app.get('/either', { ...publicRoute, preHandler: app.auth([bySession, app.latchkey.authenticate]) }, async ({ principal }) => ({ id: principal?.id ?? null }))
  app.get('/both', { ...publicRoute, preHandler: app.auth([bySession, app.latchkey.authenticate], { relation: 'and' }) }, async ({ principal }) => ({ id: principal?.id ?? null }))
}

t.test('with @fastify/auth a request may present a credential or something else', async (t) => {
  const { app } = await guard(t, { after: composed })
  t.strictSame((await app.inject({ url: '/either', headers: BEARER })).json(), { id: 'key-1' })
  const session = await app.inject({ url: '/either', headers: { 'x-session': 'good' } })
  t.strictSame(session.json(), { id: null })
  t.strictSame((await app.inject({ url: '/either', headers: { 'x-session': 'good', authorization: 'Bearer wrong' } })).json(), { id: null })
  t.equal(session.headers['www-authenticate'], undefined, 'a way that was not taken leaves no challenge')

  const none = await app.inject({ url: '/either' })
  t.equal(none.statusCode, 401)
  t.match(none.headers, { 'www-authenticate': 'Bearer realm="api"', 'cache-control': 'no-store' })
  t.match(none.json(), { statusCode: 401, code: 'CREDENTIAL_MISSING' })
})

t.test('with @fastify/auth a request may have to present both', async (t) => {
  const { app } = await guard(t, { after: composed })
  t.strictSame((await app.inject({ url: '/both', headers: { ...BEARER, 'x-session': 'good' } })).json(), { id: 'key-1' })
  const wrong = await app.inject({ url: '/both', headers: { 'x-session': 'good', authorization: 'Bearer wrong' } })
  t.equal(wrong.statusCode, 401)
  t.equal(wrong.headers['www-authenticate'], 'Bearer realm="api", error="invalid_token"')
})

t.test('authenticate throws an AccessError, and sends no answer itself', async (t) => {
  const seen: unknown[] = []
  const { app } = await guard(t, {
    after: (app) => app.get('/', publicRoute, async (request: FastifyRequest, reply: FastifyReply) => {
      await app.latchkey.authenticate(request, reply).catch((fault: unknown) => seen.push(fault))
      return { principal: request.principal }
    })
  })
  const rounds = collectRounds()
  for (const headers of [{}, { authorization: 'Bearer wrong' }, { authorization: 'Bearer a b' }]) {
    const answer = await app.inject({ url: '/', headers })
    rounds.add([answer.statusCode, answer.json()], [200, { principal: null }])
  }
  t.strictSame(rounds.seen, rounds.expected)
  t.ok(seen.every((fault) => fault instanceof AccessError))
  t.match(seen, [{ code: 'CREDENTIAL_MISSING' }, { code: 'CREDENTIAL_INVALID' }, { code: 'CREDENTIAL_MALFORMED' }])
})

t.test('authenticate asks the resolver once, and not after the guard', async (t) => {
  const resolver = resolverOf(() => principal())
  const { app } = await guard(t, {
    auth: { resolvers: [resolver] },
    after (app) {
      app.get('/guarded', { ...secured, preHandler: app.latchkey.authenticate }, async () => ({}))
      app.get('/public', { ...publicRoute, preHandler: [app.latchkey.authenticate, app.latchkey.authenticate] }, async () => ({}))
    }
  })
  const rounds = collectRounds()
  for (const url of ['/guarded', '/public']) rounds.add((await app.inject({ url, headers: BEARER })).statusCode, 200)
  t.strictSame(rounds.seen, rounds.expected)
  t.equal(resolver.asked.length, 2)
})

t.test('authenticate refuses plain HTTP too, also in a hook that runs before the guard', async (t) => {
  const resolver = resolverOf(() => principal())
  const { app } = await guard(t, {
    auth: { transport: undefined, resolvers: [resolver] },
    before: (app) => app.addHook('onRequest', (request, reply) => app.latchkey.authenticate(request, reply))
  })
  const answer = await app.inject({ url: '/guarded', headers: BEARER })
  t.strictSame([answer.statusCode, answer.json().code], [403, 'INSECURE_TRANSPORT'])
  t.strictSame(resolver.asked, [])
})

t.test('authenticate turns an outage into a refusal, and never rethrows what a resolver threw', async (t) => {
  const rounds = collectRounds()
  for (const resolve of [() => { throw new Error('secret') }, async () => { throw new Error('secret') }, () => { throw new InvalidCredential('no') }]) {
    for (const environment of ['production', () => { throw new Error('secret') }]) {
      const { app } = await guard(t, {
        auth: { resolvers: [resolverOf(resolve)], environment },
        after: (app) => app.get('/', { ...publicRoute, preHandler: app.latchkey.authenticate }, async () => ({}))
      })
      const answer = await app.inject({ url: '/', headers: BEARER })
      rounds.add(['AUTHENTICATION_UNAVAILABLE', 'CREDENTIAL_INVALID'].includes(answer.json().code), true)
      rounds.add(String(answer.body).includes('secret'), false)
    }
  }
  t.strictSame(rounds.seen, rounds.expected)
})
