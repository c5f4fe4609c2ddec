import { compilePolicy, type LimitStore, type Take } from 'fastify-latchkey/limits'
import type { RedisClient } from 'fastify-latchkey/limits/redis'
import t from 'tap'
import { guarded, principal } from '../helpers/limits.js'
import { doubles, redisStore } from '../helpers/redis-store.js'

/** A client whose Redis answers what a test says. */
function client (answers: Partial<RedisClient>): RedisClient {
  return {
    status: 'ready',
    isCluster: false,
    connect: async () => {},
    callBuffer: async () => {},
    time: async () => {},
    info: async () => '',
    on () {},
    off () {},
    ...answers,
  }
}

t.test('on a Cluster each workspace has its own calls, and no more than ten thousand are remembered', async (t) => {
  const called: string[][] = []
  const cluster = client({
    isCluster: true,
    async callBuffer (_command, _sha, count, ...args) {
      const keys = Number(count)
      called.push(args.slice(0, keys))
      return doubles(1, ...Array<number>(keys).fill(0))
    },
  })
  const store = redisStore(t, { redis: cluster, deadline: 10 })
  const take = async (n: number) => store.take({ policies: [], principal: principal('a', { workspace: `w${n}` }), cost: 1, now: 0 })
  await Promise.all([take(0), take(0), take(1)])
  t.same(called.map((keys) => keys.length), [2, 1])
  for (let n = 2; n < 10_002; n += 1000) await Promise.all(Array.from({ length: 1000 }, (_, i) => take(n + i)))
  t.equal(called.length, 10_002)
  t.same(await take(0), { admitted: true, policies: [] }, 'a forgotten one is made anew')
})

t.test('on a Cluster a workspace that was never asked for tells by the clock of another until when it may be counted', async (t) => {
  const latest: number[] = []
  const ahead = 5_000_000_000
  const cluster = client({
    isCluster: true,
    async callBuffer (_command, _sha, count, ...args) {
      const keys = Number(count)
      latest.push(Number(args[keys]))
      return doubles(Math.floor(performance.now() * 1000) + ahead, ...Array<number>(keys).fill(0))
    },
  })
  const store = redisStore(t, { redis: cluster, deadline: 10 })
  for (const workspace of ['w1', 'w2']) await store.take({ policies: [], principal: principal('a', { workspace }), cost: 1, now: 0 })
  const [first, second = 0] = latest
  t.equal(first, 0, 'nobody has told the time yet')
  t.ok(second > ahead && second <= ahead + (performance.now() + 10_000) * 1000, `${second}`)
})

t.test('a batch tells each list of policies once, however its takes are mixed', async (t) => {
  const called: string[][] = []
  const redis = client({
    async callBuffer (_command, _sha, count, ...args) {
      called.push(args.slice(Number(count) + 1))
      return doubles(1, ...Array<number>(Number(count)).fill(0).flatMap(() => [0, 4, 60]))
    },
  })
  const store = redisStore(t, { redis, deadline: 10 })
  const lists = ['a', 'b'].map((name) => [compilePolicy({ name, quota: 5, window: 60 })] as const)
  await Promise.all(Array.from({ length: 6 }, (_, i) => store.take({ policies: lists[i % 2] ?? [], principal: principal(`p${i}`), cost: 1 + Math.floor(i / 4), now: 0 })))
  const [[runs = '', ...told] = []] = called
  t.equal(runs, '1 1 1 1 1 2 1 1 1 1 1 2 1 2 1 1 2 2 ')
  t.match(told, [/^w-[\w-]{8}5 60000000 $/, /^w-[\w-]{8}5 60000000 $/])
  t.not(told[0], told[1])
  t.equal(told.length, 2)
})

t.test('what comes too late twice is answered without Redis', async (t) => {
  let asked = 0
  const redis = client({ async callBuffer () { asked++; return doubles(1) } })
  const store = redisStore(t, { redis, deadline: 10 })
  const take = async () => store.take({ policies: [], principal: principal('a'), cost: 1, now: 0 })
  await t.rejects(take(), { name: 'LimitStoreUnavailable', message: 'the limit store is unavailable: late' })
  t.equal(asked, 2)
})

t.test('what a host makes of the store, with a take of its own, is asked by that', async (t) => {
  const redis = client({ async callBuffer (_command, _sha, keys) { return doubles(1, ...Array<number>(Number(keys)).fill(0).flatMap(() => [0, 4, 60])) } })
  const store = redisStore(t, { redis, deadline: 10 })
  const taken: string[] = []
  const own = (name: string): LimitStore => ({ ...store, take (take) { taken.push(name); return store.take(take) } })
  const changed = Object.assign(redisStore(t, { redis, deadline: 10 }), { take (take: Take) { taken.push('changed'); return store.take(take) } })
  for (const limits of [{ store }, { store: own('made of it') }, { store: changed }]) {
    const { app, as } = await guarded(t, { limits: { ...limits, environments: { production: [{ name: 'p', quota: 5, window: 60 }] } }, environment: 'production' })
    const answer = await as.inject(app, { scopes: [] }, '/')
    t.match([answer.statusCode, answer.headers.ratelimit], [200, '"p";r=4;t=60'])
  }
  t.same(taken, ['made of it', 'changed'])
})
