import Fastify from 'fastify'
import latchkey, { allowPlainHttp, defineScopes, type LatchkeyOptions } from 'fastify-latchkey'
import { createProcessChanges, type KeyStore } from 'fastify-latchkey/keys'
import type { RedisLimitStoreOptions } from 'fastify-latchkey/limits/redis'
import { fakeClock } from 'fastify-latchkey/testing'
import t, { type Test } from 'tap'
import { collectRounds } from '../helpers/collect.js'
import { keyStore } from '../helpers/key-store.js'
import { startProxy } from '../helpers/proxy.js'
import { freePort } from '../helpers/ports.js'
import { startRedis } from '../helpers/redis-server.js'
import { redisStore } from '../helpers/redis-store.js'
import { until } from '../helpers/until.js'

/** Seconds that a cached record is used where its process can't learn of a change. */
const MAX_AGE = 30
const scopes = defineScopes({ resources: { devices: ['read', 'write'] } })
const tiers = { pro: [{ name: 'pro', quota: 500, window: 60 }], free: [] }

/** A server like a process of its own: it shares only what it is given, and a clock that stands still. */
async function server (t: Test, store: KeyStore, clock: () => number, limits: LatchkeyOptions['limits'], cache?: { changes: ReturnType<typeof createProcessChanges> }) {
  const app = Fastify()
  await app.register(latchkey, { scopes, environment: 'production', keys: { prefix: 'acme', store, cache: cache && { maxAge: MAX_AGE, ...cache } }, limits, transport: allowPlainHttp, failures: false, clock, deadline: 5 })
  app.get('/', { schema: scopes.secure('devices:read') }, async ({ principal }) => principal)
  app.get('/open', { schema: scopes.public(), preHandler: app.latchkey.authenticate }, async ({ principal }) => principal)
  await app.ready()
  return { keys: app.latchkey.keys, close: () => app.close(), ask: async (secret: string, url = '/') => await app.inject({ url, headers: { authorization: `Bearer ${secret}` } }) }
}

/** Two of them: one changes keys, the other caches them and takes requests. Each has its own connection to Redis. */
async function two (t: Test, changing: RedisLimitStoreOptions, serving = changing, dryRun = false) {
  const clock = fakeClock()
  const keys = keyStore()
  const { findByHash } = keys
  const seen = { lookups: 0, down: false }
  const counted: KeyStore = {
    ...keys,
    async findByHash (...asked) {
      seen.lookups++
      if (seen.down) throw new Error('the key store is down')
      return await findByHash(...asked)
    }
  }
  const limits = (options: RedisLimitStoreOptions, dryRun: boolean) => ({ store: redisStore(t, { deadline: 1, ...options }), tiers, dryRun })
  const one = await server(t, keys, clock.now, limits(changing, false))
  const other = await server(t, counted, clock.now, limits(serving, dryRun))
  t.teardown(() => Promise.all([one.close(), other.close()]))
  /** A key that the other has cached. */
  async function cached (more = {}) {
    const { key, secret } = await one.keys.issue({ workspace: 'w1', scopes: ['devices:read'], ...more })
    t.equal((await other.ask(secret)).statusCode, 200)
    const before = seen.lookups
    t.equal((await other.ask(secret)).statusCode, 200)
    t.equal(seen.lookups, before, 'it is cached')
    return { id: key.id, secret, status: async () => (await other.ask(secret)).statusCode, revoke: async () => (await one.keys.revoke('w1', key.id)).effectiveWithin }
  }
  /** The old record is used for its maximum age and no longer. */
  async function usedUntilMaxAge (t: Test, status: () => Promise<number>) {
    clock.advance(MAX_AGE - 0.001)
    t.equal(await status(), 200, 'until then')
    clock.advance(0.001)
    t.equal(await status(), 401, 'and no longer')
  }
  return { one, other, cached, usedUntilMaxAge, clock, seen }
}

t.test('every change of a key is in force from the next request on', async (t) => {
  const redis = await startRedis(t)
  const { one, other, cached } = await two(t, { url: redis.url })
  const { id, secret } = await cached({ owner: 'ada' })
  t.equal((await one.keys.update('w1', id, { owner: 'bob' })).effectiveWithin, 0)
  t.match((await other.ask(secret)).json(), { owner: 'bob' })
  await one.keys.update('w1', id, { tier: 'pro' })
  const paid = await other.ask(secret)
  t.match(paid.json(), { owner: 'bob', tier: 'pro' })
  t.equal(paid.headers.ratelimit, '"pro";r=499;t=60')
  await one.keys.update('w1', id, { tier: 'free' })
  const free = await other.ask(secret)
  t.match([free.json(), free.headers.ratelimit], [{ tier: 'free' }, undefined])
  await one.keys.update('w1', id, { scopes: ['devices:write'] })
  t.equal((await other.ask(secret)).statusCode, 403, 'also of a tier that nothing limits')
  await one.keys.expire('w1', id)
  t.equal((await other.ask(secret)).statusCode, 401)
})

t.test('… and on routes that only authenticate, which use no cached record', async (t) => {
  const redis = await startRedis(t)
  const { other, cached } = await two(t, { url: redis.url })
  const { secret, revoke } = await cached()
  t.equal((await other.ask(secret, '/open')).json().workspace, 'w1')
  t.equal(await revoke(), 0)
  const refused = await other.ask(secret, '/open')
  t.equal(refused.statusCode, 401)
  t.match(refused.headers, { 'www-authenticate': 'Bearer realm="api", error="invalid_token"', 'cache-control': 'no-store' })
  t.equal(refused.json().code, 'CREDENTIAL_INVALID', 'thrown: the host renders it')
})

t.test('a marker that was lost makes no revoked key valid again: flushed, evicted, or with another Redis', async (t) => {
  const redis = await startRedis(t)
  const admin = redis.client()
  const { cached, seen } = await two(t, { url: redis.url })
  const losses = {
    flushed: () => admin.flushall(),
    evicted: async () => admin.del(...await admin.keys('latchkey:*')),
    replaced: async () => { await redis.kill(); await redis.restart() }
  }
  const rounds = collectRounds()
  for (const [how, lose] of Object.entries(losses)) {
    const [bad, good] = [await cached(), await cached()]
    rounds.add(await bad.revoke(), 0)
    await lose()
    await until(async () => await good.status() === 200, 'Redis is asked again')
    rounds.add(await bad.status(), 401, how)
    const before = seen.lookups
    for (let n = 0; n < 3; n++) rounds.add(await good.status(), 200)
    rounds.add(seen.lookups, before, 'a good key was loaded once, and its marker is written again')
  }
  t.strictSame(rounds.seen, rounds.expected)
})

t.test('a marker that could not be written: the answer says so, and the write is retried', async (t) => {
  const redis = await startRedis(t)
  const proxy = await startProxy(t, redis.port)
  const { cached } = await two(t, { url: `redis://127.0.0.1:${proxy.port}`, deadline: 0.05 }, { url: redis.url })
  const { status, revoke } = await cached()
  proxy.manner = 'refuse'
  t.equal(await revoke(), MAX_AGE)
  t.equal(await status(), 200, 'the other does not know of it')
  proxy.manner = 'pass'
  await until(async () => await status() === 401, 'it learns of it, though no time passes on its clock')
})

t.test('… and where its process ends before that, the change is in force after maxAge', async (t) => {
  const redis = await startRedis(t)
  const { one, cached, usedUntilMaxAge } = await two(t, { url: `redis://127.0.0.1:${await freePort()}`, deadline: 0.05 }, { url: redis.url })
  const { status, revoke } = await cached()
  t.equal(await revoke(), MAX_AGE)
  await one.close()
  await usedUntilMaxAge(t, status)
})

t.test('after a failover to a replica without the marker, the change is in force after maxAge, everywhere', async (t) => {
  const primary = await startRedis(t)
  const replica = await startRedis(t, ['--replicaof', '127.0.0.1', String(primary.port)])
  const follower = replica.client()
  await until(async () => /master_link_status:up/.test(await follower.info('replication')), 'the replica follows')
  const proxy = await startProxy(t, primary.port)
  const { cached, usedUntilMaxAge } = await two(t, { url: `redis://127.0.0.1:${proxy.port}` })
  const { status, revoke } = await cached()
  await primary.client().wait(1, 0)
  await follower.replicaof('NO', 'ONE')
  t.equal(await revoke(), 0, 'the primary took it')
  proxy.target = replica.port
  await primary.kill()
  await until(async () => await status() === 200, 'the replica answers, with the earlier marker')
  await usedUntilMaxAge(t, status)
})

for (const [how, more, dryRun] of [
  ['local', { onUnavailable: 'local', processes: 2 }, false], ['allow', { onUnavailable: 'allow' }, false], ['dry run', {}, true]
] as const) {
  t.test(`a process that can't ask Redis, and lets requests go on (${how}), asks the key store instead: a change holds at once`, async (t) => {
    const redis = await startRedis(t)
    const proxy = await startProxy(t, redis.port)
    const { one, other, cached, seen } = await two(t, { url: redis.url }, { url: `redis://127.0.0.1:${proxy.port}`, deadline: 0.25, ...more }, dryRun)
    const [bad, good, changed] = [await cached(), await cached(), await cached()]
    proxy.manner = 'refuse'
    t.equal(await good.status(), 200)
    t.equal(await bad.revoke(), 0)
    t.equal((await one.keys.update('w1', changed.id, { scopes: [] })).effectiveWithin, 0)
    const refused = await other.ask(bad.secret)
    t.equal(refused.statusCode, 401)
    t.match(refused.json(), { code: 'CREDENTIAL_INVALID', detail: 'The API key was revoked.' })
    t.equal(await changed.status(), 403)
    const before = seen.lookups
    const rounds = collectRounds()
    for (let n = 0; n < 3; n++) rounds.add(await good.status(), 200)
    t.strictSame(rounds.seen, rounds.expected)
    t.equal(seen.lookups, before + 3)
    seen.down = true
    const blind = await other.ask(good.secret)
    t.match([blind.statusCode, blind.json().code, blind.headers['retry-after']], [503, 'AUTHENTICATION_UNAVAILABLE', '1'], 'where neither store answers, nobody is let in')
    seen.down = false
    proxy.manner = 'pass'
    await until(async () => {
      const asked = seen.lookups
      return await good.status() === 200 && seen.lookups === asked
    }, 'Redis is asked again, and the key store no more')
  })
}

t.test('local: a request above its share is refused without asking the key store', async (t) => {
  const redis = await startRedis(t)
  const proxy = await startProxy(t, redis.port)
  const { other, cached, seen } = await two(t, { url: redis.url }, { url: `redis://127.0.0.1:${proxy.port}`, deadline: 0.25, onUnavailable: 'local', processes: 100 })
  const { secret } = await cached()
  proxy.manner = 'refuse'
  t.equal((await other.ask(secret)).statusCode, 200)
  const before = seen.lookups
  const limited = await other.ask(secret)
  t.match([limited.statusCode, limited.json().code], [429, 'RATE_LIMITED'])
  t.equal(seen.lookups, before)
})

t.test('without limits nothing is cached, unless a bus is given: changes are then in force at once, or after maxAge', async (t) => {
  const clock = fakeClock()
  const keys = keyStore()
  const changes = createProcessChanges()
  const [one, uncached, informed, uninformed] = await Promise.all([
    server(t, keys, clock.now, false, { changes }), server(t, keys, clock.now, false),
    server(t, keys, clock.now, false, { changes }), server(t, keys, clock.now, false, { changes: createProcessChanges() })
  ])
  t.teardown(() => Promise.all([one, uncached, informed, uninformed].map(({ close }) => close())))
  const { key, secret } = await one.keys.issue({ workspace: 'w1', scopes: ['devices:read'] })
  const ask = () => Promise.all([uncached, informed, uninformed].map(async ({ ask }) => (await ask(secret)).statusCode))
  t.same(await ask(), [200, 200, 200])
  t.equal((await one.keys.revoke('w1', key.id)).effectiveWithin, MAX_AGE)
  t.same(await ask(), [401, 401, 200])
  clock.advance(MAX_AGE - 0.001)
  t.same(await ask(), [401, 401, 200])
  clock.advance(0.001)
  t.same(await ask(), [401, 401, 401])
})
