import { setTimeout as pause } from 'node:timers/promises'
import { compilePolicy } from 'fastify-latchkey/limits'
import { LimitStoreUnavailable, type RedisLimitStore } from 'fastify-latchkey/limits/redis'
import { Cluster, type Redis } from 'ioredis'
import t, { type Test } from 'tap'
import type { Principal } from 'fastify-latchkey'
import { run } from '../helpers/child.js'
import { collectRounds } from '../helpers/collect.js'
import { principal } from '../helpers/limits.js'
import { startCluster, startSentinels } from '../helpers/redis-fleets.js'
import { redisStore } from '../helpers/redis-store.js'
import { until } from '../helpers/until.js'

const QUOTA = 100
const policies = [compilePolicy({ name: 'p', quota: QUOTA, window: 3600 }), compilePolicy({ name: 'all', quota: 10_000, window: 3600, partition: 'workspace' })]

/** What one principal was told. */
interface Told {
  admitted: number
  limited: number
  /** Some of them were counted by a Redis that died, or answered too late, before it said so. */
  unavailable: number
}

/** Takes of everybody every few milliseconds until it is stopped, or the test ends. */
function load (t: Test, store: RedisLimitStore, who: readonly Principal[]) {
  const told = new Map<string, Told>(who.map(({ id }) => [id, { admitted: 0, limited: 0, unavailable: 0 }]))
  const faults: unknown[] = []
  const stopped = new AbortController()
  async function one (principal: Principal): Promise<void> {
    const mine = told.get(principal.id)
    if (mine === undefined) return
    try {
      const { admitted } = await store.take({ policies, caller: principal, cost: 1, now: 0 })
      if (admitted) mine.admitted++
      else mine.limited++
    } catch (fault) {
      if (fault instanceof LimitStoreUnavailable) mine.unavailable++
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
  async function stop (): Promise<void> {
    stopped.abort()
    await done
  }
  t.teardown(stop)
  return { told: () => [...told.values()], faults, stop }
}

async function survives (t: Test, store: RedisLimitStore, who: readonly Principal[], kill: () => Promise<void>): Promise<void> {
  const running = load(t, store, who)
  await until(() => running.told().some(({ admitted }) => admitted > 20), 'it counts')
  await kill()
  await until(() => running.told().some(({ unavailable }) => unavailable > 0), 'the loss is felt')
  await until(async () => (await Promise.allSettled(who.map(async (principal) => store.inspect(principal, [])))).every(({ status }) => status === 'fulfilled'), 'everybody is decided again')
  await until(() => running.told().every(({ limited }) => limited > 0), 'everybody has had the quota')
  await pause(200)
  await running.stop()
  t.same(running.faults, [])
  const rounds = collectRounds()
  for (const { admitted, unavailable } of running.told()) {
    rounds.add(admitted + unavailable >= QUOTA, true, `${admitted} admitted and ${unavailable} not answered: nobody gets less than the quota`)
    rounds.add(admitted <= 2 * QUOTA, true, `${admitted} admitted, at most one quota too many`)
  }
  t.strictSame(rounds.seen, rounds.expected)
}

t.test('a failover by Sentinel under load: 503 meanwhile, then it goes on, at most one quota too many', async (t) => {
  const { sentinels, primary } = await startSentinels(t)
  const store = redisStore(t, { connection: { sentinels, name: 'm' }, deadline: 0.5 })
  await store.ready()
  t.same(store.log.lines, [])
  await survives(t, store, [principal('ada'), principal('bob')], () => primary.kill())
})

t.test('a Cluster whose slots move under load: nobody is admitted twice for it, and nobody gets less', async (t) => {
  const { nodes, servers } = await startCluster(t)
  const redis = new Cluster(nodes, { redisOptions: { maxRetriesPerRequest: 1 } })
  redis.on('error', () => {})
  t.teardown(() => redis.disconnect())
  const store = redisStore(t, { redis, deadline: 5 })
  await store.ready()
  const who = Array.from({ length: 12 }, (_, n) => principal(`p${n}`, { workspace: `w${n}`, version: 1 }))
  const running = load(t, store, who)
  await until(() => running.told().some(({ admitted }) => admitted > 5), 'it counts')
  const clients = servers.map((server) => server.client())
  const [source, target] = await mastersOf(clients)
  const [{ host, port } = { host: '', port: 0 }] = nodes
  const moved = await run(['redis-cli', '--cluster', 'reshard', `${host}:${port}`, '--cluster-from', source.id, '--cluster-to', target.id, '--cluster-slots', '3000', '--cluster-yes'])
  t.equal(moved.code, 0, moved.stderr)
  t.ok((await mastersOf(clients)).some(({ id, keys }) => id === target.id && keys > target.keys), 'counters have moved')
  await until(() => running.told().every(({ limited }) => limited > 0), 'everybody has had the quota')
  await running.stop()
  t.same(running.faults, [])
  const rounds = collectRounds()
  for (const { admitted, unavailable } of running.told()) {
    rounds.add(admitted <= QUOTA, true, `${admitted} admitted: counters move with their slots`)
    rounds.add(admitted + unavailable >= QUOTA, true, `${admitted} admitted and ${unavailable} not answered: nobody gets less than the quota`)
  }
  t.strictSame(rounds.seen, rounds.expected)
})

interface Master { readonly id: string, readonly keys: number }

/** A Cluster's primaries, the one that holds most first. */
async function mastersOf (clients: readonly Redis[]): Promise<[Master, Master]> {
  const nodes = await Promise.all(clients.map(async (client) => ({ id: String(await client.cluster('MYID')), role: String(await client.role()), keys: await client.dbsize() })))
  const [first, second] = nodes.filter(({ role }) => role.startsWith('master')).sort((a, b) => b.keys - a.keys)
  if (first === undefined || second === undefined) throw new Error('fewer than two primaries')
  return [first, second]
}

t.test('a Cluster that loses a primary under load: 503 for its part, then it goes on, at most one quota too many', async (t) => {
  const { nodes, servers } = await startCluster(t)
  const redis = new Cluster(nodes, { redisOptions: { maxRetriesPerRequest: 1 } })
  redis.on('error', () => {})
  t.teardown(() => redis.disconnect())
  const store = redisStore(t, { redis, deadline: 0.5 })
  await store.ready()
  t.same(store.log.lines, [])
  const who = Array.from({ length: 12 }, (_, n) => principal(`p${n}`, { workspace: `w${n}`, version: 1 }))
  await store.publishVersion(who[0] ?? principal('none'), 5)
  t.equal((await store.take({ policies, caller: who[0] ?? principal('none'), cost: 0, now: 0 })).versionMarker, 5)
  const keyed = await Promise.all(servers.map(async (server) => ({ server, keys: await server.client().dbsize(), role: await server.client().role() })))
  const used = keyed.filter(({ role, keys }) => String(role).startsWith('master') && keys > 0)
  await survives(t, store, who, async () => { await used[0]?.server.kill() })
  await until(async () => {
    await Promise.allSettled(who.map((principal) => store.take({ policies, caller: principal, cost: 0, now: 0 })))
    return store.log.lines.at(-1)?.message === 'limits: Redis decides again'
  }, 'the log says that it is over')
  t.equal(store.log.lines[0]?.message, 'limits: Redis can\'t decide; requests get 503')
})
