import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import { compilePolicy, type Take } from 'fastify-latchkey/limits'
import { LimitStoreUnavailable, type LimitsMessage } from 'fastify-latchkey/limits/redis'
import { Redis } from 'ioredis'
import t from 'tap'
import { isLimitsMessage } from '../../examples/metrics.js'
import { BATCH_SIZE } from '../../lib/limits/redis/take-sender.js'
import { collectRounds } from '../helpers/collect.js'
import { guarded, principal } from '../helpers/limits.js'
import { startRedis } from '../helpers/redis-server.js'
import { redisStore } from '../helpers/redis-store.js'

const ada = principal('ada', { version: 3 })
const minute = [compilePolicy({ name: 'minute', quota: 5, window: 60 })]
const shared = [...minute, compilePolicy({ name: 'all', quota: 8, window: 60, partition: 'workspace' })]
const take = (policies: Take['policies'], who = ada, cost = 1): Take => ({ policies, caller: who, cost, now: 0 })

/** KEYS[1], ARGV: seconds. Makes a value and its key as old as if these had passed since they were written. */
const AGE = `
local value = redis.call('GET', KEYS[1])
local marker, kept_until = struct.unpack('<dd', value, 7)
redis.call('SET', KEYS[1], value:sub(1, 6) .. struct.pack('<dd', marker, kept_until - ARGV[1] * 1000000) .. value:sub(23), 'PX', redis.call('PTTL', KEYS[1]) - ARGV[1] * 1000)
`

t.test('one Redis', async (t) => {
  const server = await startRedis(t)
  const admin = server.client()
  t.beforeEach(() => admin.flushall())
  const options = { url: server.url, deadline: 2 }

  async function calls (): Promise<number> {
    const [, calls = '0'] = /cmdstat_evalsha:calls=(\d+)/.exec(await admin.info('commandstats')) ?? []
    return Number(calls)
  }

  t.test('a batch is one call, of whatever principals, profiles and costs; each take is answered its own', async (t) => {
    const store = redisStore(t, options)
    await store.take(take(minute))
    const before = await calls()
    const outcomes = await store.takeBatch([
      take(minute), take(shared), take(shared, ada, 2), take(minute, principal('bob'), 5), take(minute, principal('bob')), take([]), take(minute),
    ])
    t.equal(await calls() - before, 1)
    t.same(outcomes.map(({ admitted, policies }) => [admitted, ...policies.map(({ remaining }) => remaining)]),
      [[true, 3], [true, 2, 7], [true, 0, 5], [true, 0], [false, 0], [true], [false, 0]])
    t.same(outcomes.map(({ versionMarker }) => versionMarker), [0, 0, 0, undefined, undefined, 0, 0])
    t.same(await store.takeBatch([]), [])
  })

  t.test('a larger batch is as few calls as it can be, and is answered in its order', async (t) => {
    const store = redisStore(t, options)
    await store.take(take(minute))
    const before = await calls()
    const outcomes = await store.takeBatch(Array.from({ length: 2 * BATCH_SIZE + 1 }, (_, n) => take(minute, n === 2 * BATCH_SIZE ? principal('bob') : ada)))
    t.same(outcomes.map(({ admitted }) => admitted), outcomes.map((_, n) => n < 4 || n === 2 * BATCH_SIZE))
    t.equal(await calls() - before, 3)
  })

  t.test('the largest batch of the largest profile is one call, and each number of its answer is in its place', async (t) => {
    const store = redisStore(t, options)
    await store.take(take([]))
    const largest = Array.from({ length: 16 }, (_, n) => compilePolicy({ name: `p${n}`, quota: 1000 * (n + 1), window: 60 }))
    const before = await calls()
    const outcomes = await store.takeBatch(Array.from({ length: BATCH_SIZE }, () => take(largest)))
    t.equal(await calls() - before, 1)
    t.same(outcomes.map(({ policies }) => policies.map(({ remaining }) => remaining)), outcomes.map((_, taken) => largest.map(({ quota }) => quota - taken - 1)))
  })

  t.test('requests of one tick are one call', async (t) => {
    const store = redisStore(t, options)
    const { app, as } = await guarded(t, { limits: { store } })
    await as.inject(app, { scopes: [] }, '/')
    const before = await calls()
    const answers = await Promise.all(Array.from({ length: 20 }, () => as.inject(app, { scopes: [] }, '/')))
    t.same(new Set(answers.map(({ statusCode }) => statusCode)), new Set([200]))
    t.ok(await calls() - before <= 3, 'all of them, but for those that Fastify starts in another tick')
  })

  t.test('a marker is answered to every take, also of no policies, grows only, and outlives counters and resets', async (t) => {
    const store = redisStore(t, { ...options, markerLifetime: 100 })
    const other = redisStore(t, options)
    await store.publishVersion(ada, 3)
    t.equal((await other.take(take([]))).versionMarker, 3)
    await store.publishVersion(ada, 2)
    t.equal((await other.take(take(minute))).versionMarker, 3)
    await other.publishVersion(ada, 4)
    t.same(await store.take(take(minute)), { admitted: true, policies: [{ policy: minute[0], admitted: true, remaining: 3, reset: 60 }], versionMarker: 4 }, 'counters stay')
    await store.reset(ada)
    t.same(await store.take(take(minute)), { admitted: true, policies: [{ policy: minute[0], admitted: true, remaining: 4, reset: 60 }], versionMarker: 4 })
    t.equal((await store.take(take(minute, principal('bob', { version: 1 })))).versionMarker, 0, 'of others nothing')
  })

  t.test('every key expires: a marker after its lifetime, counters when they say nothing any more, whichever is later', async (t) => {
    const store = redisStore(t, { ...options, markerLifetime: 100, namespace: 'x' })
    await store.take(take(minute, principal('bob')))
    await store.take(take(shared))
    const ttl = async (name: string) => Math.round(await admin.pttl(name) / 1000)
    const lives = async (name: string, seconds: number): Promise<void> => {
      const left = await ttl(name)
      t.ok(left >= seconds && left <= seconds + 10, `${name} lives for ${seconds} s, or up to 10 more: ${left}`)
    }
    for (const name of ['x:{10,2,productionw1}:bob', 'x:{10,2,productionw1}:ada', 'x:{10,2,productionw1}']) await lives(name, 60)
    await store.publishVersion(ada, 1)
    t.equal(await ttl('x:{10,2,productionw1}:ada'), 100)
    await store.take(take([compilePolicy({ name: 'day', quota: 1, window: 86_400 })]))
    await store.publishVersion(ada, 2)
    await lives('x:{10,2,productionw1}:ada', 86_400) // a new version does not shorten the life of a counter
    const rounds = collectRounds()
    for (const key of await admin.keys('*')) rounds.add(await admin.pttl(key) > 0, true, key)
    t.strictSame(rounds.seen, rounds.expected)
  })

  t.test('a write goes on with the expiry of its key while that is late enough, and never without one', async (t) => {
    const store = redisStore(t, { ...options, namespace: 'x' })
    const key = 'x:{10,2,productionw1}:ada'
    const bucket = [compilePolicy({ name: 'bucket', quota: 60, window: 60, burst: 3600 })]
    await store.take(take(minute))
    const expiry = await admin.pexpiretime(key)
    await store.take(take(minute))
    t.equal(await admin.pexpiretime(key), expiry, 'a window closes when it closes')
    const rounds = collectRounds()
    for (const used of [30, 60, 90, 120]) {
      await store.take(take(bucket, ada, 30))
      const left = await admin.pttl(key) / 1000
      rounds.add(left > used - 5 && left <= Math.max(70, used + 10), true, `filled up again after ${used} s, kept for ${left}`)
    }
    t.strictSame(rounds.seen, rounds.expected)
  })

  t.test('a marker outlives each take that counts by its lifetime, with a new expiry only where that is due', async (t) => {
    const store = redisStore(t, { ...options, markerLifetime: 100, namespace: 'x' })
    const key = 'x:{10,2,productionw1}:ada'
    /** As if so much time had passed since the value was written. */
    const age = async (seconds: number) => admin.eval(AGE, 1, key, seconds)
    const left = async () => Math.round(await admin.pttl(key) / 1000)
    await store.publishVersion(ada, 1)
    await age(50)
    await store.take(take(minute))
    t.equal(await left(), 110)
    await age(9)
    await store.take(take(minute))
    t.equal(await left(), 101, 'long enough')
    await age(2)
    t.equal((await store.take(take(minute))).versionMarker, 1)
    t.equal(await left(), 110)
    t.equal((await store.take(take(minute))).policies[0]?.remaining, 1, 'nothing was lost')
    await store.reset(ada)
    t.equal(await left(), 100)
    await store.take(take(minute))
    t.equal(await left(), 110)
    await age(2)
    await store.publishVersion(ada, 2)
    t.equal(await left(), 108, 'a new version never shortens a life')
  })

  t.test('what a policy no longer says is dropped with the next new expiry', async (t) => {
    const store = redisStore(t, { ...options, clockOfTakes: true })
    const old = [compilePolicy({ name: 'old', quota: 5, window: 10 })]
    await store.take({ ...take(old), now: 1_000_000 })
    await store.take({ ...take(minute), now: 1_001_000 })
    const [key = ''] = await admin.keys('*')
    const both = await admin.strlen(key)
    await store.take({ ...take(minute), now: 5_000_000 })
    t.ok(await admin.strlen(key) < both)
  })

  t.test('inspect takes nothing; reset gives back what was used, of the workspace when asked to', async (t) => {
    const store = redisStore(t, options)
    const profile = [{ name: 'minute', quota: 5, window: 60 }, { name: 'all', quota: 8, window: 60, partition: 'workspace' as const }]
    await store.take(take(shared, ada, 4))
    const left = async () => (await store.inspect(ada, profile)).policies.map(({ remaining }) => remaining)
    t.same([await left(), await left()], [[1, 4], [1, 4]])
    await store.reset(ada)
    t.same(await left(), [5, 4])
    await store.reset(ada, { workspace: true })
    t.same(await left(), [5, 8])
  })

  t.test('a key that holds anything else counts as empty, is overwritten, and is logged once', async (t) => {
    const store = redisStore(t, { ...options, namespace: 'x' })
    const name = 'x:{10,2,productionw1}:ada'
    await store.take(take(minute))
    const written = await admin.getBuffer(name) ?? Buffer.alloc(0)
    const garbage: Record<string, () => Promise<unknown>> = {
      'a hash': () => admin.hset(name, 'a', 'b'),
      'a text': () => admin.set(name, 'other'),
      'no text': () => admin.set(name, ''),
      'a longer text': () => admin.set(name, 'x'.repeat(100)),
      'the beginning of a value': () => admin.set(name, written.subarray(0, -1)),
      'a value and more': () => admin.set(name, Buffer.concat([written, Buffer.from([1])])),
    }
    const rounds = collectRounds()
    for (const [kind, put] of Object.entries(garbage)) {
      await admin.del(name)
      await put()
      const outcomes = await store.takeBatch([take(minute), take(minute), take(minute, principal('bob', { version: 1 }), 0)])
      rounds.add(outcomes.map(({ policies: [one], versionMarker }) => [one?.remaining, versionMarker]), [[4, 0], [3, 0], [5, 0]], kind)
      rounds.add((await store.inspect(ada, [{ name: 'minute', quota: 5, window: 60 }])).policies[0]?.remaining, 3)
      rounds.add(await admin.pttl(name) > 0, true)

      await admin.del(name)
      await put()
      await store.publishVersion(ada, 7)
      rounds.add((await store.take(take(minute))).versionMarker, 7, `${kind} is no reason not to publish`)
      await admin.del(name)
      await put()
      await store.reset(ada)
      rounds.add(await admin.exists(name), 0, `${kind} is gone after a reset`)
    }
    t.strictSame(rounds.seen, rounds.expected)
    t.same(store.log.lines, [{ level: 'warn', message: 'limits: keys in Redis contained something else; they count as empty and are overwritten', fields: { keys: 1 } }])
  })

  t.test('the same of the key of a workspace', async (t) => {
    const store = redisStore(t, { ...options, namespace: 'x' })
    await store.take(take(shared))
    await admin.set('x:{10,2,productionw1}', 'other')
    t.same((await store.take(take(shared))).policies.map(({ remaining }) => remaining), [3, 7])
    t.same((await store.take(take(shared))).policies.map(({ remaining }) => remaining), [2, 6])
    t.equal(store.log.lines.length, 1)
  })

  t.test('numbers that make no sense fail the take that meets them alone, and never for longer than its window', async (t) => {
    const store = redisStore(t, { ...options, namespace: 'x' })
    const name = 'x:{10,2,productionw1}:ada'
    await store.take(take(minute))
    const written = await admin.getBuffer(name) ?? Buffer.alloc(0)
    const messages: LimitsMessage[] = []
    const collect = (message: unknown) => { if (isLimitsMessage(message)) messages.push(message) }
    subscribe('latchkey:limits', collect)
    let failed = 0
    const rounds = collectRounds()
    for (const number of [NaN, Infinity, -Infinity, 1e300, -1e300, 0.5]) {
      for (const at of [written.length - 16, written.length - 8]) {
        const changed = Buffer.from(written)
        changed.writeDoubleLE(number, at)
        await admin.set(name, changed, 'KEEPTTL')
        const [ofAda, ofBob] = await store.takeBatch([take(minute), take(minute, principal('bob'), 0)])
        rounds.add(ofAda?.failure instanceof LimitStoreUnavailable || ofAda?.policies.length === 1, true, `${number} at ${at}`)
        rounds.add(ofAda?.policies.map(({ reset }) => reset).filter((reset) => reset > 60), [])
        rounds.add(ofBob?.admitted, true)
        if (ofAda?.failure !== undefined) failed++
      }
    }
    t.strictSame(rounds.seen, rounds.expected)
    unsubscribe('latchkey:limits', collect)
    t.ok(failed > 0)
    t.equal(messages.reduce((sum, { unavailable }) => sum + unavailable, 0), failed)
  })

  t.test('what was decided is published, while somebody listens', async (t) => {
    const store = redisStore(t, options)
    const messages: LimitsMessage[] = []
    const collect = (message: unknown) => { if (isLimitsMessage(message)) messages.push(message) }
    subscribe('latchkey:limits', collect)
    await store.takeBatch([take(minute, ada, 5), take(minute), take(minute, principal('bob'))])
    unsubscribe('latchkey:limits', collect)
    await store.take(take(minute))
    t.match(messages, [{ takes: 3, admitted: 2, limited: 1, unavailable: 0 }])
    t.ok((messages[0]?.seconds ?? -1) > 0)
  })

  t.test('a client of the host\'s: lazy, prefixed, with texts for numbers, and it stays open', async (t) => {
    const redis = new Redis({ port: server.port, lazyConnect: true, keyPrefix: 'p:', stringNumbers: true })
    t.teardown(() => redis.disconnect())
    const store = redisStore(t, { redis, deadline: 2 })
    await store.ready()
    t.equal((await store.take(take(minute))).policies[0]?.remaining, 4)
    t.ok((await admin.keys('*')).every((name) => name.startsWith('p:latchkey:')))
    store.close()
    t.equal(await redis.ping(), 'PONG')
    t.same(['ready', 'close'].map((event) => redis.listenerCount(event)), [0, 0], 'nothing of the store is left on it')
    t.equal(redis.status, 'ready')
    const again = redisStore(t, { redis, deadline: 2 })
    t.equal((await again.take(take(minute))).policies[0]?.remaining, 3, 'a client that is connected already')
  })
})
