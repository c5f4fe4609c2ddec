import t from 'tap'
import { hash } from 'node:crypto'
import { exportJWK } from 'jose'
import { createMemoryReplayStore, ReplayStoreFull } from 'fastify-latchkey/oauth'
import { collectRounds, thrown } from '../helpers/collect.js'
import { ALGS, createHolder, invalid, startBound as start } from '../helpers/dpop.js'
import { createPair, forge, isRefused, leaks, part } from '../helpers/oauth.js'

t.test('a bound token with its proof is let in, whatever the case of the scheme, and whatever the query', async (t) => {
  const { prove, send, token, log } = await start(t)
  const proof = await prove()
  const response = await send(proof)
  t.equal(response.statusCode, 200)
  t.match(response.json(), { kind: 'access-token', owner: 'user-1' })
  t.equal((await send(await prove(), `dpop  ${token}`, '/devices?a=b')).statusCode, 200)
  t.equal((await send(await prove({ htu: 'http://API.example.com:80/devices?x#y' }))).statusCode, 200, 'normalized')
  leaks(t, proof, [log.text, response.body])
  leaks(t, token, [log.text, response.body])
})

t.test('every faulty proof is refused, and the challenge names the error and the algorithms', async (t) => {
  const { authority, app, prove, send, claimsOf, holder, jwk, token, log } = await start(t)
  const other = await createPair()
  const now = authority.clock.now() / 1000
  const [head = '', body = '', signature = ''] = (await prove()).split('.')
  const otherJwk = await exportJWK(other.publicKey)
  const proofs: Record<string, string | string[] | undefined> = {
    'none at all': undefined,
    empty: '',
    two: [await prove(), await prove()],
    'two in one': `${await prove()}, ${await prove()}`,
    'no JWT': 'x',
    'an access token': token,
    'another typ': await prove({}, { typ: 'JWT' }),
    'no typ': await prove({}, { typ: undefined }),
    'no key': await prove({}, { jwk: undefined }),
    'the key of another with this signature': await prove({}, { jwk: otherJwk }),
    'another key': await forge(other.privateKey, { typ: 'dpop+jwt', jwk: otherJwk }, claimsOf()),
    'a private key': await prove({}, { jwk: await exportJWK(holder.privateKey) }),
    'a secret as key': await forge(Buffer.alloc(32), { typ: 'dpop+jwt', alg: 'HS256', jwk: { kty: 'oct', k: part('x'.repeat(32)) } }, claimsOf()),
    'alg none': `${part({ typ: 'dpop+jwt', alg: 'none', jwk })}.${body}.${signature}`,
    'an algorithm that is not taken': await forge((await createPair('ES384')).privateKey, { typ: 'dpop+jwt', alg: 'ES384', jwk: (await createPair('ES384')).jwk }, claimsOf()),
    'a changed signature': `${head}.${body}.${signature.slice(0, -6)}AAAAAA`,
    'another method': await prove({ htm: 'POST' }),
    'the method in small letters': await prove({ htm: 'get' }),
    'another path': await prove({ htu: 'http://api.example.com/devices/1' }),
    'another host': await prove({ htu: 'http://evil.example.com/devices' }),
    'another scheme': await prove({ htu: 'https://api.example.com/devices' }),
    'no address': await prove({ htu: undefined }),
    'no URL': await prove({ htu: '/devices' }),
    'no ath': await prove({ ath: undefined }),
    'the ath of another token': await prove({ ath: hash('sha256', 'x', 'base64url') }),
    'iat long ago': await prove({ iat: now - 61 }),
    'iat to come': await prove({ iat: now + 61 }),
    'iat as a text': await prove({ iat: String(now) }),
    'no iat': await prove({ iat: undefined }),
    'no jti': await prove({ jti: undefined }),
    'an empty jti': await prove({ jti: '' }),
    'an endless jti': await prove({ jti: 'x'.repeat(257) }),
    'jti as a number': await prove({ jti: 1 }),
    'jti with half a character': await prove({ jti: 'x\ud800' }),
    'exp past': await prove({ exp: now - 1 })
  }
  const rounds = collectRounds()
  for (const [what, proof] of Object.entries(proofs)) {
    const response = await send(proof)
    rounds.add(response.statusCode, 401, what)
    rounds.add(response.headers['www-authenticate'], invalid('invalid_dpop_proof'), what)
    rounds.add(response.headers['dpop-nonce'], undefined)
    rounds.add(response.json().code, 'CREDENTIAL_INVALID')
    if (typeof proof === 'string' && proof.length > 100) leaks(t, proof, [log.text, response.body])
  }
  t.strictSame(rounds.seen, rounds.expected)
  t.equal((await send(await prove(), undefined, '/devices', 'a b')).statusCode, 401, 'a host that is none')
  t.equal((await app.inject({ url: '/devices', headers: { authorization: 'DPoPx' } })).statusCode, 400)
  t.equal((await send(await prove())).statusCode, 200, 'and a good one still is good')
})

t.test('a proof is good once, and remembered for as long as it would be good', async (t) => {
  const { authority, prove, send } = await start(t)
  const proof = await prove({ iat: authority.clock.now() / 1000 + 60 })
  t.equal((await send(proof)).statusCode, 200)
  const rounds = collectRounds()
  for (const seconds of [0, 60, 59.999, 0.001]) {
    authority.clock.advance(seconds)
    const again = await send(proof)
    rounds.add(again.statusCode, 401, `${seconds} s later`)
    rounds.add(again.headers['www-authenticate'], invalid('invalid_dpop_proof'))
  }
  t.strictSame(rounds.seen, rounds.expected)
  t.equal((await send(await prove())).statusCode, 200)
})

t.test('of fifty simultaneous requests with one proof, one is let in', async (t) => {
  const { prove, send } = await start(t)
  const proof = await prove()
  const all = await Promise.all(Array.from({ length: 50 }, () => send(proof)))
  t.equal(all.filter(({ statusCode }) => statusCode === 200).length, 1)
})

t.test('a bound token as Bearer, a bearer token as DPoP, and both without the option dpop, are refused', async (t) => {
  const bound = await start(t)
  const { authority, token, prove, send, app } = bound
  const bearer = await send(await prove(), `Bearer ${token}`)
  t.equal(bearer.statusCode, 401)
  t.equal(bearer.headers['www-authenticate'], `Bearer realm="api", error="invalid_token", DPoP realm="api", algs="${ALGS}"`)
  const unbound = await authority.issue()
  const response = await send(await prove({ ath: hash('sha256', unbound, 'base64url') }), `DPoP ${unbound}`)
  t.equal(response.statusCode, 401)
  t.equal(response.headers['www-authenticate'], invalid('invalid_token'))
  t.equal((await send(undefined, `Bearer ${unbound}`)).statusCode, 200, 'bearer tokens go on')
  t.equal((await app.inject('/devices')).headers['www-authenticate'], `Bearer realm="api", DPoP realm="api", algs="${ALGS}"`)
  t.equal((await send(undefined, 'DPoP not-a-token')).headers['www-authenticate'], invalid('invalid_token'))

  const { jkt } = bound
  const rounds = collectRounds()
  for (const cnf of [{ jkt, 'x5t#S256': 'x' }, { jkt: '' }, { jkt: 7 }, {}, null, [jkt], jkt]) {
    const odd = await authority.issue({ cnf })
    const sent = await send(await prove({ ath: hash('sha256', odd, 'base64url') }), `DPoP ${odd}`)
    rounds.add(sent.statusCode, 401, `bound by ${JSON.stringify(cnf)}`)
  }
  t.strictSame(rounds.seen, rounds.expected)

  const without = await start(t, false)
  const none = await without.send(await without.prove())
  t.equal(none.statusCode, 401)
  t.equal(none.headers['www-authenticate'], 'Bearer realm="api"', 'no such scheme here')
  isRefused(t, await without.send(undefined, `Bearer ${without.token}`), 'CREDENTIAL_INVALID', 'bound')
})

t.test('a nonce is asked for, good for its life, and accepted from this API only', async (t) => {
  const { authority, prove, send } = await start(t, { nonce: { life: 30 } })
  const first = await send(await prove())
  t.equal(first.statusCode, 401)
  t.equal(first.headers['www-authenticate'], invalid('use_dpop_nonce'))
  const nonce = String(first.headers['dpop-nonce'])
  t.equal((await send(await prove({ nonce }))).statusCode, 200)
  t.equal((await send(await prove({ nonce }))).statusCode, 200, 'again, with another proof')
  const rounds = collectRounds()
  for (const wrong of [undefined, 1, '', 'x', `${nonce}x`, `1${nonce}`, nonce.slice(0, -2), `.${nonce}`, `${(authority.clock.now() + 1).toString(36)}.${nonce.split('.')[1]}`]) {
    const refused = await send(await prove({ nonce: wrong }))
    rounds.add(refused.headers['www-authenticate'], invalid('use_dpop_nonce'), String(wrong))
  }
  t.strictSame(rounds.seen, rounds.expected)
  authority.clock.advance(30)
  t.equal((await send(await prove({ nonce }))).statusCode, 401, 'over')
  const secret = 'a secret of all processes of one API'
  const [one, other] = [await start(t, { nonce: { secret } }), await start(t, { nonce: { secret } })]
  const given = String((await one.send(await one.prove())).headers['dpop-nonce'])
  t.equal((await other.send(await other.prove({ nonce: given }))).statusCode, 200, 'of another process')
})

t.test('behind a proxy the URL begins with the option dpop.origin', async (t) => {
  const { prove, send } = await start(t, { origin: 'https://api.platform.com', maxAge: 10, algorithms: ['ES256'] })
  t.equal((await send(await prove({ htu: 'https://api.platform.com/devices' }))).statusCode, 200)
  t.equal((await send(await prove())).statusCode, 401)
})

t.test('a replay store that fails, or is full, lets nobody in', async (t) => {
  const failing = await start(t, { replay: { use: () => { throw new Error('secret of the store') } } })
  const response = await failing.send(await failing.prove())
  isRefused(t, response, 'AUTHENTICATION_UNAVAILABLE')
  t.notMatch(failing.log.text, 'secret of the store')
  const rejecting = await start(t, { replay: { use: async () => await Promise.reject(new Error('down')) } })
  isRefused(t, await rejecting.send(await rejecting.prove()), 'AUTHENTICATION_UNAVAILABLE')
  const full = await start(t, { replay: createMemoryReplayStore(1) })
  t.equal((await full.send(await full.prove())).statusCode, 200)
  const other = await createHolder(full.authority, full.app)
  isRefused(t, await other.send(await other.prove()), 'AUTHENTICATION_UNAVAILABLE')
  full.authority.clock.advance(121)
  t.equal((await other.send(await other.prove())).statusCode, 200, 'once the first is forgotten')
})

t.test('a holder that sends too many proofs is refused alone, with 429, and not as one that failed to authenticate', async (t) => {
  const { authority, app, prove, send, log } = await start(t, { replay: createMemoryReplayStore(500) }, { failures: { quota: 5, window: 60 } })
  const other = await createHolder(authority, app)
  const rounds = collectRounds()
  for (let i = 0; i < 10; i++) rounds.add((await send(await prove())).statusCode, 200)
  t.strictSame(rounds.seen, rounds.expected)
  for (let i = 0; i < 500; i++) {
    const response = await send(await prove())
    if (response.statusCode !== 429) t.fail(`${i}: ${response.statusCode}`)
  }
  const refused = await send(await prove())
  t.equal(refused.json().code, 'RATE_LIMITED')
  t.equal(refused.headers['retry-after'], '60')
  t.equal(refused.headers['cache-control'], 'no-store')
  t.match(log.text, 'too many DPoP proofs of one JWK')
  t.equal((await other.send(await other.prove())).statusCode, 200, 'nobody else is')
  authority.clock.advance(60)
  t.equal((await send(await prove())).statusCode, 200, 'until the next minute')
})

t.test('a holder over its budget is not told by it which proofs are new', async (t) => {
  const { prove, send } = await start(t, { replay: createMemoryReplayStore(50) })
  const proof = await prove()
  t.equal((await send(proof)).statusCode, 200)
  t.equal((await send(await prove())).statusCode, 429)
  t.equal((await send(proof)).statusCode, 401, 'a used proof is refused as one')
})

t.test('the memory store remembers each proof until its minute is over, and no more of them than its size', async (t) => {
  const store = createMemoryReplayStore(2)
  t.equal(store.use('a', 10, 0, 'A'), true)
  t.equal(store.use('a', 10, 59_999, 'A'), false)
  t.throws(() => store.use('b', 20, 5, 'A'), { name: 'RateLimited', retryAfter: 60 })
  t.throws(() => store.use('b', 59_001, 5, 'A'), { name: 'RateLimited', retryAfter: 1 })
  t.equal(store.use('b', 60_000, 5, 'A'), true, 'a proof of the next minute')
  t.throws(() => store.use('c', 120_000, 59_999, 'C'), ReplayStoreFull)
  t.equal(store.use('c', 120_000, 60_000, 'C'), true)
  t.equal(store.use('b', 60_000, 60_000, 'A'), false)
  t.throws(() => store.use('d', 180_000, 119_999, 'D'), ReplayStoreFull)
  t.equal(store.use('d', 180_000, 120_000, 'D'), true)
  t.equal(store.use('c', 120_000, 179_999, 'C'), false, 'none that is good was forgotten')
  const patterns = collectRounds()
  for (const count of [0, -1, 1.5, NaN, Infinity]) {
    patterns.add(thrown(() => createMemoryReplayStore(count)), { name: 'OptionError', message: /size of a replay store must be a whole number of at least 1/ })
    patterns.add(thrown(() => createMemoryReplayStore(10, count)), { name: 'OptionError', message: /perHolder of a replay store must be a whole number of at least 1/ })
  }
  t.match(patterns.seen, patterns.expected)
})

t.test('a full store refuses all new proofs and still knows each old one', async (t) => {
  const store = createMemoryReplayStore(1_000)
  const rounds = collectRounds()
  const patterns = collectRounds()
  for (let i = 0; i < 1_000; i++) rounds.add(store.use(`proof ${i}`, 60_000 + i, i, `holder ${i}`), true)
  for (let i = 0; i < 100; i++) patterns.add(thrown(() => store.use(`more ${i}`, 200_000, 119_999, 'more')), ReplayStoreFull)
  for (let i = 0; i < 1_000; i++) rounds.add(store.use(`proof ${i}`, 60_000 + i, 119_999, `holder ${i}`), false)
  t.strictSame(rounds.seen, rounds.expected)
  t.match(patterns.seen, patterns.expected)
  t.equal(store.use('more', 200_000, 120_000, 'more'), true, 'the minute is over')
})
