import type { FastifyRequest } from 'fastify'
import t from 'tap'
import { AccessError } from '../../lib/core/errors.js'
import { InvalidCredential } from '../../lib/auth/index.js'
import { isResolver } from '../../lib/auth/resolver.js'
import { BEARER, guard, open, principal, resolverOf, secured } from '../helpers/guard.js'

t.test('a request is authenticated anew by the truth of then', async (t) => {
  let good = true
  const resolver = resolverOf(() => {
    if (!good) throw new InvalidCredential('revoked')
    return principal()
  })
  const { app } = await guard(t, {
    auth: { resolvers: [resolver] },
    after: (app) => app.get('/', secured, async (request: FastifyRequest) => {
      const before = request.principal
      const again = await app.latchkey.reauthenticate(request)
      good = false
      const refused = await app.latchkey.reauthenticate(request).catch((fault: unknown) => fault)
      return { same: before?.id === again.id, refused: refused instanceof AccessError && refused.code, asked: resolver.asked.length }
    })
  })
  t.strictSame((await app.inject({ url: '/', headers: BEARER })).json(), { same: true, refused: 'CREDENTIAL_INVALID', asked: 3 })
})

t.test('a request that shows no good header is not authenticated anew', async (t) => {
  const { app } = await guard(t, { after: (app) => app.get('/', open, async (request: FastifyRequest) => await app.latchkey.reauthenticate(request)) })
  for (const headers of [{}, { authorization: 'Bearer a b' }]) {
    const response = await app.inject({ url: '/', headers })
    t.equal(response.statusCode, 401)
    t.equal(response.headers['www-authenticate'], 'Bearer realm="api"')
  }
})

t.test('each resolver of a chain is told the time of when it is asked, and how to tell it again', async (t) => {
  let now = 1_000
  const told: Array<readonly [number, number | undefined]> = []
  const slow = resolverOf(async () => { now += 500; return await Promise.resolve(undefined) })
  const { app } = await guard(t, {
    ground: { clock: () => now },
    auth: { resolvers: [slow, { ...resolverOf(() => principal()), resolve (_token, at, _fresh, _bound, clock) { told.push([at, clock?.()]); return principal() } }] },
    after: (app) => app.get('/', secured, () => 'served')
  })
  t.equal((await app.inject({ url: '/', headers: BEARER })).statusCode, 200)
  t.strictSame(told, [[1_500, 1_500]])
})

t.test('what is no resolver, and a transport that is another symbol, is refused at boot', async (t) => {
  for (const value of [undefined, null, 'x', {}, { ...resolverOf(() => undefined), resolve: 1 }, { ...resolverOf(() => undefined), scheme: '' }]) t.notOk(isResolver(value))
  t.ok(isResolver(resolverOf(() => undefined)))
  const transport = Symbol('latchkey.allowPlainHttp')
  await t.rejects(async () => await Reflect.apply(guard, undefined, [t, { auth: { transport } }]), { message: /option transport must be allowPlainHttp, imported from fastify-latchkey, not another symbol/ })
})
