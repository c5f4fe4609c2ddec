import { setTimeout as pause } from 'node:timers/promises'
import { compilePolicy } from 'fastify-latchkey/limits'
import { LimitStoreUnavailable, type RedisLimitStore } from 'fastify-latchkey/limits/redis'
import { Cluster } from 'ioredis'
import t, { type Test } from 'tap'
import type { Principal } from 'fastify-latchkey'
import { principal } from '../helpers/limits.js'
import { startCluster, startSentinels } from '../helpers/redis-fleets.js'
import { eventually, redisStore } from '../helpers/redis-store.js'

const QUOTA = 100
const policies = [compilePolicy({ name: 'p', quota: QUOTA, window: 3600 }), compilePolicy({ name: 'all', quota: 10_000, window: 3600, partition: 'workspace' })]

/** Takes of everybody every few milliseconds until it is stopped; counts who was let in, and what else was said. */
function load (store: RedisLimitStore, who: readonly Principal[]) {
  const admitted = new Map<string, number>()
  const faults: unknown[] = []
  let unavailable = 0
  const stopped = new AbortController()
  async function one (principal: Principal): Promise<void> {
    try {
      const { admitted: yes } = await store.take({ policies, principal, cost: 1, now: 0 })
      if (yes) admitted.set(principal.id, (admitted.get(principal.id) ?? 0) + 1)
    } catch (fault) {
      if (fault instanceof LimitStoreUnavailable) unavailable++
      else faults.push(fault)
    }
  }
  async function go (): Promise<void> {
    while (!stopped.signal.aborted) {
      await Promise.all(who.map(one))
      await pause(4)
    }
  }
  const done = go()
  return {
    admitted,
    faults,
    get unavailable () { return unavailable },
    async stop () {
      stopped.abort()
      await done
    }
  }
}

async function survives (t: Test, store: RedisLimitStore, who: readonly Principal[], kill: () => Promise<void>): Promise<void> {
  const running = load(store, who)
  await eventually(() => [...running.admitted.values()].some((count) => count > 20), 'it counts')
  await kill()
  await eventually(() => running.unavailable > 0, 'the loss is felt')
  await eventually(async () => (await Promise.allSettled(who.map(async (principal) => store.inspect(principal, [])))).every(({ status }) => status === 'fulfilled'), 'everybody is decided again')
  await eventually(() => who.every(({ id }) => (running.admitted.get(id) ?? 0) >= QUOTA), 'everybody has had the quota')
  await pause(200)
  await running.stop()
  t.same(running.faults, [])
  for (const { id } of who) {
    const count = running.admitted.get(id) ?? 0
    t.ok(count <= 2 * QUOTA, `${id}: ${count} admitted, at most one quota too many`)
  }
}

t.test('a failover by Sentinel under load: 503 meanwhile, then it goes on, at most one quota too many', async (t) => {
  const { sentinels, primary } = await startSentinels(t)
  const store = redisStore(t, { connection: { sentinels, name: 'm' }, deadline: 0.5 })
  await store.ready()
  t.same(store.log.lines, [])
  await survives(t, store, [principal('ada'), principal('bob')], () => primary.kill())
})

t.test('a Cluster that loses a primary under load: 503 for its part, then it goes on, at most one quota too many', async (t) => {
  const { nodes, servers } = await startCluster(t)
  const redis = new Cluster(nodes, { redisOptions: { maxRetriesPerRequest: 1 } })
  redis.on('error', () => {})
  t.teardown(() => redis.disconnect())
  const store = redisStore(t, { redis, deadline: 0.5 })
  await store.ready()
  t.same(store.log.lines, [])
  const who = Array.from({ length: 12 }, (_, n) => principal(`p${n}`, { workspace: `w${n}`, version: 1 }))
  await store.mark(who[0] ?? principal('none'), 5)
  t.equal((await store.take({ policies, principal: who[0] ?? principal('none'), cost: 0, now: 0 })).marker, 5)
  const keyed = await Promise.all(servers.map(async (server) => ({ server, keys: await server.client().dbsize(), role: await server.client().role() })))
  const used = keyed.filter(({ role, keys }) => String(role).startsWith('master') && keys > 0)
  await survives(t, store, who, async () => { await used[0]?.server.kill() })
})
