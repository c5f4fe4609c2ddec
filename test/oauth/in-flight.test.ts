import t, { type Test } from 'tap'
import type { ServerResponse } from 'node:http'
import { allowPlainHttp, InvalidCredential } from 'fastify-latchkey'
import { createIntrospectionResolver, type IntrospectionResolverOptions } from 'fastify-latchkey/oauth'
import { collectRounds } from '../helpers/collect.js'
import { lookup } from '../helpers/lookup.js'
import { AUDIENCE, createAuthority, get, guarded, isRefused, type Claims } from '../helpers/oauth.js'
import { until } from '../helpers/until.js'

const TOKEN = 'opaque-token-of-many-characters-0123456789'

/** An authority whose answers come when the test says so. */
async function start (t: Test, over: Partial<IntrospectionResolverOptions> = {}) {
  const authority = await createAuthority(t)
  const asked: ServerResponse[] = []
  authority.answers.set('/introspect', (_request, response) => asked.push(response))
  const resolver = createIntrospectionResolver({
    issuer: authority.issuer, endpoint: `${authority.issuer}/introspect`, client: { id: 'api', secret: 's' }, audience: AUDIENCE, transport: allowPlainHttp, deadline: 60, ...over
  })
  const { app } = await guarded(t, authority, [resolver], { deadline: 60 })
  const active = (claims: Claims = {}) => JSON.stringify({ ...authority.claimsOf({ exp: undefined }), active: true, token_type: 'Bearer', ...claims })
  const ask = async () => await resolver.resolve(TOKEN, authority.clock.now(), lookup({ clock: authority.clock.now }))
  return { authority, app, asked, active, resolver, ask }
}

const inactive = '{"active":false}'

t.test('with the cache off no request shares the answer of another, though both are in flight', async (t) => {
  const rounds = collectRounds()
  for (const cache of [false, { maxAge: 0 }] as const) {
    const { authority, app, asked, active } = await start(t, { cache })
    const first = get(app, TOKEN)
    await until(() => asked.length >= 1)
    const second = get(app, TOKEN)
    await until(() => asked.length >= 2)
    asked[1]?.end(inactive)
    isRefused(t, await second, 'CREDENTIAL_INVALID', 'revoked since')
    asked[0]?.end(active())
    rounds.add((await first).statusCode, 200)
    rounds.add(authority.asked.length, 2)
  }
  t.strictSame(rounds.seen, rounds.expected)
})

t.test('an answer in flight is shared as long as a cached one would be used', async (t) => {
  const { authority, asked, active, ask } = await start(t, { cache: { maxAge: 10 } })
  const first = ask()
  await until(() => asked.length >= 1)
  authority.clock.advance(9.999)
  const second = ask()
  authority.clock.advance(0.001)
  const third = ask()
  await until(() => asked.length >= 2)
  asked[1]?.end(inactive)
  await t.rejects(third, InvalidCredential, 'came after the bound, and asked')
  asked[0]?.end(active())
  t.match(await first, { client: 'client-1' }, 'who asked has its own answer')
  await until(() => asked.length >= 3)
  asked[2]?.end(inactive)
  await t.rejects(second, InvalidCredential, 'came before, but the answer is older than the bound now, so it asks')
})

t.test('a fresh look-up shares no answer in flight', async (t) => {
  const { authority, asked, active, ask, resolver } = await start(t)
  const first = ask()
  await until(() => asked.length >= 1)
  const fresh = Promise.resolve(resolver.resolve(TOKEN, authority.clock.now(), lookup({ fresh: true, clock: authority.clock.now })))
  await until(() => asked.length >= 2)
  asked[1]?.end(inactive)
  await t.rejects(fresh, InvalidCredential)
  asked[0]?.end(active())
  t.match(await first, { client: 'client-1' })
})

t.test('requests that waited for an answer that is too old share the next one', async (t) => {
  const { authority, asked, active, ask } = await start(t, { cache: { maxAge: 1 } })
  const first = ask()
  await until(() => asked.length >= 1)
  const others = Promise.all(Array.from({ length: 10 }, ask))
  authority.clock.advance(2)
  asked[0]?.end(active())
  t.match(await first, { client: 'client-1' })
  await until(() => asked.length >= 2)
  authority.clock.advance(2)
  asked[1]?.end(active())
  t.equal((await others).length, 10)
  t.equal(asked.length, 2)
})

t.test('the age of a cached answer counts from when it was asked for', async (t) => {
  const { authority, app, asked, active } = await start(t, { cache: { maxAge: 10 } })
  const first = get(app, TOKEN)
  await until(() => asked.length >= 1)
  authority.clock.advance(9)
  asked[0]?.end(active())
  t.equal((await first).statusCode, 200)
  authority.clock.advance(0.999)
  t.equal((await get(app, TOKEN)).statusCode, 200, 'held')
  authority.clock.advance(0.001)
  const second = get(app, TOKEN)
  await until(() => asked.length >= 2)
  asked[1]?.end(inactive)
  isRefused(t, await second, 'CREDENTIAL_INVALID', 'ten seconds after it was asked for')
})

t.test('an answer is checked by the time at which it came', async (t) => {
  const { authority, app, asked, active } = await start(t)
  const now = authority.clock.now() / 1000
  const first = get(app, TOKEN)
  await until(() => asked.length >= 1)
  authority.clock.advance(3)
  asked[0]?.end(active({ exp: now + 3 }))
  isRefused(t, await first, 'CREDENTIAL_INVALID', 'expired on the way')
  const second = get(app, TOKEN)
  await until(() => asked.length >= 2)
  authority.clock.advance(3)
  asked[1]?.end(active({ nbf: now + 11 }))
  t.equal((await second).statusCode, 200, 'valid by now, with the leeway')
})

t.test('a fresh look-up that is refused empties the cache of the token; an outage does not', async (t) => {
  const { authority, asked, active, resolver } = await start(t)
  const now = authority.clock.now()
  const answer = async (text: string, fresh: boolean) => {
    const count = asked.length
    const found = Promise.resolve(resolver.resolve(TOKEN, now, lookup({ fresh, clock: () => now })))
    await until(() => asked.length > count)
    asked[count]?.end(text)
    return await found
  }
  const first = await answer(active(), false)
  await t.rejects(answer('nonsense', true), { name: 'IssuerUnavailable' })
  t.equal(resolver.resolve(TOKEN, now, lookup({ clock: () => now })), first)
  await t.rejects(answer(inactive, true), InvalidCredential)
  await t.rejects(answer(inactive, false), InvalidCredential, 'asked again')
})
