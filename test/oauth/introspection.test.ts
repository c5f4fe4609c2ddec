import t, { type Test } from 'tap'
import Fastify from 'fastify'
import { allowPlainHttp, latchkey } from 'fastify-latchkey'
import { createIntrospectionResolver, type IntrospectionResolverOptions } from 'fastify-latchkey/oauth'
import { collectRounds } from '../helpers/collect.js'
import { as } from '../helpers/contracts.js'
import { lookup } from '../helpers/lookup.js'
import { AUDIENCE, createAuthority, get, guarded, isRefused, json, scopes, type Authority, type Claims } from '../helpers/oauth.js'

const TOKEN = 'opaque-token-of-many-characters-0123456789'

function resolverOf ({ issuer }: Authority, over: Partial<IntrospectionResolverOptions> = {}) {
  return createIntrospectionResolver({
    issuer, endpoint: `${issuer}/introspect`, client: { id: 'api', secret: 'very:secret ü' }, audience: AUDIENCE, transport: allowPlainHttp, ...over
  })
}

/** An authority that calls one token active, with what it was asked. */
async function start (t: Test, over: Claims = {}) {
  const authority = await createAuthority(t)
  const seen: Array<{ authorization: string | undefined, form: URLSearchParams, url: string | undefined }> = []
  const active = (changes: Claims = {}) => ({ ...authority.claimsOf(), active: true, token_type: 'Bearer', ...over, ...changes })
  const answer = (changes: Claims = {}) => authority.answers.set('/introspect', (request, response, body) => {
    const form = new URLSearchParams(body)
    seen.push({ authorization: request.headers.authorization, form, url: request.url })
    json(form.get('token') === TOKEN ? active(changes) : { active: false })(request, response, body)
  })
  answer()
  return { authority, seen, answer }
}

t.test('an active token makes a principal; the API authenticates itself, and the token is in no URL', async (t) => {
  const { authority, seen } = await start(t)
  const { app, log } = await guarded(t, authority, [resolverOf(authority)])
  const response = await get(app, TOKEN)
  t.equal(response.statusCode, 200)
  t.match(response.json(), { kind: 'access-token', workspace: 'w1', scopes: ['devices:read'], client: 'client-1', owner: 'user-1', environment: 'production' })
  t.equal(seen[0]?.url, '/introspect')
  t.equal(seen[0]?.authorization, `Basic ${Buffer.from('api:very%3Asecret+%C3%BC').toString('base64')}`)
  t.strictSame([...seen[0]?.form ?? []], [['token', TOKEN], ['token_type_hint', 'access_token']])
  t.notMatch(log.text, TOKEN)
  isRefused(t, await get(app, 'another-token'), 'CREDENTIAL_INVALID', 'not active')
})

t.test('client_secret_post sends id and secret in the form', async (t) => {
  const { authority, seen } = await start(t)
  const { app } = await guarded(t, authority, [resolverOf(authority, { client: { id: 'api', secret: 's', method: 'post' } })])
  t.equal((await get(app, TOKEN)).statusCode, 200)
  t.equal(seen[0]?.authorization, undefined)
  t.strictSame([seen[0]?.form.get('client_id'), seen[0]?.form.get('client_secret')], ['api', 's'])
})

t.test('a token that is not exactly active, or not for this API, is 401', async (t) => {
  const { authority, answer } = await start(t)
  const { app, log } = await guarded(t, authority, [resolverOf(authority, { cache: false })])
  const now = Math.floor(authority.clock.now() / 1000)
  const rows: ReadonlyArray<Claims> = [
    { active: false },
    { iss: 'https://evil.example' }, { iss: null }, { aud: 'https://other.example' }, { aud: undefined }, { aud: { [AUDIENCE]: 1 } }, { aud: [[AUDIENCE]] },
    { token_type: 'refresh_token' }, { token_type: null }, { token_type: undefined, token_use: 'refresh_token' }, { token_type: 1 }, { token_use: 'refresh_token' },
    { exp: now }, { exp: now - 1 }, { exp: String(now + 60) }, { exp: null }, { nbf: now + 6 }, { nbf: 'x' },
    { client_id: undefined }, { client_id: 7 }, { sub: '' }, { sub: null }, { workspace: undefined }, { scope: 7 },
    { cnf: { jkt: 'x' } }, { cnf: {} }, { cnf: null }, { cnf: { 'x5t#S256': 'x' } }
  ]
  for (const row of rows) {
    answer(row)
    isRefused(t, await get(app, TOKEN), 'CREDENTIAL_INVALID', JSON.stringify(row))
  }
  const rounds = collectRounds()
  for (const row of [{ iss: undefined }, { exp: undefined }, { token_type: 'bearer' }, { token_type: undefined }, { sub: undefined }, { aud: ['x', AUDIENCE] }, { nbf: now + 5 }, { token_use: 'access_token' }]) {
    answer(row)
    rounds.add((await get(app, TOKEN)).statusCode, 200, JSON.stringify(row))
  }
  t.strictSame(rounds.seen, rounds.expected)
  for (const active of ['true', 'false', 1, 0, {}, [], null, undefined]) {
    answer({ active })
    isRefused(t, await get(app, TOKEN), 'AUTHENTICATION_UNAVAILABLE', `active ${JSON.stringify(active)}: no answer that RFC 7662 knows`)
  }
  t.notMatch(log.text, TOKEN)
})

t.test('`audience: false` accepts answers without an audience', async (t) => {
  const { authority, answer } = await start(t, { aud: undefined, sub: undefined })
  const { app } = await guarded(t, authority, [resolverOf(authority, { audience: false })])
  const { owner, client } = (await get(app, TOKEN)).json()
  t.strictSame([client, owner], ['client-1', undefined], 'a client that acts for itself')
  authority.clock.advance(60)
  answer({ token_type: undefined })
  isRefused(t, await get(app, TOKEN), 'CREDENTIAL_INVALID', 'it may be a refresh token, which has neither audience nor type')
  answer({ token_type: undefined, token_use: 'access_token' })
  t.equal((await get(app, TOKEN)).statusCode, 200)
})

t.test('a revoked token is noticed after `cache.maxAge`, and never used beyond its exp', async (t) => {
  const { authority, seen, answer } = await start(t)
  const { app } = await guarded(t, authority, [resolverOf(authority, { cache: { maxAge: 30 } })])
  answer({ exp: undefined })
  t.equal((await get(app, TOKEN)).statusCode, 200)
  answer({ active: false })
  authority.clock.advance(29.999)
  t.equal((await get(app, TOKEN)).statusCode, 200)
  t.equal(seen.length, 1)
  authority.clock.advance(0.001)
  isRefused(t, await get(app, TOKEN), 'CREDENTIAL_INVALID', 'revoked')
  answer({ exp: authority.clock.now() / 1000 + 2 })
  t.equal((await get(app, TOKEN)).statusCode, 200)
  authority.clock.advance(2)
  isRefused(t, await get(app, TOKEN), 'CREDENTIAL_INVALID', 'expired')
})

t.test('with the cache off every request asks the server', async (t) => {
  const { authority, seen, answer } = await start(t)
  const { app } = await guarded(t, authority, [resolverOf(authority, { cache: false })])
  t.equal((await get(app, TOKEN)).statusCode, 200)
  answer({ active: false })
  isRefused(t, await get(app, TOKEN), 'CREDENTIAL_INVALID', 'at once')
  answer()
  const before = seen.length
  const all = await Promise.all(Array.from({ length: 50 }, () => get(app, TOKEN)))
  t.ok(all.every(({ statusCode }) => statusCode === 200))
  t.equal(seen.length, before + 50)
})

t.test('the cache is bounded, forgets the oldest, and is passed over by a fresh look-up', async (t) => {
  const authority = await createAuthority(t)
  let asked = 0
  authority.answers.set('/introspect', (request, response, body) => {
    asked++
    json({ ...authority.claimsOf(), active: true, token_type: 'Bearer' })(request, response, body)
  })
  const resolver = resolverOf(authority, { cache: { size: 2 } })
  const ask = (token: string, fresh = false) => resolver.resolve(token, authority.clock.now(), lookup({ fresh, clock: authority.clock.now }))
  for (const token of ['a', 'b', 'c', 'b', 'c', 'a']) await ask(token)
  t.equal(asked, 4, 'a was forgotten')
  await ask('a', true)
  t.equal(asked, 5)
})

t.test('opaque tokens may be sender-constrained too', async (t) => {
  const { authority } = await start(t, { token_type: 'DPoP', cnf: { jkt: 'x' } })
  const { app } = await guarded(t, authority, [resolverOf(authority, { dpop: true })])
  const response = await app.inject({ url: '/devices', headers: { authorization: `DPoP ${TOKEN}`, dpop: 'a.b.c' } })
  t.equal(response.statusCode, 401)
  t.match(response.headers['www-authenticate'], 'DPoP realm="api", error="invalid_dpop_proof", algs=')
})

t.test('API keys of this host are never sent to the authorization server', async (t) => {
  const { authority, seen } = await start(t)
  const app = Fastify()
  t.teardown(() => app.close())
  await app.register(latchkey, { scopes, keys: { prefix: 'acme' }, environment: 'production', resolvers: [resolverOf(authority)], transport: allowPlainHttp, clock: authority.clock.now })
  app.get('/devices', { schema: { security: [{ apiKey: ['devices:read'] }, { oauth: ['devices:read'] }] } }, (request) => request.principal)
  const { secret: text } = await app.latchkey.keys.issue({ workspace: 'w1', scopes: ['devices:read'] })
  t.equal((await as(app, text)('GET /devices')).statusCode, 200)
  t.equal((await as(app, `${text.slice(0, -1)}~`)('GET /devices')).statusCode, 401)
  t.equal(seen.length, 0)
  t.equal((await as(app, TOKEN)('GET /devices')).statusCode, 200)
  t.equal(seen.length, 1)
})
