import t, { type Test } from 'tap'
import type { ServerResponse } from 'node:http'
import { allowPlainHttp } from 'fastify-latchkey'
import { createJwtResolver, type JwtResolverOptions } from 'fastify-latchkey/oauth'
import { collectRounds } from '../helpers/collect.js'
import { AUDIENCE, createAuthority, createPair, forge, get, guarded, isRefused, json, type Answer } from '../helpers/oauth.js'
import { createJwks } from '../../lib/oauth/jwks.js'
import { until } from '../helpers/until.js'

const METADATA = '/.well-known/oauth-authorization-server'

/** An app, and tokens that are signed by the key of its issuer or by the next. */
async function start (t: Test, over: Partial<JwtResolverOptions> = {}) {
  const authority = await createAuthority(t)
  const resolver = createJwtResolver({ issuers: [{ issuer: authority.issuer, audience: AUDIENCE }], transport: allowPlainHttp, ...over })
  const { app } = await guarded(t, authority, [resolver])
  const next = await createPair('ES256', 'key-2')
  const loads = () => authority.asked.filter((line) => line === 'GET /jwks').length
  const byNext = () => forge(next.privateKey, { typ: 'at+jwt', kid: 'key-2' }, authority.claimsOf({ exp: authority.clock.now() / 1000 + 90_000 }))
  const byOld = () => authority.issue({ exp: authority.clock.now() / 1000 + 90_000 })
  return { authority, app, next, loads, byNext, byOld }
}

const failing: Answer = (_request, response) => response.writeHead(500).end()

t.test('a withdrawn signing key is refused by the first request after `jwksMaxAge`, however long there was none', async (t) => {
  const rounds = collectRounds()
  for (const seconds of [600, 3_600, 86_399, 90_000]) {
    const { authority, app, next, byOld, byNext } = await start(t)
    rounds.add((await get(app, await byOld())).statusCode, 200)
    authority.answers.set('/jwks', json({ keys: [next.jwk] }))
    authority.clock.advance(seconds)
    const old = await forge(authority.pair.privateKey, { typ: 'at+jwt', kid: 'key-1' }, authority.claimsOf())
    const together = await Promise.all([old, old, await byOld()].map((token) => get(app, token)))
    for (const response of together) isRefused(t, response, 'CREDENTIAL_INVALID', `${seconds} s later`)
    rounds.add((await get(app, await byNext())).statusCode, 200)
  }
  t.strictSame(rounds.seen, rounds.expected)
})

t.test('a token is cached no longer than the JWKS that verified it, whatever the option cache says', async (t) => {
  const { authority, app, next, byOld, loads } = await start(t, { cache: { maxAge: 3_600 } })
  const token = await byOld()
  t.equal((await get(app, token)).statusCode, 200)
  authority.answers.set('/jwks', json({ keys: [next.jwk] }))
  authority.clock.advance(599.999)
  t.equal((await get(app, token)).statusCode, 200, 'within the bound')
  t.equal(loads(), 1)
  authority.clock.advance(0.001)
  isRefused(t, await get(app, token), 'CREDENTIAL_INVALID', 'at it')
})

t.test('from half of its age on the JWKS is loaded in background, once', async (t) => {
  const { authority, app, next, byOld, byNext, loads } = await start(t, { jwksMaxAge: 100 })
  t.equal((await get(app, await byOld())).statusCode, 200)
  authority.clock.advance(49.999)
  t.equal((await get(app, await byOld())).statusCode, 200)
  t.equal(loads(), 1)
  const held: ServerResponse[] = []
  authority.answers.set('/jwks', (_request, response) => held.push(response))
  authority.clock.advance(0.001)
  const rounds = collectRounds()
  for (const i of [1, 2, 3]) rounds.add((await get(app, await byOld())).statusCode, 200, `nobody waits: ${i}`)
  t.strictSame(rounds.seen, rounds.expected)
  await until(() => held.length >= 1)
  held[0]?.end(JSON.stringify({ keys: [authority.pair.jwk, next.jwk] }))
  await until(async () => (await get(app, await byNext())).statusCode === 200)
  t.equal(loads(), 2)
})

t.test('a `jwksMaxAge` below the cool-down is kept', async (t) => {
  const { authority, app, next, byOld } = await start(t, { jwksMaxAge: 2, cooldown: 300, cache: { maxAge: 3_600 } })
  const token = await byOld()
  t.equal((await get(app, token)).statusCode, 200)
  authority.answers.set('/jwks', json({ keys: [next.jwk] }))
  authority.clock.advance(2)
  isRefused(t, await get(app, token), 'CREDENTIAL_INVALID', 'after 2 s')
})

t.test('while the issuer does not answer its signing keys stay in use, and only the first request waits for it', async (t) => {
  const { authority, app, next, byOld, loads } = await start(t, { cache: { maxAge: 3_600 } })
  const token = await byOld()
  t.equal((await get(app, token)).statusCode, 200)
  authority.answers.set('/jwks', failing)
  authority.clock.advance(600)
  t.equal((await get(app, token)).statusCode, 200, 'it was asked in vain')
  t.equal((await get(app, token)).statusCode, 200, 'and the token is held until it is asked again')
  t.equal(loads(), 2)

  const held: ServerResponse[] = []
  authority.answers.set('/jwks', (_request, response) => held.push(response))
  authority.clock.advance(10)
  t.equal((await get(app, token)).statusCode, 200, 'asked beside, since it failed a moment ago')
  await until(() => held.length >= 1)
  t.equal((await get(app, await byOld())).statusCode, 200)
  held[0]?.end(JSON.stringify({ keys: [next.jwk] }))
  await until(async () => (await get(app, await byOld())).statusCode === 401)
  isRefused(t, await get(app, await byOld()), 'CREDENTIAL_INVALID', 'it answered')
})

t.test('after a day without an answer its signing keys are out of use: 503', async (t) => {
  const { authority, app, byOld } = await start(t)
  t.equal((await get(app, await byOld())).statusCode, 200)
  authority.answers.set('/jwks', failing)
  authority.clock.advance(86_399)
  t.equal((await get(app, await byOld())).statusCode, 200)
  authority.clock.advance(1)
  isRefused(t, await get(app, await byOld()), 'AUTHENTICATION_UNAVAILABLE')
})

t.test('an issuer that failed long ago is waited for again', async (t) => {
  const { authority, app, next, byOld } = await start(t)
  t.equal((await get(app, await byOld())).statusCode, 200)
  authority.answers.set('/jwks', failing)
  authority.clock.advance(600)
  t.equal((await get(app, await byOld())).statusCode, 200)
  authority.answers.set('/jwks', json({ keys: [next.jwk] }))
  authority.clock.advance(20)
  isRefused(t, await get(app, await byOld()), 'CREDENTIAL_INVALID', 'two cool-downs later')
})

t.test('a clock that is set back makes a cached JWKS and cached tokens old', async (t) => {
  const { authority, app, next, byOld, loads } = await start(t)
  const token = await byOld()
  t.equal((await get(app, token)).statusCode, 200)
  authority.answers.set('/jwks', json({ keys: [next.jwk] }))
  authority.clock.advance(-700)
  const old = await forge(authority.pair.privateKey, { typ: 'at+jwt', kid: 'key-1' }, authority.claimsOf())
  isRefused(t, await get(app, old), 'CREDENTIAL_INVALID', 'the keys are loaded again')
  t.equal(loads(), 2)
  isRefused(t, await get(app, token), 'CREDENTIAL_INVALID', 'and the held token is looked at again')
})

t.test('a token whose exp passes while its JWKS is loaded has expired', async (t) => {
  const rounds = collectRounds()
  for (const over of [{}, { cache: false as const }]) {
    const { authority, app } = await start(t, over)
    authority.answers.set('/jwks', (request, response, body) => {
      authority.clock.advance(2)
      json({ keys: [authority.pair.jwk] })(request, response, body)
    })
    const now = authority.clock.now() / 1000
    isRefused(t, await get(app, await authority.issue({ exp: now + 2 })), 'CREDENTIAL_INVALID', 'at its exp')
    rounds.add((await get(app, await authority.issue({ exp: now + 2.001 }))).statusCode, 200)
  }
  t.strictSame(rounds.seen, rounds.expected)
})

t.test('an issuer that moves its JWKS is followed, though the old URL goes on answering', async (t) => {
  const { authority, app, next, byOld, byNext } = await start(t)
  t.equal((await get(app, await byOld())).statusCode, 200)
  authority.answers.set('/moved', json({ keys: [next.jwk] }))
  authority.answers.set(METADATA, json({ issuer: authority.issuer, jwks_uri: `${authority.issuer}/moved` }))
  authority.clock.advance(10)
  t.equal((await get(app, await byNext())).statusCode, 200, 'a new key makes it look at once')
  isRefused(t, await get(app, await byOld()), 'CREDENTIAL_INVALID', 'the keys of the old address are over')

  const quiet = await start(t)
  t.equal((await get(quiet.app, await quiet.byOld())).statusCode, 200)
  quiet.authority.answers.set('/moved', json({ keys: [quiet.next.jwk] }))
  quiet.authority.answers.set(METADATA, json({ issuer: quiet.authority.issuer, jwks_uri: `${quiet.authority.issuer}/moved` }))
  quiet.authority.clock.advance(600)
  isRefused(t, await get(quiet.app, await quiet.byOld()), 'CREDENTIAL_INVALID', 'within the age of the key set')
})

t.test('an issuer whose discovery fails is an outage for new signing keys: never 401, never let in', async (t) => {
  const { authority, app, next, byNext } = await start(t)
  authority.answers.set('/moved', failing)
  const places: Answer[] = [
    failing,
    json({ issuer: authority.issuer, jwks_uri: `${authority.issuer}/moved` }),
    json({ issuer: 'https://evil.example', jwks_uri: `${authority.issuer}/jwks` }),
    json({ issuer: authority.issuer })
  ]
  t.equal((await get(app, await authority.issue())).statusCode, 200)
  authority.answers.set('/jwks', json({ keys: [authority.pair.jwk] }))
  const rounds = collectRounds()
  for (const place of places) {
    authority.answers.set(METADATA, place)
    authority.clock.advance(10)
    isRefused(t, await get(app, await byNext()), 'AUTHENTICATION_UNAVAILABLE', 'looked for')
    isRefused(t, await get(app, await byNext()), 'AUTHENTICATION_UNAVAILABLE', 'in the cool-down')
    rounds.add((await get(app, await authority.issue())).statusCode, 200, 'the known key')
  }
  t.strictSame(rounds.seen, rounds.expected)
  authority.answers.set(METADATA, json({ issuer: authority.issuer, jwks_uri: `${authority.issuer}/found` }))
  authority.answers.set('/found', json({ keys: [next.jwk] }))
  authority.clock.advance(10)
  t.equal((await get(app, await byNext())).statusCode, 200, 'until it can')
})

t.test('all requests that wait for one load are answered by it', async (t) => {
  const { authority, app, loads } = await start(t)
  const held: ServerResponse[] = []
  authority.answers.set('/jwks', (_request, response) => held.push(response))
  const all = Promise.all(Array.from({ length: 20 }, async () => await get(app, await authority.issue())))
  await until(() => held.length > 0)
  held[0]?.end(JSON.stringify({ keys: [authority.pair.jwk] }))
  t.ok((await all).every(({ statusCode }) => statusCode === 200))
  t.equal(loads(), 1)
})

t.test('a clock that throws while the JWKS is loaded in background ends no process, and it is loaded again', async (t) => {
  const { jwk } = await createPair('ES256', 'key-1')
  let now = 0
  let state: 'works' | 'fails' | 'failed' = 'works'
  let loads = 0
  const clock = () => {
    if (state === 'failed') throw new Error('no time')
    return now
  }
  async function load () {
    loads++
    await new Promise(setImmediate)
    if (state === 'works') return { keys: [jwk] }
    state = 'failed'
    throw new Error('down')
  }
  const jwks = createJwks(load, { cooldown: 1, maxAge: 100 })
  const find = async () => (await jwks.find({ alg: 'ES256', kid: 'key-1' }, clock)).signingKey.type
  t.equal(await find(), 'public')
  now = 60_000
  state = 'fails'
  t.equal(await find(), 'public')
  await until(() => state === 'failed')
  await new Promise(setImmediate)
  state = 'works'
  now = 62_000
  t.equal(await find(), 'public')
  t.equal(loads, 3)
})
