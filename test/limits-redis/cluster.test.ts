import { setTimeout as pause } from 'node:timers/promises'
import type { Principal } from 'fastify-latchkey'
import { compilePolicy, type Take } from 'fastify-latchkey/limits'
import { LimitStoreUnavailable, type RedisClient } from 'fastify-latchkey/limits/redis'
import { Cluster } from 'ioredis'
import t from 'tap'
import { clusterSlot, createRedisKeys } from '../../lib/limits/redis/redis-keys.js'
import { collectRounds } from '../helpers/collect.js'
import { principal } from '../helpers/limits.js'
import { startPrimaries, startShards } from '../helpers/redis-fleets.js'
import { doubles, redisStore } from '../helpers/redis-store.js'
import { until } from '../helpers/until.js'

const policies = [compilePolicy({ name: 'p', quota: 1_000, window: 3600 }), compilePolicy({ name: 'all', quota: 10_000, window: 3600, partition: 'workspace' })]
const keysOf = createRedisKeys('latchkey', clusterSlot)

const takes: Take[] = Array.from({ length: 30 }, (_, n) => ({ policies, caller: principal(`p${n}`, { workspace: `w${n % 20}`, version: 1 }), cost: 1, now: 0 }))

t.test('a batch goes to all shards at once, each take to its own, and is answered in its order', async (t) => {
  const cluster = await startPrimaries(t)
  const store = redisStore(t, { redis: cluster, deadline: 10 })
  await store.ready()
  const own = await store.takeBatch(takes.map((take, n) => ({ ...take, cost: n })))
  t.same(own.map(({ admitted, policies }) => [admitted, policies[0]?.remaining]), takes.map((_, n) => [true, 1_000 - n]))
  t.same(own.map(({ policies }) => policies[1]?.remaining), takes.map((_, n) => 10_000 - n - (n < 20 ? 0 : n - 20)), 'two of one workspace share it')
  t.same((await Promise.all(cluster.nodes('master').map((node) => node.dbsize()))).filter((size) => size === 0), [], 'each shard has some of them')
  await store.publishVersion(keyed(takes[3]), 7)
  await store.reset(keyed(takes[4]), { workspace: true })
  const again = await store.takeBatch(takes.map((take) => ({ ...take, cost: 0 })))
  t.same(again.map(({ versionMarker }) => versionMarker), takes.map((_, n) => n === 3 ? 7 : 0))
  t.same([again[3]?.policies[0]?.remaining, again[4]?.policies[0]?.remaining, again[24]?.policies[0]?.remaining], [997, 1_000, 976])
})

t.test('hash slots are those of Redis, also under a prefix of the client', async (t) => {
  const cluster = await startPrimaries(t)
  const keys = ['', 'foo', '123456789', '{}x', 'a{b}c', '{a}{b}', 'a{b', '}{a}', '{é}', '{\n}x', ...takes.map(({ caller }) => keysOf(caller).principal)]
  t.same(keys.map(clusterSlot), await Promise.all(keys.map((key) => cluster.cluster('KEYSLOT', key))))
  const [{ options: { host = '', port = 0 } } = { options: {} }] = cluster.nodes('master')
  const rounds = collectRounds()
  for (const keyPrefix of ['app:', '{app}:', 'a{b']) {
    const prefixed = new Cluster([{ host, port }], { keyPrefix })
    t.teardown(() => prefixed.disconnect())
    const store = redisStore(t, { redis: prefixed, deadline: 10 })
    rounds.add(new Set((await store.takeBatch(takes)).map(({ failure }) => failure)), new Set([undefined]), keyPrefix)
  }
  t.strictSame(rounds.seen, rounds.expected)
})

t.test('a shard that is gone costs those alone who need it, and nobody else is refused or waits', async (t) => {
  const { cluster, servers } = await startShards(t)
  const store = redisStore(t, { redis: cluster, deadline: 0.3 })
  await store.ready()
  await store.takeBatch(takes)
  const gone = servers[0]
  if (gone === undefined) throw new Error('there are servers')
  const needsGone = ({ caller }: Take) => cluster.slots[keysOf(caller).slot]?.[0] === `127.0.0.1:${gone.port}`
  const counts = { lost: 0, lostAnswered: 0, others: 0, othersRefused: 0, waits: new Array<number>() }

  async function one (take: Take): Promise<void> {
    const startedAt = performance.now()
    const admitted = await store.take({ ...take, cost: 0 }).then(() => true, () => false)
    if (needsGone(take)) {
      counts.lost++
      if (admitted) counts.lostAnswered++
    } else {
      counts.others++
      if (!admitted) counts.othersRefused++
      counts.waits.push(performance.now() - startedAt)
    }
  }
  async function round (): Promise<void> {
    await Promise.all(takes.map(one))
    await pause(5)
  }

  await gone.kill()
  const end = performance.now() + 5_000
  while (performance.now() < end) await round()
  t.ok(counts.lost > 500 && counts.others > 1_000, JSON.stringify({ ...counts, waits: undefined }))
  t.equal(counts.lostAnswered, 0)
  t.equal(counts.othersRefused, 0)
  counts.waits.sort((a, b) => a - b)
  t.ok((counts.waits[Math.floor(counts.waits.length * 0.99)] ?? 0) < 200, 'nor do others wait for its deadline')

  const [lost, other] = [takes.find(needsGone), takes.find((take) => !needsGone(take))]
  if (lost === undefined || other === undefined) throw new Error('each shard has some of them')
  const [ofLost, ofOther] = await store.takeBatch([lost, other])
  t.ok(ofLost?.failure instanceof LimitStoreUnavailable)
  t.equal(ofOther?.admitted, true)

  await gone.restart()
  await until(async () => (await store.takeBatch(takes)).every(({ failure }) => failure === undefined), 'everybody is decided again')
  t.match(store.log.lines, [{ message: 'limits: Redis can\'t decide; requests get 503' }, { message: 'limits: Redis decides again' }])
  t.equal(store.log.lines.length, 2)
})

t.test('a node that was replaced is unavailable no longer, though nobody asks it again', async (t) => {
  const slots = Array.from({ length: 16_384 }, () => ['old:1'])
  const redis: RedisClient = {
    status: 'ready',
    slots,
    connect: async () => {},
    async callBuffer () { return slots[0]?.[0] === 'old:1' ? null : doubles(1_000_000, 0, 0) },
    info: async () => '',
    on () {},
    off () {}
  }
  const store = redisStore(t, { redis, clockOfTakes: true, deadline: 10 })
  const take = async () => store.take({ policies: [], caller: principal('ada'), cost: 1, now: 0 }).then(() => true, () => false)
  const rounds = collectRounds()
  for (let n = 0; n < 4; n++) rounds.add(await take(), false)
  t.strictSame(rounds.seen, rounds.expected)
  for (const nodes of slots) nodes[0] = 'new:1'
  t.equal(await take(), true)
  await until(async () => await take() && store.log.lines.length === 2, 'the log says that it is over')
  t.match(store.log.lines, [
    { level: 'warn', message: 'limits: Redis can\'t decide; requests get 503' },
    { level: 'info', message: 'limits: Redis decides again', fields: { reason: 'another node took over' } }
  ])
})

function keyed (take: Take | undefined): Principal {
  if (take === undefined || take.caller.kind === 'anonymous') throw new Error('there is no such take')
  return take.caller
}
