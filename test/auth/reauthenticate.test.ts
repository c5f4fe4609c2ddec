import type { FastifyRequest } from 'fastify'
import t from 'tap'
import { AccessError } from '../../lib/core/errors.js'
import { InvalidCredential, type Resolver } from '../../lib/auth/index.js'
import { isResolver } from '../../lib/auth/resolver.js'
import { contextOf } from '../../lib/core/access-context.js'
import { collectRounds } from '../helpers/collect.js'
import { BEARER, guard, publicRoute, principal, resolverOf, secured } from '../helpers/guard.js'

t.test('re-authentication asks the resolver again', async (t) => {
  let good = true
  const resolver = resolverOf(() => {
    if (!good) throw new InvalidCredential('revoked')
    return principal()
  })
  const { app } = await guard(t, {
    auth: { resolvers: [resolver] },
    after: (app) => app.get('/', secured, async (request: FastifyRequest) => {
      const before = request.principal
      const again = await contextOf(app).reauthenticate(request)
      good = false
      const refused = await contextOf(app).reauthenticate(request).catch((fault: unknown) => fault)
      return { same: before?.id === again.id, refused: refused instanceof AccessError && refused.code, asked: resolver.asked.length }
    })
  })
  t.strictSame((await app.inject({ url: '/', headers: BEARER })).json(), { same: true, refused: 'CREDENTIAL_INVALID', asked: 3 })
})

t.test('behind a resolver that only later says it does not know the credential, the next one is asked freshly, and about DPoP', async (t) => {
  const asked: Array<readonly [boolean, boolean]> = []
  const slow = { ...resolverOf(async () => await Promise.resolve(undefined)), dpop: ['ES256'] }
  const next: Resolver = { ...slow, resolve (_token, _now, { fresh, dpop }) { asked.push([fresh, dpop]); return principal() } }
  const { app } = await guard(t, {
    auth: { resolvers: [slow, next] },
    after (app) {
      app.get('/', secured, () => 'served')
      app.get('/open', { ...publicRoute, preHandler: app.latchkey.authenticate }, () => 'served')
    }
  })
  const rounds = collectRounds()
  for (const url of ['/', '/open']) {
    for (const scheme of ['Bearer', 'DPoP']) rounds.add((await app.inject({ url, headers: { authorization: `${scheme} good` } })).statusCode, 200)
  }
  t.strictSame(rounds.seen, rounds.expected)
  t.strictSame(asked, [[false, false], [false, true], [true, false], [true, true]])
})

t.test('re-authentication refuses a request without a valid header', async (t) => {
  const { app } = await guard(t, { after: (app) => app.get('/', publicRoute, async (request: FastifyRequest) => await contextOf(app).reauthenticate(request)) })
  const none = await app.inject({ url: '/' })
  t.strictSame([none.statusCode, none.headers['www-authenticate']], [401, 'Bearer realm="api"'])
  const malformed = await app.inject({ url: '/', headers: { authorization: 'Bearer a b' } })
  t.strictSame([malformed.statusCode, malformed.headers['www-authenticate']], [400, 'Bearer realm="api", error="invalid_request"'])
})

t.test('each resolver gets the time at which it is asked, and a clock to read it again', async (t) => {
  let now = 1_000
  const times: Array<readonly [number, number]> = []
  const slow = resolverOf(async () => { now += 500; return await Promise.resolve(undefined) })
  const { app } = await guard(t, {
    context: { clock: () => now },
    auth: { resolvers: [slow, { ...resolverOf(() => principal()), resolve (_token, at, { clock }) { times.push([at, clock()]); return principal() } }] },
    after: (app) => app.get('/', secured, () => 'served')
  })
  t.equal((await app.inject({ url: '/', headers: BEARER })).statusCode, 200)
  t.strictSame(times, [[1_500, 1_500]])
})

t.test('an object that is no resolver, and a transport that is another symbol, are refused at boot', async (t) => {
  const rounds = collectRounds()
  for (const value of [undefined, null, 'x', {}, { ...resolverOf(() => undefined), resolve: 1 }, { ...resolverOf(() => undefined), scheme: '' }]) rounds.add(Boolean(isResolver(value)), false)
  t.strictSame(rounds.seen, rounds.expected)
  t.ok(isResolver(resolverOf(() => undefined)))
  const transport = Symbol('latchkey.allowPlainHttp')
  await t.rejects(async () => await Reflect.apply(guard, undefined, [t, { auth: { transport } }]), { message: /option transport must be allowPlainHttp, imported from fastify-latchkey, not another symbol/ })
})
