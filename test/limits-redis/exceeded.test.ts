import type { AccessEvent } from 'fastify-latchkey/events'
import type { RedisLimitStoreOptions } from 'fastify-latchkey/limits/redis'
import { fakeClock } from 'fastify-latchkey/testing'
import type { Profile } from 'fastify-latchkey'
import t, { type Test } from 'tap'
import { guarded } from '../helpers/limits.js'
import { startPrimaries } from '../helpers/redis-fleets.js'
import { startRedis } from '../helpers/redis-server.js'
import { redisStore } from '../helpers/redis-store.js'
import { until } from '../helpers/until.js'

/** Two apps that share a Redis, as two processes do, and all that either tells of limits. */
async function pair (t: Test, options: RedisLimitStoreOptions, production: Profile, clock: () => number) {
  const told: Array<AccessEvent<'limit.exceeded'>> = []
  const made = await Promise.all([1, 2].map(async () => {
    const store = redisStore(t, { deadline: 10, ...options })
    const { app, as } = await guarded(t, { clock, limits: { store, environments: { production, sandbox: [] } } })
    await app.ready()
    app.latchkey.events.on('limit.exceeded', (event) => { told.push(event) })
    return { store, ask: async (id: string) => (await as.inject(app, { id, scopes: [] }, '/')).statusCode }
  }))
  return {
    told,
    asks: made.map(({ ask }) => ask),
    /** Of one connection, what was sent earlier is answered earlier; names of any number lie on all nodes of a Cluster. */
    async settle () {
      for (const { store } of made) await Promise.all(Array.from({ length: 30 }, (_, n) => store.claim(`comes last ${n}`, 1)))
      for (let i = 0; i < 4; i++) await new Promise(setImmediate)
    }
  }
}

const both: Profile = [{ name: 'own', quota: 2, window: 60 }, { name: 'all', quota: 2, window: 60, partition: 'workspace' }]

async function tellsOnce (t: Test, options: RedisLimitStoreOptions): Promise<void> {
  const clock = fakeClock()
  const { told, asks, settle } = await pair(t, { ...options, clockOfTakes: true }, both, clock.now)
  for (const resetAt of ['2026-01-01T00:01:00.000Z', '2026-01-01T00:02:00.000Z']) {
    const all = await Promise.all(asks.flatMap((ask) => Array.from({ length: 10 }, () => ask('ada'))))
    t.equal(all.filter((status) => status === 200).length, 2)
    await until(() => told.length >= 2, 'both policies are told of')
    await settle()
    const data = { partition: 'principal', principal: { kind: 'api-key', id: 'ada' }, environment: 'production', resetAt }
    const sorted = told.splice(0).sort((one, other) => one.data.policy.localeCompare(other.data.policy))
    t.match(sorted, [{ type: 'limit.exceeded', workspace: 'test-workspace', data: { ...data, policy: 'all', partition: 'workspace' } }, { data: { ...data, policy: 'own' } }])
    t.equal(sorted.length, 2)
    clock.advance(60)
  }
}

t.test('of two apps on one Redis, one tells of a policy and window, and of the next window again', async (t) => {
  const server = await startRedis(t)
  await tellsOnce(t, { url: server.url })
})

t.test('and on a Cluster', async (t) => {
  await tellsOnce(t, { redis: await startPrimaries(t) })
})

t.test('by Redis\' clock, each window in which a request was refused is told once', async (t) => {
  const server = await startRedis(t)
  const { told, asks, settle } = await pair(t, { url: server.url }, [{ name: 'second', quota: 1, window: 1 }], Date.now)
  const refusals: number[] = []
  for (let n = 0; refusals.length < 4 || refusals[3] === 0; n++) {
    if (await asks[n % 2]?.('ada') === 200) refusals.push(0)
    else refusals.push((refusals.pop() ?? 0) + 1)
  }
  const expected = refusals.filter((count) => count > 0).length
  await until(() => told.length >= expected, 'each is told of')
  await settle()
  t.equal(told.length, expected)
  t.equal(new Set(told.map(({ id }) => id)).size, expected)
})
