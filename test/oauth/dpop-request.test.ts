import t, { type Test } from 'tap'
import { hash } from 'node:crypto'
import { once } from 'node:events'
import { connect } from 'node:net'
import type { FastifyReply, FastifyRequest } from 'fastify'
import type { Principal } from 'fastify-latchkey'
import { createMemoryReplayStore, type ReplayStore } from 'fastify-latchkey/oauth'
import { normalizeUrl } from '../../lib/oauth/dpop-url.js'
import { collectRounds } from '../helpers/collect.js'
import { invalid, startBound as start } from '../helpers/dpop.js'
import { portOf } from '../helpers/doors.js'
import { json, scopes } from '../helpers/oauth.js'

const BASE = 'http://api.example.com'

t.test('URLs are compared after the normalization of RFC 3986 §6.2.2 and §6.2.3', async (t) => {
  const same: ReadonlyArray<readonly [string, string]> = [
    ['HTTP://API.Example.COM/devices', `${BASE}/devices`],
    [`${BASE}:80/devices`, `${BASE}/devices`],
    ['https://api.example.com:443/a', 'https://api.example.com/a'],
    [`${BASE}:/devices`, `${BASE}/devices`],
    [BASE, `${BASE}/`],
    [`${BASE}?a=b`, `${BASE}/`],
    [`${BASE}/%64evices`, `${BASE}/devices`],
    [`${BASE}/%7euser/%2D%5f%2e%41`, `${BASE}/~user/-_.A`],
    [`${BASE}/%c3%bc`, `${BASE}/%C3%BC`],
    [`${BASE}/a%2fb`, `${BASE}/a%2Fb`],
    [`${BASE}/a/../devices/./`, `${BASE}/devices/`],
    [`${BASE}/devices?x=%zz#y`, `${BASE}/devices`],
    ['http://[::1]:80/a', 'http://[::1]/a']
  ]
  const rounds = collectRounds()
  for (const [one, other] of same) {
    rounds.add(typeof normalizeUrl(one), 'string', one)
    rounds.add(normalizeUrl(one), normalizeUrl(other), `${one} = ${other}`)
  }
  const different: ReadonlyArray<readonly [string, string]> = [
    [`${BASE}/devices`, `${BASE}/Devices`],
    [`${BASE}/devices`, `${BASE}/devices/`],
    [`${BASE}/devices`, `${BASE}//devices`],
    [`${BASE}/devices`, `${BASE}:8080/devices`],
    [`${BASE}/devices`, 'https://api.example.com/devices'],
    [`${BASE}:443/devices`, 'https://api.example.com/devices'],
    [`${BASE}/a%2Fb`, `${BASE}/a/b`],
    [`${BASE}/a%3Fb`, `${BASE}/a?b`],
    [`${BASE}/a%252Fb`, `${BASE}/a%2Fb`],
    ['http://api.example.com./devices', `${BASE}/devices`]
  ]
  for (const [one, other] of different) rounds.add(normalizeUrl(one) !== normalizeUrl(other), true, `${one} ≠ ${other}`)
  const none = [
    undefined, null, 1, {}, '', '/devices', 'api.example.com/devices', 'ftp://api.example.com/', 'javascript:0', 'http:///devices', 'http:api.example.com', 'http://[::/a',
    'http://user@api.example.com/devices', 'http://user:p@api.example.com/devices', ` ${BASE}/devices`, `${BASE}/devices\n`, `${BASE}/de\tvices`, `${BASE}\\devices`, `${BASE}/a\\..\\devices`, `${BASE}/\u0000`, `${BASE}/\ud800`
  ]
  for (const one of none) rounds.add(normalizeUrl(one), undefined, JSON.stringify(one))
  t.strictSame(rounds.seen, rounds.expected)
})

t.test('the URL of a proof is compared with that of its request in this way', async (t) => {
  const { prove, send } = await start(t)
  const cases: ReadonlyArray<readonly [number, string, string]> = [
    [200, 'HTTP://api.EXAMPLE.com:80/%64evices', '/devices'],
    [200, `${BASE}/devices`, '/%64evices?a=%zz'],
    [404, `${BASE}/~user/%C3%BC`, '/%7euser/%c3%bc'],
    [401, `${BASE}/a/b`, '/a%2Fb'],
    [401, `${BASE}/devices/`, '/devices'],
    [401, 'http://user@api.example.com/devices', '/devices'],
    [401, ` ${BASE}/devices`, '/devices'],
    [401, `${BASE}\\devices`, '/devices']
  ]
  const rounds = collectRounds()
  for (const [status, htu, url] of cases) {
    const response = await send(await prove({ htu }), undefined, url)
    rounds.add(response.statusCode, status, `${htu} for ${url}`)
    if (status === 401) rounds.add(response.headers['www-authenticate'], invalid('invalid_dpop_proof'))
  }
  t.strictSame(rounds.seen, rounds.expected)
})

t.test('a request target that is no path fits no proof', async (t) => {
  const { app, token, prove } = await start(t)
  await app.listen({ port: 0, host: '127.0.0.1' })
  const ask = async (target: string, htu: string, host = 'api.example.com') => {
    const socket = connect(portOf(app.server), '127.0.0.1')
    const chunks: Buffer[] = []
    socket.on('data', (chunk: Buffer) => chunks.push(chunk))
    socket.write(`GET ${target} HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\nAuthorization: DPoP ${token}\r\nDPoP: ${await prove({ htu })}\r\n\r\n`)
    await once(socket, 'close')
    return Buffer.concat(chunks).toString().slice(9, 12)
  }
  t.equal(await ask('/devices', `${BASE}/devices`), '200')
  const rounds = collectRounds()
  for (const target of ['http://evil.example/devices', 'http://api.example.com/devices', 'https://api.example.com/devices']) {
    for (const htu of ['http://evil.example/devices', `${BASE}/devices`, `${BASE}${target}`]) rounds.add(await ask(target, htu), '401', `${target} by ${htu}`)
  }
  t.equal(await ask('/devices', 'http://evil.example/devices', 'a@evil.example'), '401', 'user information before the host')
  for (const htu of ['', '/devices', 'no URL']) rounds.add(await ask('http://api.example.com/devices', htu), '401', `nor one that is none: ${htu}`)
  t.strictSame(rounds.seen, rounds.expected)
})

type Authenticate = () => Promise<Principal | null>

/** A public and a guarded route, whose handlers authenticate the request again. */
async function startOpen (t: Test, act: (authenticate: Authenticate, request: FastifyRequest) => Promise<unknown>, replay?: ReplayStore) {
  const bound = await start(t, { replay }, {}, (app) => {
    const handler = async (request: FastifyRequest, reply: FastifyReply) => await act(async () => {
      request.principal = null
      await app.latchkey.authenticate(request, reply)
      return request.principal
    }, request)
    app.get('/open', { schema: scopes.public() }, handler)
    app.get('/guarded', { schema: scopes.secure('devices:read') }, handler)
  })
  const ask = async (path: string, proof?: string) => await bound.send(proof ?? await bound.prove({ htu: `${BASE}${path}` }), undefined, path)
  return { ...bound, ask }
}

t.test('a request is not refused by its own proof, however often it is authenticated', async (t) => {
  const { authority, ask, prove } = await startOpen(t, async (authenticate) => {
    await Promise.all([authenticate(), authenticate()])
    authority.clock.advance(61)
    return await authenticate()
  })
  const rounds = collectRounds()
  for (const path of ['/open', '/guarded']) {
    const proof = await prove({ htu: `${BASE}${path}` })
    rounds.add((await ask(path, proof)).statusCode, 200, path)
    authority.clock.advance(-61)
    rounds.add((await ask('/devices', proof)).statusCode, 401, 'for this request alone')
    const again = await ask(path, proof)
    rounds.add(again.statusCode !== 200, true, 'another request is refused by it')
    rounds.add(again.headers['www-authenticate'], invalid('invalid_dpop_proof'))
  }
  t.strictSame(rounds.seen, rounds.expected)
})

t.test('nor by its own proof when the replay store failed at first', async (t) => {
  let down = true
  const memory = createMemoryReplayStore()
  const { ask } = await startOpen(t, async (authenticate) => {
    const first = await authenticate().catch((fault: unknown) => fault)
    down = false
    t.match(first, { code: 'AUTHENTICATION_UNAVAILABLE' })
    return await authenticate()
  }, { use (...given) { if (down) throw new Error('down'); return memory.use(...given) } })
  t.equal((await ask('/open')).statusCode, 200)
})

t.test('a proof is good for its request as it was sent: not for another token, method or URL', async (t) => {
  const { ask, jkt, authority } = await startOpen(t, async (authenticate, request) => {
    await authenticate()
    const line = request.raw.rawHeaders.findIndex((name) => name.toLowerCase() === 'authorization')
    request.raw.rawHeaders[line + 1] = `DPoP ${await authority.issue({ cnf: { jkt } })}`
    return await authenticate()
  })
  const response = await ask('/open')
  t.equal(response.statusCode, 401)
  t.equal(response.headers['www-authenticate'], invalid('invalid_dpop_proof'))
})

t.test('a proof that only lacks the nonce is no failed attempt; a bad proof is', async (t) => {
  const { prove, send } = await start(t, { nonce: {} }, { failures: { quota: 3, window: 60 } })
  let nonce = ''
  const rounds = collectRounds()
  for (let i = 0; i < 10; i++) {
    const asked = await send(await prove())
    rounds.add(asked.statusCode, 401)
    rounds.add(asked.headers['www-authenticate'], invalid('use_dpop_nonce'))
    nonce = String(asked.headers['dpop-nonce'])
  }
  t.equal((await send(await prove({ nonce }))).statusCode, 200)
  for (let i = 0; i < 3; i++) rounds.add((await send(await prove({ nonce, htm: 'POST' }))).statusCode, 401)
  t.equal((await send(await prove({ nonce }), 'DPoP un.kno.wn')).statusCode, 429)
  t.equal((await send(await prove({ nonce }))).statusCode, 200, 'what is known to be good goes on')
  const other = await start(t, { nonce: {} }, { failures: { quota: 3, window: 60 } })
  for (let i = 0; i < 3; i++) rounds.add((await other.send(await other.prove({ ath: 'x' }))).statusCode, 401, 'nor is a nonce asked for by a proof that is bad')
  t.strictSame(rounds.seen, rounds.expected)
  t.equal((await other.send(undefined, 'DPoP un.kno.wn')).statusCode, 429)
})

t.test('nonces use the clock of the app, also one in fractions or one that differs between processes', async (t) => {
  const secret = 'a secret of all processes of one API'
  const { authority, prove, send } = await start(t, { nonce: { secret, life: 30 } })
  const nonce = String((await send(await prove())).headers['dpop-nonce'])
  t.equal(nonce.split('.')[0], authority.clock.now().toString(36))
  authority.clock.advance(29.999)
  t.equal((await send(await prove({ nonce }))).statusCode, 200)
  authority.clock.advance(0.001)
  t.equal((await send(await prove({ nonce }))).headers['www-authenticate'], invalid('use_dpop_nonce'), 'over')

  let now = Date.UTC(2026, 0, 1) + 0.625
  const fractions = await start(t, { nonce: { secret, life: 3 } }, { clock: () => now })
  const given = String((await fractions.send(await fractions.prove())).headers['dpop-nonce'])
  t.equal((await fractions.send(await fractions.prove({ nonce: given }))).statusCode, 200, 'of a clock in fractions')
  now -= 2_999
  t.equal((await fractions.send(await fractions.prove({ nonce: given, iat: now / 1000 }))).statusCode, 200, 'of a process whose clock is ahead')
  now -= 2
  t.equal((await fractions.send(await fractions.prove({ nonce: given, iat: now / 1000 }))).statusCode, 401, 'but not by more than its life')
})

t.test('a proof is checked by the time at which the JWKS of its token was there', async (t) => {
  const used: string[] = []
  const memory = createMemoryReplayStore()
  const replay: ReplayStore = { use (proof, until, now, holder) { used.push(`${until - now}`); return memory.use(proof, until, now, holder) } }
  const { authority, prove, send } = await start(t, { replay })
  authority.answers.set('/jwks', (request, response, body) => {
    authority.clock.advance(61)
    json({ keys: [authority.pair.jwk] })(request, response, body)
  })
  const response = await send(await prove())
  t.equal(response.statusCode, 401)
  t.equal(response.headers['www-authenticate'], invalid('invalid_dpop_proof'), 'it is of a minute ago')
  t.strictSame(used, [])
  t.equal((await send(await prove())).statusCode, 200)
  t.strictSame(used, ['60001'])
})

t.test('a token that expires while its proof is checked is refused', async (t) => {
  const { authority, jkt, prove, send } = await start(t, { replay: { async use () { authority.clock.advance(2); return await Promise.resolve(true) } } })
  const token = await authority.issue({ cnf: { jkt }, exp: authority.clock.now() / 1000 + 3 })
  const proof = async () => await prove({ ath: hash('sha256', token, 'base64url') })
  t.equal((await send(await proof(), `DPoP ${token}`)).statusCode, 200)
  const response = await send(await proof(), `DPoP ${token}`)
  t.equal(response.statusCode, 401, 'held, and expired by now')
  t.equal(response.headers['www-authenticate'], invalid('invalid_token'))
})

t.test('the challenge that says what is missing is the DPoP one for a bound token, else the Bearer one', async (t) => {
  const { authority, app, prove, send, token } = await start(t, true, { keys: { prefix: 'acme' } }, (app) => {
    const lacks = (url: string, before: (request: FastifyRequest) => void = () => {}, security = scopes.secure()) => app.get(url, {
      schema: security, preHandler: [async (request) => before(request), scopes.requireScopes('devices:write')]
    }, async () => 'in')
    lacks('/more')
    lacks('/person', (request) => {
      request.principal = { kind: 'access-token', id: 'ada', workspace: 'w1', environment: 'production', scopes: [] }
    }, scopes.public())
    app.get('/writers', { schema: scopes.secure('devices:write') }, async () => 'in')
    app.get('/keys', { schema: { security: [{ apiKey: ['devices:read'] }] } }, async () => 'in')
  })
  const dpop = 'Bearer realm="api", DPoP realm="api", error="insufficient_scope", scope="devices:write", algs="ES256 PS256 RS256 EdDSA Ed25519"'
  const bearer = 'Bearer realm="api", error="insufficient_scope", scope="devices:write", DPoP realm="api", algs="ES256 PS256 RS256 EdDSA Ed25519"'
  const rounds = collectRounds()
  const patterns = collectRounds()
  for (const url of ['/writers', '/more']) {
    for (const scheme of ['DPoP', 'dpop', 'DPOP ']) {
      const bound = await send(await prove({ htu: `${BASE}${url}` }), `${scheme} ${token}`, url)
      rounds.add(bound.statusCode, 403)
      rounds.add(bound.headers['www-authenticate'], dpop, `${scheme} ${url}`)
      patterns.add(bound.json(), { code: 'INSUFFICIENT_SCOPE', required: [['devices:write']], granted: ['devices:read'] })
    }
    const free = await send(undefined, `Bearer ${await authority.issue()}`, url)
    rounds.add(free.statusCode, 403)
    rounds.add(free.headers['www-authenticate'], bearer)
  }
  t.strictSame(rounds.seen, rounds.expected)
  t.match(patterns.seen, patterns.expected)
  const keys = await send(await prove({ htu: `${BASE}/keys` }), undefined, '/keys')
  t.equal(keys.statusCode, 403)
  t.equal(keys.headers['www-authenticate'], 'Bearer realm="api", DPoP realm="api", error="insufficient_scope", algs="ES256 PS256 RS256 EdDSA Ed25519"')
  const person = await app.inject('/person')
  t.equal(person.statusCode, 403)
  t.equal(person.headers['www-authenticate'], bearer)
})
