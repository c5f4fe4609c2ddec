import t, { type Test } from 'tap'
import { allowPlainHttp } from 'fastify-latchkey'
import { createJwtResolver, type PermissionsOf } from 'fastify-latchkey/oauth'
import { startBound } from '../helpers/dpop.js'
import { lookup } from '../helpers/lookup.js'
import { AUDIENCE, createAuthority, get, guarded, isRefused, scopes } from '../helpers/oauth.js'

async function start (t: Test, permissionsOf: PermissionsOf) {
  const authority = await createAuthority(t)
  const resolver = createJwtResolver({ issuers: [{ issuer: authority.issuer, audience: AUDIENCE }], transport: allowPlainHttp, scopes, permissionsOf, permissionsMaxAge: 5 })
  return { authority, resolver, ...await guarded(t, authority, [resolver]) }
}

const GONE = 'The owner of the credential is gone.'

t.test('a token never grants more than its user may, who is asked about again after `permissionsMaxAge`', async (t) => {
  let may: readonly string[] | undefined = ['devices:write', 'devices:read', 'of nobody']
  const asked: string[][] = []
  const { authority, app } = await start(t, (...given) => { asked.push(given); return may })
  const token = await authority.issue({ scope: 'devices:manage' })
  t.strictSame((await get(app, token)).json().scopes, ['devices:read', 'devices:write'], 'manage is more than the user may')
  may = ['devices:manage']
  authority.clock.advance(4.999)
  t.strictSame((await get(app, token)).json().scopes, ['devices:read', 'devices:write'])
  authority.clock.advance(0.001)
  t.strictSame((await get(app, token)).json().scopes, ['devices:manage'], 'what the user may includes all of it')
  may = ['devices:write']
  authority.clock.advance(5)
  t.equal((await get(app, token)).statusCode, 403)
  may = undefined
  authority.clock.advance(5)
  isRefused(t, await get(app, token), 'CREDENTIAL_INVALID', 'the user is gone', GONE)
  isRefused(t, await get(app, token), 'CREDENTIAL_INVALID', 'and stays so', GONE)
  t.strictSame(asked, Array.from({ length: 4 }, () => ['user-1', 'w1']))
})

t.test('permissions that come by promise, or not at all', async (t) => {
  let answer: () => Promise<readonly string[] | undefined | null> = async () => ['devices:read']
  const { authority, app } = await start(t, async () => await answer())
  const token = await authority.issue()
  t.strictSame((await get(app, token)).json().scopes, ['devices:read'])
  t.strictSame((await get(app, token)).json().scopes, ['devices:read'], 'held')
  answer = async () => await Promise.reject(new Error('down'))
  authority.clock.advance(5)
  isRefused(t, await get(app, token), 'AUTHENTICATION_UNAVAILABLE')
  let asked = 0
  answer = async () => { asked++; return null }
  const all = await Promise.all(Array.from({ length: 20 }, () => get(app, token)))
  for (const response of all) isRefused(t, response, 'CREDENTIAL_INVALID', 'gone', GONE)
  t.equal(asked, 1, 'those at once ask once')
})

t.test('a client that acts for itself is not bounded', async (t) => {
  const { authority, app } = await start(t, () => { throw new Error('never asked') })
  t.equal((await get(app, await authority.issue({ sub: 'client-1' }))).statusCode, 200)
})

t.test('a fresh look-up asks for the permissions again', async (t) => {
  let asked = 0
  const { authority, resolver } = await start(t, () => { asked++; return ['devices:read'] })
  const now = authority.clock.now()
  const token = await authority.issue()
  const first = await resolver.resolve(token, now, lookup({ clock: () => now }))
  t.equal(resolver.resolve(token, now, lookup({ clock: () => now })), first, 'synchronously, and shared by all requests')
  t.equal(asked, 1)
  await resolver.resolve(token, now, lookup({ fresh: true, clock: () => now }))
  t.equal(asked, 2)
})

t.test('so does one of a sender-constrained token', async (t) => {
  let asked = 0
  const bound = await startBound(t, true, {}, (app) => {
    app.get('/public', { schema: scopes.public() }, async (request, reply) => {
      await app.latchkey.authenticate(request, reply)
      return request.principal
    })
  }, { scopes, permissionsOf () { asked++; return ['devices:read'] } })
  t.equal((await bound.send(await bound.prove())).statusCode, 200)
  t.equal((await bound.send(await bound.prove())).statusCode, 200)
  t.equal(asked, 1)
  t.equal((await bound.send(await bound.prove({ htu: 'http://api.example.com/public' }), undefined, '/public')).statusCode, 200)
  t.equal(asked, 2)
})
