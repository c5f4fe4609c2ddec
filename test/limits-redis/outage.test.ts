import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import { setTimeout as pause } from 'node:timers/promises'
import { compilePolicy, type Take } from 'fastify-latchkey/limits'
import { LimitStoreUnavailable, type LimitsMessage, type RedisClient } from 'fastify-latchkey/limits/redis'
import t from 'tap'
import { isLimitsMessage } from '../../examples/metrics.js'
import { collectRounds, rejection } from '../helpers/collect.js'
import { guarded, principal } from '../helpers/limits.js'
import { startProxy } from '../helpers/proxy.js'
import { freePort } from '../helpers/ports.js'
import { startRedis } from '../helpers/redis-server.js'
import { startReplica } from '../helpers/redis-6.js'
import { doubles, redisStore } from '../helpers/redis-store.js'
import { until } from '../helpers/until.js'

const policies = [compilePolicy({ name: 'p', quota: 8, window: 60 })]
const who = principal('ada', { version: 1 })
const take = { policies, caller: who, cost: 1, now: Date.UTC(2026, 0, 1) }
const production = [{ name: 'p', quota: 8, window: 60 }]
/** What a store says at boot of a Redis that is not there. */
const UNREACHED = { level: 'warn', message: 'limits: Redis can\'t be reached yet' }
const nowhere = async () => `redis://user:hunter2@127.0.0.1:${await freePort()}`

t.test('what Redis gets after the deadline is never counted', async (t) => {
  const server = await startRedis(t)
  const proxy = await startProxy(t, server.port)
  const store = redisStore(t, { url: `redis://127.0.0.1:${proxy.port}`, deadline: 0.4 })
  await store.ready()
  t.equal((await store.take(take)).policies[0]?.remaining, 7)
  proxy.manner = 'delay-requests'
  const late = await Promise.allSettled([1, 2, 3].map(() => store.take(take)))
  t.ok(late.every((one) => one.status === 'rejected' && one.reason instanceof LimitStoreUnavailable))
  await pause(1_200)
  proxy.manner = 'pass'
  await until(() => store.inspect(who, production).then(({ policies: [one] }) => one?.remaining === 7, () => false), 'one of eight is counted')
})

t.test('a stopped Redis that goes on counts nothing of what was answered 503 meanwhile', async (t) => {
  const server = await startRedis(t)
  const store = redisStore(t, { url: server.url, deadline: 0.4 })
  await store.ready()
  await store.take(take)
  server.freeze()
  const patterns = collectRounds()
  for (let i = 0; i < 3; i++) patterns.add(await rejection(async () => store.take(take)), { name: 'LimitStoreUnavailable', message: 'the limit store is unavailable: DeadlineExceeded' })
  t.match(patterns.seen, patterns.expected)
  await t.rejects(async () => store.take(take), { message: 'the limit store is unavailable: Redis is not asked until a probe is answered' })
  await t.rejects(store.publishVersion(who, 2), { name: 'LimitStoreUnavailable', message: 'the limit store is unavailable: DeadlineExceeded' })
  server.thaw()
  await until(() => store.inspect(who, production).then(({ policies: [one] }) => one?.remaining === 7, () => false), 'one of eight is counted')
})

t.test('Redis\' clock may be set: a batch that is late by the old one is decided by the new one', async (t) => {
  const server = await startRedis(t)
  const store = redisStore(t, { url: server.url, deadline: 1 })
  await store.ready()
  const { now } = performance
  t.teardown(() => { performance.now = now })
  performance.now = () => now.call(performance) - 3_600_000
  t.equal((await store.take(take)).policies[0]?.remaining, 7, 'an hour forward')
  performance.now = now
  t.equal((await store.take(take)).policies[0]?.remaining, 6, 'and back')
})

t.test('local: each process enforces its share, of every policy and at least 1, and says what is left of that', async (t) => {
  const store = redisStore(t, { url: await nowhere(), onUnavailable: 'local', processes: 4, deadline: 0.01 })
  const wide = [...policies, compilePolicy({ name: 'few', quota: 2, window: 60, burst: 3 }), compilePolicy({ name: 'never', quota: 0, window: 60 })]
  t.same(await store.take({ ...take, policies: wide }), {
    admitted: false,
    policies: [{ policy: wide[0], admitted: true, remaining: 2, reset: 60 }, { policy: wide[1], admitted: true, remaining: 1, reset: 60 }, { policy: wide[2], admitted: false, remaining: 0, reset: 60 }],
  })
  const rounds = collectRounds()
  for (const remaining of [1, 0]) rounds.add(await store.take(take), { admitted: true, policies: [{ policy: policies[0], admitted: true, remaining, reset: 60 }] })
  t.strictSame(rounds.seen, rounds.expected)
  t.same(await store.take(take), { admitted: false, policies: [{ policy: policies[0], admitted: false, remaining: 0, reset: 60 }] })
  t.match(store.log.lines, [{ level: 'warn', message: 'limits: Redis can\'t decide; each process enforces its share', fields: { onUnavailable: 'local' } }])
})

t.test('local: shares never add up to more than the quota: of 10 among 4 processes each has 2', async (t) => {
  const rounds = collectRounds()
  for (const [quota, processes, each] of [[10, 4, 2], [11, 4, 2], [7, 2, 3], [3, 4, 1]] as const) {
    for (const kind of [{}, { burst: quota }, { sliding: true }]) {
      const store = redisStore(t, { url: await nowhere(), onUnavailable: 'local', processes, deadline: 0.01 })
      const policies = [compilePolicy({ name: 'p', quota, window: 60, ...kind })]
      let admitted = 0
      for (let n = 0; n < quota; n++) if ((await store.take({ ...take, policies })).admitted) admitted++
      rounds.add(admitted, each, `${quota} among ${processes}, ${Object.keys(kind)}`)
    }
  }
  t.strictSame(rounds.seen, rounds.expected)
})

t.test('local: what costs more than a share is 503, since waiting would not help', async (t) => {
  const patterns = collectRounds()
  for (const kind of [{}, { burst: 8 }, { sliding: true }]) {
    const store = redisStore(t, { url: await nowhere(), onUnavailable: 'local', processes: 4, deadline: 0.01 })
    const dear = { ...take, policies: [compilePolicy({ name: 'p', quota: 8, window: 60, ...kind })], cost: 3 }
    for (let n = 0; n < 2; n++) patterns.add(await rejection(async () => store.take(dear)), { name: 'LimitStoreUnavailable', message: /^the limit store is unavailable: / })
    patterns.add(await store.take({ ...dear, cost: 2 }), { admitted: true, policies: [{ remaining: 0 }] }, 'and takes nothing')
  }
  t.match(patterns.seen, patterns.expected)
})

t.test('local: a process whose memory is full of counters answers 503 to newcomers', async (t) => {
  const store = redisStore(t, { url: await nowhere(), onUnavailable: 'local', processes: 1, deadline: 0.01 })
  const many = Array.from({ length: 16 }, (_, n) => compilePolicy({ name: `p${n}`, quota: 8, window: 3600 }))
  const full = await store.takeBatch(Array.from({ length: 62_500 }, (_, n) => ({ ...take, policies: many, caller: principal(`p${n}`) })))
  t.equal(full.filter(({ failure }) => failure !== undefined).length, 0)
  await t.rejects(store.take({ ...take, policies: many, caller: principal('newcomer') }), { name: 'LimitStoreUnavailable' })
  t.equal((await store.take({ ...take, policies: many, caller: principal('p0') })).admitted, true)
})

t.test('a log that throws keeps nobody waiting: its line is a warning of the process', async (t) => {
  const warnings: Error[] = []
  const collect = (warning: Error) => { warnings.push(warning) }
  process.on('warning', collect)
  t.teardown(() => process.off('warning', collect))
  const server = await startRedis(t)
  const fail = () => { throw new TypeError('hunter2') }
  const store = redisStore(t, { url: server.url, deadline: 0.1, log: { info: fail, warn: fail } })
  await store.ready()
  server.freeze()
  const patterns = collectRounds()
  for (let n = 0; n < 4; n++) patterns.add(await rejection(async () => store.take(take)), { name: 'LimitStoreUnavailable' })
  t.match(patterns.seen, patterns.expected)
  server.thaw()
  await until(async () => { try { return (await store.take(take)).admitted } catch { return false } }, 'it decides again')
  await until(() => warnings.length >= 2)
  t.match(warnings.map(({ message }) => message), [/^limits: Redis can't decide; requests get 503 \{.*"log":"TypeError"/, /^limits: Redis decides again \{/])
  t.notMatch(warnings.map(({ message }) => message).join(''), 'hunter2')
})

t.test('allow: nothing is limited, without RateLimit fields, and the log says so in one line', async (t) => {
  const store = redisStore(t, { url: await nowhere(), onUnavailable: 'allow', deadline: 0.01 })
  const decisions: string[] = []
  const { app, as } = await guarded(t, { limits: { store, onDecision: ({ outcome }) => { decisions.push(outcome) } } })
  const rounds = collectRounds()
  for (let i = 0; i < 5; i++) {
    const response = await as.inject(app, { scopes: [] }, '/')
    rounds.add(response.statusCode, 200)
    rounds.add(Object.keys(response.headers).filter((name) => name.includes('ratelimit')), [])
  }
  t.strictSame(rounds.seen, rounds.expected)
  t.same(decisions, Array(5).fill('unavailable'))
  t.match(store.log.lines, [UNREACHED, { level: 'warn', message: 'limits: Redis can\'t decide; NOTHING IS LIMITED until it can, as onUnavailable says' }])
  t.equal(store.log.lines.length, 2)
})

t.test('reject: 503 at once while the breaker is open, with a Retry-After and no URL in any line; one line for each change', async (t) => {
  const server = await startRedis(t)
  const store = redisStore(t, { url: `redis://:hunter2@127.0.0.1:${server.port}`, deadline: 0.05 })
  await server.kill()
  const { app, as } = await guarded(t, { limits: { store } })
  const rounds = collectRounds()
  const patterns = collectRounds()
  for (let i = 0; i < 5; i++) {
    const { statusCode, headers, body } = await as.inject(app, { scopes: [] }, '/')
    rounds.add(statusCode, 503)
    patterns.add(headers['retry-after'], /^[1-5]$/)
    patterns.add(JSON.parse(body), { code: 'LIMITER_UNAVAILABLE' })
  }
  t.strictSame(rounds.seen, rounds.expected)
  t.match(patterns.seen, patterns.expected)
  await server.restart()
  await until(async () => (await as.inject(app, { scopes: [] }, '/')).statusCode === 200, 'it works again')
  t.match(store.log.lines, [UNREACHED, { level: 'warn', message: 'limits: Redis can\'t decide; requests get 503' }, { level: 'info', message: 'limits: Redis decides again' }])
  t.equal(store.log.lines.length, 3)
  t.notMatch(JSON.stringify(store.log.lines), /hunter2|127\.0\.0\.1/)
})

t.test('without a logger a change is a warning of the process, and recovery is silent', async (t) => {
  const warnings: Error[] = []
  const collect = (warning: Error) => { warnings.push(warning) }
  process.on('warning', collect)
  const server = await startRedis(t)
  const store = redisStore(t, { url: server.url, deadline: 0.02, log: undefined })
  await server.kill()
  const faults: unknown[] = []
  for (let i = 0; i < 4; i++) faults.push(await rejection(async () => store.take(take)))
  t.match(faults, Array(4).fill({ name: 'LimitStoreUnavailable' }))
  await server.restart()
  await until(async () => store.inspect(who, production).then(() => true, () => false), 'it works again')
  await pause(1)
  process.off('warning', collect)
  t.match(warnings.filter(({ name }) => name === 'LatchkeyWarning'), [{ code: 'LATCHKEY_REDIS', message: /^limits: Redis can't decide; requests get 503 \{/ }])
})

t.test('no more than ten thousand wait; more are answered at once, and it is published', async (t) => {
  const server = await startRedis(t)
  const store = redisStore(t, { url: server.url, deadline: 0.3 })
  await store.ready()
  server.freeze()
  const messages: LimitsMessage[] = []
  const collect = (message: unknown) => { if (isLimitsMessage(message)) messages.push(message) }
  subscribe('latchkey:limits', collect)
  const waiting = store.takeBatch(Array<Take>(10_000).fill(take))
  await t.rejects(store.take(take), { message: 'the limit store is unavailable: too many wait' })
  t.same(new Set((await waiting).map(({ failure }) => failure?.message)), new Set(['the limit store is unavailable: DeadlineExceeded']))
  unsubscribe('latchkey:limits', collect)
  t.equal(messages.reduce((sum, { unavailable }) => sum + unavailable, 0), 10_001)
  server.thaw()
})

t.test('a batch that Redis does not decide is answered take by take, within the deadline', async (t) => {
  const batch = [take, { ...take, cost: 7 }, take]
  const kinds = {
    reject: [false, false, false],
    local: [true, false, true],
    allow: [true, true, true]
  } as const
  const rounds = collectRounds()
  for (const onUnavailable of ['reject', 'local', 'allow'] as const) {
    const server = await startRedis(t)
    const store = redisStore(t, { url: server.url, deadline: 0.2, onUnavailable, processes: onUnavailable === 'local' ? 4 : undefined })
    await store.take(take)
    server.freeze()
    const startedAt = performance.now()
    const outcomes = await store.takeBatch(batch)
    const waited = performance.now() - startedAt
    rounds.add(waited >= 190 && waited < 1_200, true, `${waited} ms`)
    rounds.add(outcomes.map(({ admitted }) => admitted), kinds[onUnavailable], onUnavailable)
    rounds.add(outcomes.map(({ failure }) => failure instanceof LimitStoreUnavailable && failure.retryAfter >= 1), kinds[onUnavailable].map((admitted) => !admitted))
    rounds.add(outcomes.map(({ uncounted }) => uncounted), Array(3).fill(onUnavailable === 'allow' ? true : undefined))
    server.thaw()
  }
  t.strictSame(rounds.seen, rounds.expected)
})

t.test('a Redis that answers anything else is unavailable', async (t) => {
  const answers = { nothing: async () => null, 'a word': async () => Buffer.from('OK'), 'too late for ever': async () => doubles(1) }
  const patterns = collectRounds()
  for (const [what, callBuffer] of Object.entries(answers)) {
    const redis: RedisClient = { status: 'ready', connect: async () => {}, callBuffer, info: async () => '', on () {}, off () {} }
    const store = redisStore(t, { redis, deadline: 5 })
    patterns.add(await rejection(store.take(take)), { message: `the limit store is unavailable: ${what.startsWith('too late') ? 'late' : 'MalformedAnswer LATCHKEY_ERR_REDIS_ANSWER'}` })
  }
  t.match(patterns.seen, patterns.expected)
})

t.test('a Redis 6 that has become a replica, whose scripts say so in other words, is connected anew', async (t) => {
  const fake = await startReplica(t)
  const store = redisStore(t, { url: `redis://127.0.0.1:${fake.port}`, deadline: 1 })
  await t.rejects(store.take(take), { message: 'the limit store is unavailable: READONLY' })
  await until(() => fake.connections() > 1, 'it connects again')
})

t.test('closing answers who waits for the first connection', async (t) => {
  const store = redisStore(t, { url: await nowhere(), deadline: 5 })
  const waits = store.take(take)
  await new Promise((resolve) => setImmediate(resolve))
  store.close()
  await t.rejects(async () => waits, { message: 'the limit store is unavailable: closed' })
  await t.rejects(async () => store.take(take), { message: 'the limit store is unavailable: no connection' })
})
