import t from 'tap'
import { hash, randomUUID } from 'node:crypto'
import { exportSPKI, generateKeyPair } from 'jose'
import { allowPlainHttp } from 'fastify-latchkey'
import { createJwtResolver, type JwtResolverOptions } from 'fastify-latchkey/oauth'
import { collectRounds } from '../helpers/collect.js'
import { AUDIENCE, createAuthority, createPair, forge, get, guarded, isRefused, leaks, part, type Authority } from '../helpers/oauth.js'

function resolverOf ({ issuer }: Authority, over: Partial<JwtResolverOptions> = {}) {
  return createJwtResolver({ issuers: [{ issuer, audience: AUDIENCE }], transport: allowPlainHttp, ...over })
}

t.test('a good token makes a principal like an API key’s; its JWKS is discovered by RFC 8414', async (t) => {
  const authority = await createAuthority(t)
  const { app, log } = await guarded(t, authority, [resolverOf(authority, { claims: { tier: 'plan' } })])
  const token = await authority.issue({ plan: 'pro', scope: 'openid devices:read devices:read' })
  const response = await get(app, token)
  t.equal(response.statusCode, 200)
  const name = `oauth:${hash('sha256', authority.issuer, 'base64url').slice(0, 16)}`
  t.strictSame(response.json(), {
    kind: 'access-token',
    id: `${name}:client:client-1:user:user-1`,
    workspace: 'w1',
    environment: 'production',
    scopes: ['openid', 'devices:read'],
    scheme: 'oauth',
    client: 'client-1',
    owner: 'user-1',
    tier: 'pro',
    expiresAt: new Date(authority.clock.now() + 300_000).toISOString()
  })
  t.strictSame(authority.asked, ['GET /.well-known/oauth-authorization-server', 'GET /jwks'])
  t.equal((await get(app, await authority.issue())).statusCode, 200)
  const rounds = collectRounds()
  for (const typ of ['application/at+jwt', 'AT+JWT', 'Application/At+Jwt']) rounds.add((await get(app, await authority.issue({}, { typ }))).statusCode, 200, typ)
  t.strictSame(rounds.seen, rounds.expected)
  t.equal((await get(app, await authority.issue({ aud: ['https://other', AUDIENCE] }))).statusCode, 200)
  t.equal(authority.asked.length, 2, 'the keys are held')
  leaks(t, token, [log.text, response.body])
})

t.test('a token without the scope is refused in the same words as an API key', async (t) => {
  const authority = await createAuthority(t)
  const { app } = await guarded(t, authority, [resolverOf(authority)])
  const response = await app.inject({ method: 'POST', url: '/devices', headers: { authorization: `Bearer ${await authority.issue()}` } })
  t.equal(response.statusCode, 403)
  t.equal(response.headers['www-authenticate'], 'Bearer realm="api", error="insufficient_scope", scope="devices:write"')
  t.match(response.json(), { code: 'INSUFFICIENT_SCOPE', required: [['devices:write']], granted: ['devices:read'], detail: 'This operation requires devices:write; the credential grants devices:read.' })
})

t.test('every forged or foreign token is 401 invalid_token, and no part of it is shown', async (t) => {
  const authority = await createAuthority(t)
  const { app, log } = await guarded(t, authority, [resolverOf(authority)])
  const { pair, clock, claimsOf, issue } = authority
  const header = { typ: 'at+jwt', kid: 'key-1' }
  const now = Math.floor(clock.now() / 1000)
  const other = await createPair('ES256', 'key-1')
  const rsa = await createPair('RS256')
  const [head = '', body = '', signature = ''] = (await issue()).split('.')
  const spki = await exportSPKI(pair.publicKey)
  const flipped = `${signature.slice(0, 10)}${signature[10] === 'A' ? 'B' : 'A'}${signature.slice(11)}`

  const forged: Record<string, string> = {
    'alg none': `${part({ ...header, alg: 'none' })}.${body}.`,
    'alg None': `${part({ ...header, alg: 'None' })}.${body}.`,
    'alg none with the signature of another': `${part({ ...header, alg: 'none' })}.${body}.${signature}`,
    'HS256 with the public key as PEM': await forge(Buffer.from(spki), { ...header, alg: 'HS256' }, claimsOf()),
    'HS256 with the public key as JWK': await forge(Buffer.from(JSON.stringify(pair.jwk)), { ...header, alg: 'HS256' }, claimsOf()),
    'an algorithm that its key is not for': await forge(rsa.privateKey, { ...header, alg: 'RS256' }, claimsOf()),
    'an algorithm that its issuer does not use': await forge((await createPair('ES384')).privateKey, { ...header, alg: 'ES384' }, claimsOf()),
    'an algorithm that is not a text': `${part({ ...header, alg: ['ES256'] })}.${body}.${signature}`,
    'no algorithm': `${part(header)}.${body}.${signature}`,
    'the key of another': await forge(other.privateKey, header, claimsOf()),
    'a changed signature': `${head}.${body}.${flipped}`,
    'no signature': `${head}.${body}.`,
    'changed claims': `${head}.${part(claimsOf({ scope: 'devices:manage' }))}.${signature}`,
    'a changed header': `${part({ ...header, alg: 'ES256', kid: 'key-1', x: 1 })}.${body}.${signature}`,
    'an ID token': await issue({}, { typ: 'JWT' }),
    'a proof': await issue({}, { typ: 'dpop+jwt' }),
    'no typ': await issue({}, { typ: undefined }),
    'typ with parameters': await issue({}, { typ: 'at+jwt; a=b' }),
    'critical parameters that are known elsewhere': await issue({}, { crit: ['b64'], b64: true }),
    'critical parameters': `${part({ ...header, alg: 'ES256', crit: ['x'], x: 1 })}.${body}.${signature}`,
    'another issuer': await issue({ iss: 'https://evil.example' }),
    'an issuer with a slash more': await issue({ iss: `${authority.issuer}/` }),
    'an issuer in an array': await issue({ iss: [authority.issuer] }),
    'no issuer': await issue({ iss: undefined }),
    'the issuer __proto__': await issue({ iss: '__proto__' }),
    'another audience': await issue({ aud: 'https://other.example' }),
    'an audience that begins like ours': await issue({ aud: `${AUDIENCE}.evil.example` }),
    'audiences without ours': await issue({ aud: ['a', 1, null] }),
    'an audience as an object': await issue({ aud: { [AUDIENCE]: true } }),
    'ours in a nested array': await issue({ aud: [[AUDIENCE]] }),
    'no audience': await issue({ aud: undefined }),
    'the client as audience': await issue({ aud: 'client-1' }),
    'no exp': await issue({ exp: undefined }),
    'exp as a text': await issue({ exp: String(now + 300) }),
    'exp null': await issue({ exp: null }),
    'exp without end': `${head}.${part(JSON.stringify(claimsOf()).replace(/"exp":\d+/, '"exp":1e999'))}.${signature}`,
    'exp beyond all dates': await issue({ exp: 1e13 }),
    'exp below nought': await issue({ exp: -1 }),
    'exp now': await issue({ exp: now }),
    'exp past': await issue({ exp: now - 1 }),
    'nbf to come': await issue({ nbf: now + 6 }),
    'nbf as a text': await issue({ nbf: 'now' }),
    'nbf null': await issue({ nbf: null }),
    'iat to come': await issue({ iat: now + 6 }),
    'iat as a text': await issue({ iat: String(now) }),
    'no iat': await issue({ iat: undefined }),
    'no sub': await issue({ sub: undefined }),
    'sub empty': await issue({ sub: '' }),
    'sub as a number': await issue({ sub: 7 }),
    'no client_id': await issue({ client_id: undefined }),
    'no jti': await issue({ jti: undefined }),
    'no workspace': await issue({ workspace: undefined }),
    'workspace null': await issue({ workspace: null }),
    'workspace empty': await issue({ workspace: '' }),
    'workspace as an array': await issue({ workspace: ['w1'] }),
    'scopes as an object': await issue({ scope: { 'devices:read': true } }),
    'scopes with a number': await issue({ scope: ['devices:read', 1] }),
    'a bound token sent as Bearer': await issue({ cnf: { jkt: 'x' } }),
    'one bound by a certificate': await issue({ cnf: { 'x5t#S256': 'x' } }),
    'one bound by both': await issue({ cnf: { jkt: 'x', 'x5t#S256': 'x' } }),
    'one bound by nothing': await issue({ cnf: {} }),
    'cnf null': await issue({ cnf: null }),
    'cnf a text': await issue({ cnf: 'jkt' }),
    'claims that are an array': await forge(pair.privateKey, header, [claimsOf()]),
    'claims that are a text': await forge(pair.privateKey, header, 'claims'),
    'claims that are null': await forge(pair.privateKey, header, null),
    'claims that are no JSON': `${head}.${part('{')}.${signature}`,
    'a header that is no JSON': `${part('{')}.${body}.${signature}`,
    'a header that is an array': `${part([])}.${body}.${signature}`,
    'five parts': `${head}.${body}.${signature}.${body}.${signature}`,
    'two parts': `${head}.${body}`,
    'one part': head,
    'longer than any token': await issue({ padding: 'x'.repeat(8_192) })
  }
  for (const [what, token] of Object.entries(forged)) {
    const response = await get(app, token)
    isRefused(t, response, 'CREDENTIAL_INVALID', what)
    leaks(t, token, [response.body, JSON.stringify(response.headers), log.text])
  }
  t.equal((await get(app, await issue())).statusCode, 200, 'and a good one still is good')
  t.ok(authority.asked.filter((line) => line === 'GET /jwks').length <= 1, 'none of them made it ask again')
})

t.test('jku, jwk, x5u and x5c of the header are not read', async (t) => {
  const authority = await createAuthority(t)
  const { app } = await guarded(t, authority, [resolverOf(authority)])
  const evil = await createPair('ES256', 'evil')
  authority.answers.set('/evil', (_request, response) => response.end(JSON.stringify({ keys: [evil.jwk] })))
  for (const extra of [{ jku: `${authority.issuer}/evil` }, { jwk: evil.jwk }, { x5u: `${authority.issuer}/evil` }, { x5c: ['AAAA'] }, { kid: '../../evil' }, { kid: `${authority.issuer}/evil` }]) {
    for (const kid of ['evil', 'key-1', undefined]) {
      const token = await forge(evil.privateKey, { typ: 'at+jwt', kid, ...extra }, authority.claimsOf())
      isRefused(t, await get(app, token), 'CREDENTIAL_INVALID', JSON.stringify(extra))
    }
  }
  t.notOk(authority.asked.some((line) => line.includes('evil')), 'nobody was asked')
})

t.test('iat and nbf have a small leeway, exp has none', async (t) => {
  const authority = await createAuthority(t)
  const { app } = await guarded(t, authority, [resolverOf(authority)])
  const now = authority.clock.now() / 1000
  t.equal((await get(app, await authority.issue({ iat: now + 5, nbf: now + 5 }))).statusCode, 200)
  const token = await authority.issue({ exp: now + 10 })
  authority.clock.advance(9.999)
  t.equal((await get(app, token)).statusCode, 200)
  authority.clock.advance(0.001)
  isRefused(t, await get(app, token), 'CREDENTIAL_INVALID', 'at the millisecond')
})

t.test('all asymmetric algorithms work where the options list them', async (t) => {
  const rounds = collectRounds()
  for (const alg of ['RS256', 'PS256', 'ES384', 'ES512', 'Ed25519', 'EdDSA'] as const) {
    const authority = await createAuthority(t)
    const pair = await createPair(alg, alg)
    const { app } = await guarded(t, authority, [createJwtResolver({ issuers: [{ issuer: authority.issuer, audience: AUDIENCE, algorithms: [alg], jwks: { keys: [pair.jwk] } }] })])
    rounds.add((await get(app, await forge(pair.privateKey, { typ: 'at+jwt', alg, kid: alg }, authority.claimsOf()))).statusCode, 200, alg)
    isRefused(t, await get(app, await authority.issue({}, { kid: alg })), 'CREDENTIAL_INVALID', `ES256 where ${alg} is stated`)
    rounds.add(authority.asked, [], 'static keys need nobody')
  }
  t.strictSame(rounds.seen, rounds.expected)
})

t.test('a signing key that is too weak, or for another use, verifies nothing', async (t) => {
  const authority = await createAuthority(t)
  const weak = await generateKeyPair('RS256', { modulusLength: 2048, extractable: true })
  const pair = await createPair()
  const { app } = await guarded(t, authority, [createJwtResolver({ issuers: [{ issuer: authority.issuer, audience: AUDIENCE, jwks: { keys: [{ ...pair.jwk, use: 'enc' }] } }] })])
  isRefused(t, await get(app, await forge(pair.privateKey, { typ: 'at+jwt', kid: 'key-1' }, authority.claimsOf())), 'CREDENTIAL_INVALID', 'a key for encryption')
  isRefused(t, await get(app, await forge(weak.privateKey, { typ: 'at+jwt', kid: 'key-1', alg: 'RS256' }, authority.claimsOf())), 'CREDENTIAL_INVALID', 'no such key')
})

t.test('several issuers are independent: each has its own JWKS, audience, claims and environment', async (t) => {
  const [one, other] = [await createAuthority(t), await createAuthority(t)]
  const { app } = await guarded(t, one, [createJwtResolver({
    issuers: [
      { issuer: one.issuer, audience: [AUDIENCE, 'https://old.example.com'] },
      { issuer: other.issuer, audience: 'https://other.example.com', environment: 'sandbox', claims: { workspace: 'org_id' } }
    ],
    claims: { workspace: 'workspace', tier: 'plan' },
    transport: allowPlainHttp
  })], { environment: ['production', 'sandbox'], limits: false })
  t.match((await get(app, await one.issue({ aud: 'https://old.example.com' }))).json(), { workspace: 'w1', environment: 'production' })
  const good = { aud: 'https://other.example.com', org_id: 'w2', plan: 'pro' }
  const theirs = (await get(app, await other.issue(good))).json()
  t.match(theirs, { workspace: 'w2', environment: 'sandbox', tier: 'pro' }, 'claims of the resolver, unless the issuer has its own')
  t.not(theirs.id, (await get(app, await one.issue())).json().id, 'the same names of two issuers are two principals')
  isRefused(t, await get(app, await other.issue({ ...good, aud: AUDIENCE })), 'CREDENTIAL_INVALID', 'the audience of the other')
  isRefused(t, await get(app, await forge(other.pair.privateKey, { typ: 'at+jwt', kid: 'key-1' }, one.claimsOf())), 'CREDENTIAL_INVALID', 'keys of the other')
})

t.test('a token without a kid is refused where several signing keys fit, and verified by the only one', async (t) => {
  const authority = await createAuthority(t)
  const { app } = await guarded(t, authority, [resolverOf(authority, { cooldown: 1 })])
  t.equal((await get(app, await authority.issue({}, { kid: undefined }))).statusCode, 200)
  authority.answers.set('/jwks', (_request, response) => response.end(JSON.stringify({ keys: [authority.pair.jwk, { ...authority.pair.jwk, kid: randomUUID() }] })))
  authority.clock.advance(600)
  isRefused(t, await get(app, await authority.issue({}, { kid: undefined })), 'CREDENTIAL_INVALID', 'several')
})
