import { hash, randomUUID } from 'node:crypto'
import t, { type Test } from 'tap'
import type { LightMyRequestResponse } from 'fastify'
import { calculateJwkThumbprint, exportJWK } from 'jose'
import { allowPlainHttp } from 'fastify-latchkey'
import { createJwtResolver } from 'fastify-latchkey/oauth'
import { createRedisReplayStore } from 'fastify-latchkey/oauth/redis'
import { collectRounds, thrown } from '../helpers/collect.js'
import { AUDIENCE, createAuthority, createPair, forge, guarded, isRefused } from '../helpers/oauth.js'
import { startPrimaries } from '../helpers/redis-fleets.js'
import { startRedis } from '../helpers/redis-server.js'
import { until } from '../helpers/until.js'

/** Two processes' worth of one API, each with a client of its own. */
async function startTwo (t: Test) {
  const server = await startRedis(t)
  const authority = await createAuthority(t)
  const holder = await createPair()
  const jwk = await exportJWK(holder.publicKey)
  const token = await authority.issue({ cnf: { jkt: await calculateJwkThumbprint(jwk) } })
  const issuers = [{ issuer: authority.issuer, audience: AUDIENCE }]
  const started = await Promise.all([1, 2].map(async () => {
    const replay = createRedisReplayStore({ redis: server.client({ maxRetriesPerRequest: 0 }), timeout: 2 })
    return await guarded(t, authority, [createJwtResolver({ issuers, transport: allowPlainHttp, dpop: { replay } })])
  }))
  const prove = () => forge(holder.privateKey, { typ: 'dpop+jwt', jwk }, {
    htm: 'GET', htu: 'http://api.example.com/devices', iat: Math.floor(authority.clock.now() / 1000), jti: randomUUID(), ath: hash('sha256', token, 'base64url')
  })
  async function send (process: number, dpop: string): Promise<LightMyRequestResponse> {
    const app = started[process % 2]?.app
    if (app === undefined) throw new Error('no such process')
    return await app.inject({ url: '/devices', headers: { host: 'api.example.com', authorization: `DPoP ${token}`, dpop } })
  }
  return { server, prove, send, logs: started.map(({ log }) => log) }
}

t.test('a proof that one process has accepted is refused by the others, however many requests carry it', async (t) => {
  const { server, prove, send, logs } = await startTwo(t)
  const proof = await prove()
  t.equal((await send(0, proof)).statusCode, 200)
  const rounds = collectRounds()
  const patterns = collectRounds()
  for (const process of [0, 1]) {
    const response = await send(process, proof)
    rounds.add(response.statusCode, 401)
    rounds.add(response.json().code, 'CREDENTIAL_INVALID')
    patterns.add(response.headers['www-authenticate'], 'error="invalid_dpop_proof"')
  }
  const raced = await prove()
  const answers = await Promise.all(Array.from({ length: 40 }, (_, n) => send(n, raced)))
  t.equal(answers.filter((answer) => answer.statusCode === 200).length, 1)
  t.equal(answers.filter((answer) => answer.statusCode === 401).length, 39)
  const client = server.client({ keyPrefix: '' })
  const names = await client.keys('*')
  t.equal(names.length, 1, 'proofs of one holder and minute are forgotten together')
  for (const name of names) {
    patterns.add(name, /^latchkey:dpop:[\w-]{43}$/, 'no proof can be read from it')
    const life = await client.pttl(name)
    rounds.add(life > 60_000 && life <= 240_000, true, `forgotten after ${life} ms`)
  }
  for (const { text } of logs) rounds.add(String(text).includes(proof), false)
  t.strictSame(rounds.seen, rounds.expected)
  t.match(patterns.seen, patterns.expected)
})

t.test('while Redis is down nobody is let in, and somebody is again when it is back', async (t) => {
  const { server, prove, send, logs } = await startTwo(t)
  t.equal((await send(0, await prove())).statusCode, 200)
  await server.kill()
  isRefused(t, await send(0, await prove()), 'AUTHENTICATION_UNAVAILABLE')
  t.notMatch(logs[0]?.text, '127.0.0.1:')
  await server.restart()
  await until(async () => (await send(0, await prove())).statusCode === 200, 'it lets in again')
})

t.test('on a Cluster, too', async (t) => {
  const store = createRedisReplayStore({ redis: await startPrimaries(t), namespace: 'acme', timeout: 10 })
  const rounds = collectRounds()
  for (const proof of ['a', 'b', 'c {x}']) {
    rounds.add(await store.use(proof, 60_000, 0, 'holder {y}'), true)
    rounds.add(await store.use(proof, 60_000, 0, 'holder {y}'), false)
  }
  t.strictSame(rounds.seen, rounds.expected)
  t.equal(await store.use('over', 0, 1_000_000, 'holder'), true, 'one that is over already is remembered for a millisecond')
})

t.test('each holder has a budget of its own a minute, whichever process it asks', async (t) => {
  const { client } = await startRedis(t)
  const stores = [createRedisReplayStore({ redis: client(), perHolder: 3, timeout: 5 }), createRedisReplayStore({ redis: client(), perHolder: 3, timeout: 5 })]
  const use = async (n: number, until: number, holder: string) => await stores[n % 2]?.use(`${holder} ${n}`, until, 0, holder)
  const all = await Promise.allSettled(Array.from({ length: 20 }, (_, n) => use(n, 70_500, 'A')))
  t.equal(all.filter((one) => one.status === 'fulfilled').length, 3)
  const patterns = collectRounds()
  for (const one of all) if (one.status === 'rejected') patterns.add(one.reason, { name: 'RateLimited', retryAfter: 50 })
  t.match(patterns.seen, patterns.expected)
  t.equal(await use(0, 70_500, 'B'), true)
  t.equal(await use(99, 120_000, 'A'), true, 'the next minute')
})

t.test('options are checked', async (t) => {
  const { client } = await startRedis(t)
  t.throws(() => createRedisReplayStore({ redis: client(), namespace: 'a{b' }), /option namespace must be 1 to 64 letters/)
  t.throws(() => createRedisReplayStore({ redis: client(), timeout: 0 }), /option timeout must be seconds/)
  const patterns = collectRounds()
  for (const perHolder of [0, 1.5, NaN]) patterns.add(thrown(() => createRedisReplayStore({ redis: client(), perHolder })), /option perHolder must be a whole number of at least 1/)
  t.match(patterns.seen, patterns.expected)
})
