import t from 'tap'
import { allowPlainHttp, InvalidCredential } from 'fastify-latchkey'
import { createJwtResolver, type JwtResolverOptions } from 'fastify-latchkey/oauth'
import { collectRounds, rejection } from '../helpers/collect.js'
import { lookup } from '../helpers/lookup.js'
import { AUDIENCE, createAuthority, createPair, guarded, isRefused, json, type Authority } from '../helpers/oauth.js'

/** Asks a resolver about a token at an instant. */
function askOf ({ issuer }: Authority, over: Partial<JwtResolverOptions> = {}) {
  const resolver = createJwtResolver({ issuers: [{ issuer, audience: AUDIENCE }], transport: allowPlainHttp, ...over })
  return (token: string, now: number, fresh = false) => resolver.resolve(token, now, lookup({ fresh, clock: () => now }))
}

t.test('a good token is answered synchronously from the cache, by one frozen principal for all requests', async (t) => {
  const authority = await createAuthority(t)
  const ask = askOf(authority)
  const now = authority.clock.now()
  const token = await authority.issue()
  const first = await ask(token, now)
  t.ok(Object.isFrozen(first) && Object.isFrozen(first?.scopes))
  t.equal(ask(token, now), first)
  t.equal(ask(token, now + 59_999), first)
  const again = ask(token, now + 60_000)
  t.not(again, first, 'after `maxAge` it is verified again')
  t.strictSame(await again, first)
})

t.test('a token that differs in any character is not the cached one', async (t) => {
  const authority = await createAuthority(t)
  const ask = askOf(authority)
  const now = authority.clock.now()
  const token = await authority.issue()
  await ask(token, now)
  const at = token.length - 20
  const patterns = collectRounds()
  for (const other of [`${token}A`, token.slice(0, -1), `${token.slice(0, at)}${token[at] === 'A' ? 'B' : 'A'}${token.slice(at + 1)}`]) {
    patterns.add(await rejection(async () => await ask(other, now)), InvalidCredential)
  }
  t.match(patterns.seen, patterns.expected)
})

t.test('no token is cached beyond its exp, and none at all where the host says so', async (t) => {
  const authority = await createAuthority(t)
  const now = authority.clock.now()
  const token = await authority.issue({ exp: now / 1000 + 2 })
  const ask = askOf(authority)
  const first = await ask(token, now)
  t.equal(ask(token, now + 1_999), first)
  await t.rejects(async () => await ask(token, now + 2_000), { name: 'InvalidCredential', message: 'expired' })
  const without = askOf(authority, { cache: false })
  t.not(await without(token, now), await without(token, now))
})

t.test('a refused token is not cached', async (t) => {
  const authority = await createAuthority(t)
  const ask = askOf(authority)
  const now = authority.clock.now()
  const token = await authority.issue({ nbf: now / 1000 + 10 })
  await t.rejects(async () => await ask(token, now), InvalidCredential)
  t.ok(await ask(token, now + 5_000))
})

t.test('a fresh look-up verifies the token again, by the signing keys of now', async (t) => {
  const authority = await createAuthority(t)
  const ask = askOf(authority, { cooldown: 1, jwksMaxAge: 1 })
  const now = authority.clock.now()
  const token = await authority.issue()
  const first = await ask(token, now)
  authority.answers.set('/jwks', json({ keys: [(await createPair('ES256', 'key-2')).jwk] }))
  t.ok(await ask(token, now + 999, true), 'the JWKS is young')
  t.equal(ask(token, now + 999), await ask(token, now + 999), 'and the new grant is cached')
  await t.rejects(async () => await ask(token, now + 1_000, true), InvalidCredential)
  t.type(first, 'object')
})

t.test('a cached token is let in from an address that has failed too often; others are not verified there', async (t) => {
  const authority = await createAuthority(t)
  const { issuer } = authority
  const { app, get } = await guarded(t, authority, [createJwtResolver({ issuers: [{ issuer, audience: AUDIENCE }], transport: allowPlainHttp })], { failures: { quota: 2, window: 60 } })
  const [cached, fresh, forged] = [await authority.issue(), await authority.issue(), await authority.issue({}, { kid: 'key-2' })]
  t.equal((await get(cached)).statusCode, 200)
  for (let n = 0; n < 2; n++) isRefused(t, await get(forged), 'CREDENTIAL_INVALID')
  const asked = authority.asked.length
  const rounds = collectRounds()
  const patterns = collectRounds()
  for (const token of [fresh, forged]) {
    const refused = await get(token)
    rounds.add(refused.statusCode, 429)
    patterns.add(refused.json(), { code: 'TOO_MANY_FAILURES' })
    patterns.add(refused.headers, { 'retry-after': '60', 'cache-control': 'no-store' })
  }
  t.strictSame(rounds.seen, rounds.expected)
  t.match(patterns.seen, patterns.expected)
  t.equal((await get(cached)).statusCode, 200)
  t.equal(authority.asked.length, asked)
  t.equal((await app.inject({ url: '/devices', headers: { authorization: 'Bearer not-of-its-form' } })).statusCode, 429)
})
