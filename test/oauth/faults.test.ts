import { once } from 'node:events'
import { createServer } from 'node:https'
import t, { type Test } from 'tap'
import { allowPlainHttp } from 'fastify-latchkey'
import { createIntrospectionResolver, createJwtResolver, type JwtResolverOptions } from 'fastify-latchkey/oauth'
import { collectRounds } from '../helpers/collect.js'
import { portOf } from '../helpers/doors.js'
import { AUDIENCE, createAuthority, createPair, forge, get, guarded, isRefused, json, leaks, type Answer, type Authority } from '../helpers/oauth.js'
import { selfSigned } from '../helpers/tls.js'

const faults: Record<string, Answer> = {
  down: (request) => request.socket.destroy(),
  'reset in the middle': (request, response) => {
    response.writeHead(200, { 'content-length': '100' })
    response.write('{"keys"', () => request.socket.destroy())
  },
  slow: () => {},
  'slow in the middle': (_request, response) => { response.write('{') },
  500: (_request, response) => response.writeHead(500).end('{"active":true}'),
  401: (_request, response) => response.writeHead(401).end('{}'),
  204: (_request, response) => response.writeHead(204).end(),
  'a redirect': (_request, response) => response.writeHead(302, { location: '/elsewhere' }).end('{}'),
  'no JSON': (_request, response) => response.end('<html>'),
  'an empty body': (_request, response) => response.end(),
  'an array': json([]),
  null: json(null),
  'a huge body': (_request, response) => response.end(`{"keys":[],"x":"${'x'.repeat(300_000)}"}`)
}

const notKeys: Record<string, Answer> = {
  'keys that are no array': json({ keys: {} }),
  'keys of no form': json({ keys: ['x'] }),
  nothing: json({})
}

function resolverOf ({ issuer }: Authority, over: Partial<JwtResolverOptions> = {}) {
  return createJwtResolver({ issuers: [{ issuer, audience: AUDIENCE, jwksUri: `${issuer}/jwks` }], transport: allowPlainHttp, deadline: 5, cooldown: 10, ...over })
}

/** Seconds; whoever is not slow has all the time that a busy machine needs. */
function deadlineOf (fault: string): number {
  return fault.startsWith('slow') ? 1 : 10
}

async function start (t: Test, over: Partial<JwtResolverOptions> = {}) {
  const authority = await createAuthority(t)
  authority.answers.set('/elsewhere', json({ keys: [authority.pair.jwk], active: true }))
  return { authority, ...await guarded(t, authority, [resolverOf(authority, over)]) }
}

for (const [what, answer] of Object.entries({ ...faults, ...notKeys })) {
  t.test(`key set ${what}: 503 for keys that are not known, the known go on, and it mends itself`, async (t) => {
    const { authority, app, log } = await start(t, { deadline: deadlineOf(what) })
    const good = json({ keys: [authority.pair.jwk] })
    authority.answers.set('/jwks', answer)
    const token = await authority.issue()
    isRefused(t, await get(app, token), 'AUTHENTICATION_UNAVAILABLE', 'cold')
    isRefused(t, await get(app, token), 'AUTHENTICATION_UNAVAILABLE', 'in the cool-down')
    t.equal(authority.asked.length, 1)
    authority.answers.set('/jwks', good)
    authority.clock.advance(10)
    t.equal((await get(app, token)).statusCode, 200, 'after it')

    authority.answers.set('/jwks', answer)
    authority.clock.advance(60)
    const unknown = await forge(authority.pair.privateKey, { typ: 'at+jwt', kid: 'key-2' }, authority.claimsOf())
    isRefused(t, await get(app, unknown), 'AUTHENTICATION_UNAVAILABLE', 'an unknown key')
    t.equal((await get(app, await authority.issue())).statusCode, 200, 'the known key')
    authority.clock.advance(3_600)
    t.equal((await get(app, await authority.issue())).statusCode, 200, 'an hour later')
    authority.clock.advance(86_400)
    isRefused(t, await get(app, await authority.issue()), 'AUTHENTICATION_UNAVAILABLE', 'not for ever')
    t.notOk(authority.asked.includes('GET /elsewhere'), 'redirects are not followed')
    leaks(t, token, [log.text])
  })

  t.test(`introspection ${what}: 503`, async (t) => {
    const authority = await createAuthority(t)
    authority.answers.set('/introspect', faults[what] ?? json({ keys: [], active: 'maybe' }))
    authority.answers.set('/elsewhere', json({ ...authority.claimsOf(), active: true, token_type: 'Bearer' }))
    const { app, log } = await guarded(t, authority, [createIntrospectionResolver({
      issuer: authority.issuer, endpoint: `${authority.issuer}/introspect`, client: { id: 'a', secret: 'b' }, audience: AUDIENCE, transport: allowPlainHttp, deadline: deadlineOf(what)
    })])
    isRefused(t, await get(app, 'opaque-token-0123456789'), 'AUTHENTICATION_UNAVAILABLE', what)
    t.notOk(authority.asked.some((line) => line.includes('elsewhere')))
    t.notMatch(log.text, 'opaque-token-0123456789')
  })
}

t.test('an authorization server that can not be reached is an outage', async (t) => {
  const authority = await createAuthority(t)
  const { app } = await guarded(t, authority, [createJwtResolver({ issuers: [{ issuer: authority.issuer, audience: AUDIENCE, jwksUri: 'http://127.0.0.1:1/jwks' }], transport: allowPlainHttp })])
  isRefused(t, await get(app, await authority.issue()), 'AUTHENTICATION_UNAVAILABLE')
})

t.test('a flood of unknown kids loads the JWKS at most once in a cool-down', async (t) => {
  const { authority, app } = await start(t)
  t.equal((await get(app, await authority.issue())).statusCode, 200)
  t.equal(authority.asked.length, 1)
  const flood = async () => await Promise.all(Array.from({ length: 50 }, async (_, i) => await get(app, await authority.issue({}, { kid: `unknown-${i}` }))))
  for (const response of await flood()) isRefused(t, response, 'CREDENTIAL_INVALID', 'within the cool-down of the first load')
  t.equal(authority.asked.length, 1)
  authority.clock.advance(10)
  for (const response of await flood()) isRefused(t, response, 'CREDENTIAL_INVALID', 'after one more load')
  t.equal(authority.asked.length, 2)
})

t.test('signing keys are rotated without a pause, and a withdrawn one is refused after `jwksMaxAge`', async (t) => {
  const { authority, app } = await start(t)
  const old = await authority.issue()
  t.equal((await get(app, old)).statusCode, 200)
  const next = await createPair('ES256', 'key-2')
  authority.answers.set('/jwks', json({ keys: [authority.pair.jwk, next.jwk] }))
  authority.clock.advance(10)
  t.equal((await get(app, await forge(next.privateKey, { typ: 'at+jwt', kid: 'key-2' }, authority.claimsOf()))).statusCode, 200, 'the new key is looked for')
  authority.answers.set('/jwks', json({ keys: [next.jwk] }))
  authority.clock.advance(600)
  isRefused(t, await get(app, await authority.issue()), 'CREDENTIAL_INVALID', 'the old key')
  t.equal((await get(app, await forge(next.privateKey, { typ: 'at+jwt', kid: 'key-2' }, authority.claimsOf()))).statusCode, 200)
})

t.test('a broken JWK is an outage of its issuer', async (t) => {
  const { authority, app } = await start(t)
  authority.answers.set('/jwks', json({ keys: [{ ...authority.pair.jwk, x: 'AAAA' }] }))
  isRefused(t, await get(app, await authority.issue()), 'AUTHENTICATION_UNAVAILABLE')
})

t.test('an RSA JWK of 1024 bits is an outage of its issuer', async (t) => {
  const { authority, app } = await start(t)
  const n = Buffer.concat([Buffer.from([0xc1]), Buffer.alloc(126, 7), Buffer.from([1])]).toString('base64url')
  authority.answers.set('/jwks', json({ keys: [{ kty: 'RSA', kid: 'key-1', n, e: 'AQAB' }] }))
  const [, body = ''] = (await authority.issue()).split('.')
  const header = Buffer.from(JSON.stringify({ alg: 'RS256', typ: 'at+jwt', kid: 'key-1' })).toString('base64url')
  isRefused(t, await get(app, `${header}.${body}.${Buffer.alloc(128, 1).toString('base64url')}`), 'AUTHENTICATION_UNAVAILABLE')
})

t.test('discovery falls back to OpenID Connect, takes metadata of this issuer only, and requests allowed URLs only', async (t) => {
  const discovered = async (over: Record<string, unknown>, path = '/.well-known/oauth-authorization-server') => {
    const authority = await createAuthority(t)
    authority.answers.delete('/.well-known/oauth-authorization-server')
    authority.answers.set(path, json({ issuer: authority.issuer, jwks_uri: `${authority.issuer}/jwks`, ...over }))
    const { app } = await guarded(t, authority, [createJwtResolver({ issuers: [{ issuer: authority.issuer, audience: AUDIENCE }], transport: allowPlainHttp, cooldown: 1 })])
    return { authority, app, response: await get(app, await authority.issue()) }
  }
  t.equal((await discovered({}, '/.well-known/openid-configuration')).response.statusCode, 200)
  for (const over of [{ issuer: 'https://evil.example' }, { issuer: undefined }, { jwks_uri: undefined }, { jwks_uri: 'file:///etc/passwd' }, { jwks_uri: 'jwks' }, { jwks_uri: 1 }]) {
    isRefused(t, (await discovered(over)).response, 'AUTHENTICATION_UNAVAILABLE', JSON.stringify(over))
  }
  const { authority, app, response } = await discovered({ jwks_uri: 'http://127.0.0.1:1/jwks' })
  isRefused(t, response, 'AUTHENTICATION_UNAVAILABLE', 'keys moved')
  authority.answers.set('/.well-known/oauth-authorization-server', json({ issuer: authority.issuer, jwks_uri: `${authority.issuer}/jwks` }))
  authority.clock.advance(1)
  t.equal((await get(app, await authority.issue())).statusCode, 200, 'it is discovered again')
})

t.test('a plain-http jwks_uri in the metadata of an https issuer is 503, and nobody is asked for it', async (t) => {
  const { NODE_TLS_REJECT_UNAUTHORIZED: before } = process.env
  process.env.NODE_TLS_REJECT_UNAUTHORIZED = '0' // the certificate signs itself
  t.teardown(() => {
    if (before === undefined) delete process.env.NODE_TLS_REJECT_UNAUTHORIZED
    else process.env.NODE_TLS_REJECT_UNAUTHORIZED = before
  })
  const plain = await createAuthority(t)
  const server = createServer(selfSigned(), (_request, response) => response.end(JSON.stringify(metadata)))
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => {
    server.closeAllConnections()
    server.close()
  })
  const issuer = `https://127.0.0.1:${portOf(server)}`
  const metadata = { issuer, jwks_uri: `${plain.issuer}/jwks` }
  const { app } = await guarded(t, plain, [createJwtResolver({ issuers: [{ issuer, audience: AUDIENCE }] })])
  isRefused(t, await get(app, await plain.issue({ iss: issuer })), 'AUTHENTICATION_UNAVAILABLE')
  t.strictSame(plain.asked, [])
  const allowed = await guarded(t, plain, [createJwtResolver({ issuers: [{ issuer, audience: AUDIENCE }], transport: allowPlainHttp })])
  t.equal((await get(allowed.app, await plain.issue({ iss: issuer }))).statusCode, 200, 'unless the host allows it by name')
})

t.test('an issuer with a path has its metadata where RFC 8414 and OpenID Connect put it', async (t) => {
  const authority = await createAuthority(t)
  const issuer = `${authority.issuer}/tenant`
  const rounds = collectRounds()
  for (const path of ['/.well-known/oauth-authorization-server/tenant', '/tenant/.well-known/openid-configuration']) {
    authority.answers.set(path, json({ issuer, jwks_uri: `${authority.issuer}/jwks` }))
    const { app } = await guarded(t, authority, [createJwtResolver({ issuers: [{ issuer, audience: AUDIENCE }], transport: allowPlainHttp })])
    rounds.add((await get(app, await authority.issue({ iss: issuer }))).statusCode, 200, path)
    authority.answers.delete(path)
  }
  t.strictSame(rounds.seen, rounds.expected)
})
