import t from 'tap'
import fc from 'fast-check'
import { CompactSign } from 'jose'
import { allowPlainHttp, InvalidCredential, type LatchkeyOptions } from 'fastify-latchkey'
import { createIntrospectionResolver, createJwtResolver, type JwtResolverOptions, type Partition } from 'fastify-latchkey/oauth'
import { collectRounds } from '../helpers/collect.js'
import { lookup } from '../helpers/lookup.js'
import { AUDIENCE, createAuthority, forge, get, guarded, isRefused, json, leaks, scopes, type Authority, type Claims } from '../helpers/oauth.js'

const TOKEN = 'opaque-token-of-many-characters-0123456789'
const halves = ['\ud800', 'user-\udfff', '\udc00\ud800', 'a\udbff\ufffd']

function jwtOf ({ issuer, pair }: Authority, over: Partial<JwtResolverOptions> = {}) {
  return createJwtResolver({ issuers: [{ issuer, audience: AUDIENCE, jwks: { keys: [pair.jwk] } }], transport: allowPlainHttp, claims: { tier: 'tier' }, ...over })
}

function opaqueOf ({ issuer }: Authority, over: object = {}) {
  return createIntrospectionResolver({
    issuer, endpoint: `${issuer}/introspect`, client: { id: 'api', secret: 's' }, audience: AUDIENCE, transport: allowPlainHttp, cache: false, claims: { tier: 'tier' }, ...over
  })
}

t.test('a claim with half a surrogate pair is 401, in a JWT and in an introspection answer', async (t) => {
  const authority = await createAuthority(t)
  const { app, log } = await guarded(t, authority, [jwtOf(authority), opaqueOf(authority)])
  for (const half of halves) {
    const rows: Claims[] = ['sub', 'client_id', 'workspace', 'tier', 'iss'].map((claim) => ({ [claim]: half }))
    for (const row of [...rows, { scope: `devices:read ${half}` }, { scope: ['devices:read', half] }, { cnf: { jkt: half } }, { sub: half, client_id: half }]) {
      const token = await authority.issue(row)
      isRefused(t, await get(app, token), 'CREDENTIAL_INVALID', JSON.stringify(row))
      leaks(t, token, [log.text])
      authority.answers.set('/introspect', json({ ...authority.claimsOf(row), active: true, token_type: 'Bearer' }))
      isRefused(t, await get(app, TOKEN), 'CREDENTIAL_INVALID', JSON.stringify(row))
    }
    isRefused(t, await get(app, await authority.issue({ jti: half })), 'CREDENTIAL_INVALID', 'jti')
    isRefused(t, await get(app, await authority.issue({ aud: half })), 'CREDENTIAL_INVALID', 'aud')
    isRefused(t, await get(app, await authority.issue({}, { kid: half, typ: 'at+jwt' })), 'CREDENTIAL_INVALID', 'kid')
  }
  const whole = await get(app, await authority.issue({ sub: '\ud83d\ude00', workspace: 'w\u00fc\ufffd' }))
  t.match(whole.json(), { owner: '\ud83d\ude00', workspace: 'w\u00fc\ufffd' }, 'whole characters are texts')
})

t.test('names from claims have the bounds of names from the host: 1 to 256 characters without control characters', async (t) => {
  const authority = await createAuthority(t)
  const { app } = await guarded(t, authority, [jwtOf(authority, { claims: { tier: 'tier' } }), opaqueOf(authority, { claims: { tier: 'tier' } })])
  const rounds = collectRounds()
  for (const field of ['sub', 'client_id', 'workspace', 'tier']) {
    for (const value of ['a\0b', 'x\n', '\x7f', 'x'.repeat(257), 'x'.repeat(300)]) {
      isRefused(t, await get(app, await authority.issue({ [field]: value })), 'CREDENTIAL_INVALID', `${field} ${JSON.stringify(value)} in a JWT`)
      authority.answers.set('/introspect', json({ ...authority.claimsOf({ [field]: value }), active: true, token_type: 'Bearer' }))
      isRefused(t, await get(app, TOKEN), 'CREDENTIAL_INVALID', `${field} ${JSON.stringify(value)} in an introspection answer`)
    }
    rounds.add((await get(app, await authority.issue({ [field]: 'ü'.repeat(256) }))).statusCode, 200, field)
  }
  t.strictSame(rounds.seen, rounds.expected)
})

t.test('what a function of the host makes of claims is checked too', async (t) => {
  const authority = await createAuthority(t)
  for (const field of ['workspace', 'environment', 'tier', 'owner', 'scopes'] as const) {
    const { app } = await guarded(t, authority, [jwtOf(authority, { claims: { [field]: () => field === 'scopes' ? ['\ud800'] : '\ud800' } })])
    isRefused(t, await get(app, await authority.issue()), 'CREDENTIAL_INVALID', field)
  }
})

t.test('bytes that are not UTF-8 are no claims: 401 in a JWT, 503 in an introspection answer', async (t) => {
  const authority = await createAuthority(t)
  const { app } = await guarded(t, authority, [jwtOf(authority), opaqueOf(authority)])
  for (const byte of [0xff, 0xfe, 0xc0]) {
    const bytes = Buffer.from(JSON.stringify(authority.claimsOf({ sub: 'user-@', active: true, token_type: 'Bearer' })))
    bytes[bytes.indexOf('@')] = byte
    const token = await new CompactSign(bytes).setProtectedHeader({ alg: 'ES256', typ: 'at+jwt', kid: 'key-1' }).sign(authority.pair.privateKey)
    isRefused(t, await get(app, token), 'CREDENTIAL_INVALID', `the byte ${byte}`)
    authority.answers.set('/introspect', (_request, response) => response.end(bytes))
    isRefused(t, await get(app, TOKEN), 'AUTHENTICATION_UNAVAILABLE', `the byte ${byte}`)
  }
})

t.test('two principals never become one in UTF-8', async (t) => {
  const authority = await createAuthority(t)
  const resolver = jwtOf(authority)
  const text = fc.string({ minLength: 1, maxLength: 3, unit: fc.constantFrom('a', '%', ':', '\ud800', '\udc00', '\ufffd', '\ud83d\ude00') })
  const all = new Map<string, string>()
  let refused = 0
  await fc.assert(fc.asyncProperty(text, text, text, async (client, subject, workspace) => {
    const token = await forge(authority.pair.privateKey, { typ: 'at+jwt', kid: 'key-1' }, authority.claimsOf({ client_id: client, sub: subject, workspace }))
    const found = await Promise.resolve(resolver.resolve(token, authority.clock.now(), lookup({ clock: authority.clock.now }))).catch((fault: unknown) => fault)
    if (found instanceof InvalidCredential) return ++refused > 0
    if (typeof found !== 'object' || found === null || !('id' in found) || !('workspace' in found)) return false
    const bytes = Buffer.from(JSON.stringify([found.id, found.workspace])).toString('latin1')
    const means = JSON.stringify([client, subject, workspace])
    const known = all.get(bytes) ?? means
    all.set(bytes, known)
    return known === means
  }), { seed: 3, numRuns: 800 })
  t.ok(refused > 50 && all.size > 50, `${refused} refused, ${all.size} taken`)
})

t.test('a client that acts for itself is counted apart from a user of its name, in every partition', async (t) => {
  const one: Partial<LatchkeyOptions> = { limits: { environments: { production: [{ name: 'few', quota: 1, window: 60 }] } } }
  const rounds = collectRounds()
  const patterns = collectRounds()
  for (const partition of ['client-and-user', 'client', 'user'] satisfies Partition[]) {
    const authority = await createAuthority(t)
    const { app } = await guarded(t, authority, [jwtOf(authority, { partition })], one)
    const client = await authority.issue({ client_id: 'alice', sub: 'alice' })
    const user = await authority.issue({ client_id: 'another', sub: 'alice' })
    const mine = await get(app, client)
    rounds.add(mine.statusCode, 200)
    patterns.add(mine.json().id, /^oauth:[\w-]{16}:client:alice$/)
    rounds.add(mine.json().owner, undefined)
    const theirs = await get(app, user)
    rounds.add(theirs.statusCode, 200, `${partition}: counted apart`)
    rounds.add(theirs.json().owner, 'alice')
    rounds.add((await get(app, client)).statusCode, 429)
    rounds.add((await get(app, user)).statusCode, 429)
  }
  t.strictSame(rounds.seen, rounds.expected)
  t.match(patterns.seen, patterns.expected)
})

t.test('a client, a user or a workspace with the name of an API key shares nothing with it', async (t) => {
  const authority = await createAuthority(t)
  const rounds = collectRounds()
  for (const partition of ['client-and-user', 'client', 'user'] satisfies Partition[]) {
    const { app } = await guarded(t, authority, [jwtOf(authority, { partition })], {
      scopes, keys: { prefix: 'acme' }, limits: { environments: { production: [{ name: 'few', quota: 1, window: 60 }] } }
    })
    const { key, secret: text } = await app.latchkey.keys.issue({ workspace: 'w1', scopes: ['devices:read'] })
    for (const name of [key.id, `${key.id}:`]) {
      const token = await authority.issue({ client_id: name, sub: name, workspace: key.id })
      const response = await get(app, token)
      rounds.add(response.statusCode, 200, `${partition}: ${name}`)
      rounds.add(/^key_/.test(String(response.json().id)), false)
    }
    rounds.add((await get(app, text)).statusCode, 403, 'the key has a count of its own; the route is for tokens')
    rounds.add((await get(app, text)).statusCode, 429)
  }
  t.strictSame(rounds.seen, rounds.expected)
})

t.test('username names nobody: an answer without sub that has one is refused', async (t) => {
  const authority = await createAuthority(t)
  const asked: string[][] = []
  const { app } = await guarded(t, authority, [opaqueOf(authority, { scopes, permissionsOf: (...given: string[]) => { asked.push(given); return [] } })])
  const answer = (claims: Claims) => authority.answers.set('/introspect', json({ ...authority.claimsOf({ sub: undefined, ...claims }), active: true, token_type: 'Bearer' }))
  for (const username of ['alice', 'client-1', 'user-1', '', 7, {}, '\ud800']) {
    answer({ username })
    isRefused(t, await get(app, TOKEN), 'CREDENTIAL_INVALID', `username ${JSON.stringify(username)}`)
  }
  t.strictSame(asked, [], 'and nobody’s permissions are asked for')
  answer({ sub: 'user-1', username: 'user-2' })
  t.equal((await get(app, TOKEN)).statusCode, 403)
  t.strictSame(asked, [['user-1', 'w1']], 'sub says whose they are')
  const rounds = collectRounds()
  for (const claims of [{}, { username: null }]) {
    answer(claims)
    const client = (await get(app, TOKEN)).json()
    rounds.add([client.client, client.owner], ['client-1', undefined], 'neither: the client itself')
  }
  t.strictSame(rounds.seen, rounds.expected)
})

t.test('sub and username of two answers are never one principal', async (t) => {
  const authority = await createAuthority(t)
  const { app } = await guarded(t, authority, [opaqueOf(authority, { claims: { owner: 'username' } })])
  const idOf = async (claims: Claims) => {
    authority.answers.set('/introspect', json({ ...authority.claimsOf(claims), active: true, token_type: 'Bearer' }))
    return (await get(app, TOKEN)).json()
  }
  const [one, other] = [await idOf({ sub: 'u1', username: 'alice' }), await idOf({ sub: 'alice', username: 'u1' })]
  t.not(one.id, other.id)
  t.strictSame([one.owner, other.owner], ['alice', 'u1'], 'an owner is what the host says')
})
