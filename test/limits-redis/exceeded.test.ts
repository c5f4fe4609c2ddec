import type { Profile } from 'fastify-latchkey'
import type { AccessEvent } from 'fastify-latchkey/events'
import type { RedisLimitStoreOptions } from 'fastify-latchkey/limits/redis'
import { fakeClock } from 'fastify-latchkey/testing'
import t, { type Test } from 'tap'
import { settled } from '../helpers/events.js'
import { guarded } from '../helpers/limits.js'
import { startPrimaries } from '../helpers/redis-fleets.js'
import { startRedis } from '../helpers/redis-server.js'
import { redisStore } from '../helpers/redis-store.js'

/** Two apps that share a Redis, as two processes do, and all `limit.exceeded` of either. */
async function pair (t: Test, options: RedisLimitStoreOptions, production: Profile, clock: () => number) {
  const emitted: Array<AccessEvent<'limit.exceeded'>> = []
  const asks = await Promise.all([1, 2].map(async () => {
    const store = redisStore(t, { deadline: 10, ...options })
    const { app, as } = await guarded(t, { clock, limits: { store, environments: { production, sandbox: [] } } })
    await app.ready()
    app.latchkey.events.on('limit.exceeded', (event) => { emitted.push(event) })
    return async (id: string) => (await as.inject(app, { id, scopes: [] }, '/')).statusCode
  }))
  return { emitted, asks }
}

const both: Profile = [{ name: 'own', quota: 2, window: 60 }, { name: 'all', quota: 2, window: 60, partition: 'workspace' }]

async function emitsOneId (t: Test, options: RedisLimitStoreOptions): Promise<void> {
  const clock = fakeClock()
  const { emitted, asks } = await pair(t, { ...options, clockOfTakes: true }, both, clock.now)
  for (const resetAt of ['2026-01-01T00:01:00.000Z', '2026-01-01T00:02:00.000Z']) {
    const statuses = await Promise.all(asks.flatMap((ask) => Array.from({ length: 10 }, () => ask('ada'))))
    t.equal(statuses.filter((status) => status === 200).length, 2)
    await settled()
    const events = emitted.splice(0)
    t.equal(events.length, 4, 'of each app, one for each policy')
    const distinct = [...new Map(events.map((event) => [event.id, event])).values()].sort((one, other) => one.data.policy.localeCompare(other.data.policy))
    const data = { partition: 'principal', principal: { kind: 'api-key', id: 'ada' }, environment: 'production', resetAt }
    t.match(distinct, [{ workspace: 'test-workspace', data: { ...data, policy: 'all', partition: 'workspace' } }, { data: { ...data, policy: 'own' } }])
    t.equal(distinct.length, 2, 'with the same id in both')
    clock.advance(60)
  }
}

t.test('two apps on one Redis emit a policy and window with one id, and the next window with another', async (t) => {
  const server = await startRedis(t)
  await emitsOneId(t, { url: server.url })
})

t.test('and on a Cluster', async (t) => {
  await emitsOneId(t, { redis: await startPrimaries(t) })
})

t.test('by Redis\' clock, each window in which a request was refused has one id', async (t) => {
  const server = await startRedis(t)
  const { emitted, asks } = await pair(t, { url: server.url }, [{ name: 'second', quota: 1, window: 1 }], Date.now)
  const refusals: number[] = []
  for (let n = 0; refusals.length < 4 || refusals[3] === 0; n++) {
    if (await asks[n % 2]?.('ada') === 200) refusals.push(0)
    else refusals.push((refusals.pop() ?? 0) + 1)
  }
  await settled()
  t.equal(new Set(emitted.map(({ id }) => id)).size, refusals.filter((count) => count > 0).length)
})
