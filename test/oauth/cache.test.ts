import t from 'tap'
import { allowPlainHttp, InvalidCredential } from 'fastify-latchkey'
import { createJwtResolver, type JwtResolverOptions } from 'fastify-latchkey/oauth'
import { isSealed } from '../../lib/core/principal.js'
import { AUDIENCE, createAuthority, createPair, json, type Authority } from '../helpers/oauth.js'

function resolverOf ({ issuer }: Authority, over: Partial<JwtResolverOptions> = {}) {
  return createJwtResolver({ issuers: [{ issuer, audience: AUDIENCE }], transport: allowPlainHttp, ...over })
}

t.test('a token that was found good is answered at once, by one sealed principal for all requests', async (t) => {
  const authority = await createAuthority(t)
  const resolver = resolverOf(authority)
  const now = authority.clock.now()
  const token = await authority.issue()
  const first = await resolver.resolve(token, now)
  t.ok(isSealed(first))
  t.equal(resolver.resolve(token, now), first)
  t.equal(resolver.resolve(token, now + 59_999), first)
  const again = resolver.resolve(token, now + 60_000)
  t.not(again, first, 'after its age it is looked at again')
  t.strictSame(await again, first)
})

t.test('one that differs in any part is another', async (t) => {
  const authority = await createAuthority(t)
  const resolver = resolverOf(authority)
  const now = authority.clock.now()
  const token = await authority.issue()
  await resolver.resolve(token, now)
  const at = token.length - 20
  for (const other of [`${token}A`, token.slice(0, -1), `${token.slice(0, at)}${token[at] === 'A' ? 'B' : 'A'}${token.slice(at + 1)}`]) {
    await t.rejects(async () => await resolver.resolve(other, now), InvalidCredential)
  }
})

t.test('never past its exp, and never held at all where the host says so', async (t) => {
  const authority = await createAuthority(t)
  const now = authority.clock.now()
  const token = await authority.issue({ exp: now / 1000 + 2 })
  const resolver = resolverOf(authority)
  const first = await resolver.resolve(token, now)
  t.equal(resolver.resolve(token, now + 1_999), first)
  await t.rejects(async () => await resolver.resolve(token, now + 2_000), { name: 'InvalidCredential', message: 'expired' })
  const without = resolverOf(authority, { cache: false })
  t.not(await without.resolve(token, now), await without.resolve(token, now))
})

t.test('a refused token is not remembered as good or bad', async (t) => {
  const authority = await createAuthority(t)
  const resolver = resolverOf(authority)
  const now = authority.clock.now()
  const token = await authority.issue({ nbf: now / 1000 + 10 })
  await t.rejects(async () => await resolver.resolve(token, now), InvalidCredential)
  t.ok(await resolver.resolve(token, now + 5_000))
})

t.test('who asks afresh has it verified again, by the keys of now', async (t) => {
  const authority = await createAuthority(t)
  const resolver = resolverOf(authority, { cooldown: 1, keysMaxAge: 1 })
  const now = authority.clock.now()
  const token = await authority.issue()
  const first = await resolver.resolve(token, now)
  authority.answers.set('/jwks', json({ keys: [(await createPair('ES256', 'key-2')).jwk] }))
  t.ok(await resolver.resolve(token, now + 999, true), 'the keys are young')
  t.equal(resolver.resolve(token, now + 999), await resolver.resolve(token, now + 999), 'and it is held anew')
  await t.rejects(async () => await resolver.resolve(token, now + 1_000, true), InvalidCredential)
  t.type(first, 'object')
})
