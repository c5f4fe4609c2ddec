import t from 'tap'
import { allowPlainHttp, OptionError } from 'fastify-latchkey'
import { createIntrospectionResolver, createJwtResolver } from 'fastify-latchkey/oauth'
import { collectRounds, thrown } from '../helpers/collect.js'
import { AUDIENCE, createAuthority, get, guarded, isRefused, json } from '../helpers/oauth.js'

const TOKEN = 'opaque-token-of-many-characters-0123456789'

t.test('a deadline in fractions of a millisecond works', async (t) => {
  const rounds = collectRounds()
  for (const deadline of [1.0001, 2.3456789, 0.7 + 0.1 + 9, 59.9999]) {
    const authority = await createAuthority(t)
    const { issuer } = authority
    authority.answers.set('/introspect', json({ ...authority.claimsOf(), active: true, token_type: 'Bearer' }))
    const { app } = await guarded(t, authority, [
      createJwtResolver({ issuers: [{ issuer, audience: AUDIENCE }], transport: allowPlainHttp, deadline }),
      createIntrospectionResolver({ issuer, endpoint: `${issuer}/introspect`, client: { id: 'a', secret: 'b' }, audience: AUDIENCE, transport: allowPlainHttp, deadline })
    ])
    rounds.add((await get(app, await authority.issue())).statusCode, 200, `${deadline}`)
    rounds.add((await get(app, TOKEN)).statusCode, 200, `${deadline}`)
  }
  t.strictSame(rounds.seen, rounds.expected)
})

t.test('a short deadline in fractions ends a request that hangs', async (t) => {
  const authority = await createAuthority(t)
  authority.answers.set('/jwks', () => {})
  const { app } = await guarded(t, authority, [createJwtResolver({ issuers: [{ issuer: authority.issuer, audience: AUDIENCE, jwksUri: `${authority.issuer}/jwks` }], transport: allowPlainHttp, deadline: 0.0101 })])
  isRefused(t, await get(app, await authority.issue()), 'AUTHENTICATION_UNAVAILABLE')
})

t.test('leeway, ages and times in fractions are exact to the millisecond', async (t) => {
  const authority = await createAuthority(t)
  const { app } = await guarded(t, authority, [createJwtResolver({
    issuers: [{ issuer: authority.issuer, audience: AUDIENCE }], transport: allowPlainHttp, clockTolerance: 0.25, cooldown: 1.5, jwksMaxAge: 2.5, cache: { maxAge: 0.5 }
  })])
  const now = authority.clock.now() / 1000
  t.equal((await get(app, await authority.issue({ iat: now + 0.25, nbf: now + 0.25 }))).statusCode, 200)
  isRefused(t, await get(app, await authority.issue({ nbf: now + 0.251 })), 'CREDENTIAL_INVALID')
  const token = await authority.issue({ exp: now + 1.5 })
  t.equal((await get(app, token)).statusCode, 200)
  authority.clock.advance(1.499)
  t.match((await get(app, token)).json(), { expiresAt: new Date(authority.clock.now() + 1).toISOString() })
  authority.clock.advance(0.001)
  isRefused(t, await get(app, token), 'CREDENTIAL_INVALID', 'a fractional exp (RFC 7519 §2)')
  authority.answers.set('/jwks', json({ keys: [] }))
  authority.clock.advance(1)
  isRefused(t, await get(app, await authority.issue()), 'CREDENTIAL_INVALID', 'the key set has its age')
})

t.test('a wrong number of seconds is refused at boot, with the name of its option', async (t) => {
  const issuers = [{ issuer: 'https://auth.example.com', audience: AUDIENCE }]
  const patterns = collectRounds()
  for (const option of ['deadline', 'clockTolerance', 'cooldown', 'jwksMaxAge', 'permissionsMaxAge']) {
    for (const value of ['0.5', NaN, Infinity, -0.5, null, 1n, 1e9]) {
      const make = () => Reflect.apply(createJwtResolver, undefined, [{ issuers, [option]: value }])
      patterns.add(thrown(make), OptionError, `${option}: ${String(value)}`)
      patterns.add(thrown(make), { message: new RegExp(`option oauth\\.${option} must be seconds from [\\d.]+ to [\\d.]+, not `) })
    }
  }
  for (const dpop of [{ maxAge: 0.5 }, { maxAge: NaN }, { nonce: { life: '300' } }]) {
    patterns.add(thrown(() => Reflect.apply(createJwtResolver, undefined, [{ issuers, dpop }])), { name: 'OptionError', message: /option oauth\.dpop\.(maxAge|nonce\.life) must be/ })
  }
  t.match(patterns.seen, patterns.expected)
})
