import type { AccessEvent } from 'fastify-latchkey/events'
import type { RedisLimitStoreOptions } from 'fastify-latchkey/limits/redis'
import { fakeClock } from 'fastify-latchkey/testing'
import type { Profile } from 'fastify-latchkey'
import t, { type Test } from 'tap'
import { collectRounds } from '../helpers/collect.js'
import { guarded } from '../helpers/limits.js'
import { startPrimaries } from '../helpers/redis-fleets.js'
import { startRedis } from '../helpers/redis-server.js'
import { redisStore } from '../helpers/redis-store.js'
import { until } from '../helpers/until.js'

interface Emitted { readonly app: number, readonly event: AccessEvent<'limit.exceeded'> }

/** Two apps that share a Redis, as two processes do, and all that either emits of limits. */
async function pair (t: Test, options: RedisLimitStoreOptions, production: Profile, clock: () => number) {
  const emitted: Emitted[] = []
  const asks = await Promise.all([0, 1].map(async (number) => {
    const store = redisStore(t, { deadline: 10, ...options })
    const { app, as } = await guarded(t, { clock, limits: { store, environments: { production, sandbox: [] } } })
    await app.ready()
    app.latchkey.events.on('limit.exceeded', (event) => { emitted.push({ app: number, event }) })
    return async (id: string) => (await as.inject(app, { id, scopes: [] }, '/')).statusCode
  }))
  return { emitted, asks }
}

const both: Profile = [{ name: 'own', quota: 2, window: 60 }, { name: 'all', quota: 2, window: 60, partition: 'workspace' }]

async function emitsOnce (t: Test, options: RedisLimitStoreOptions): Promise<void> {
  const clock = fakeClock()
  const { emitted, asks } = await pair(t, { ...options, clockOfTakes: true }, both, clock.now)
  const ids = new Set<string>()
  const rounds = collectRounds()
  const patterns = collectRounds()
  for (const resetAt of ['2026-01-01T00:01:00.000Z', '2026-01-01T00:02:00.000Z']) {
    const all = await Promise.all(asks.flatMap((ask) => Array.from({ length: 10 }, () => ask('ada'))))
    rounds.add(all.filter((status) => status === 200).length, 2)
    await until(() => emitted.length >= 4, 'each app has emitted an event for each policy')
    const events = emitted.splice(0).sort((one, other) => one.event.data.policy.localeCompare(other.event.data.policy) || one.app - other.app)
    rounds.add(events.map(({ app, event: { data } }) => [data.policy, app]), [['all', 0], ['all', 1], ['own', 0], ['own', 1]])
    const [all0, all1, own0, own1] = events.map(({ event }) => event)
    rounds.add([all0?.id, own0?.id], [all1?.id, own1?.id], 'with one id in both')
    const data = { partition: 'principal', principal: { kind: 'api-key', id: 'ada' }, environment: 'production', resetAt }
    patterns.add([all0, own0], [{ type: 'limit.exceeded', workspace: 'test-workspace', data: { ...data, policy: 'all', partition: 'workspace' } }, { data: { ...data, policy: 'own' } }])
    for (const { event } of events) ids.add(event.id)
    clock.advance(60)
  }
  t.strictSame(rounds.seen, rounds.expected)
  t.match(patterns.seen, patterns.expected)
  t.equal(ids.size, 4, 'and another one for the next window')
}

t.test('of two apps on one Redis, each emits limit.exceeded once for a policy and window, with one id', async (t) => {
  const server = await startRedis(t)
  await emitsOnce(t, { url: server.url })
})

t.test('and on a Cluster', async (t) => {
  await emitsOnce(t, { redis: await startPrimaries(t) })
})

t.test('by Redis\' clock, each window in which a request was refused has an id of its own', async (t) => {
  const server = await startRedis(t)
  const { emitted, asks } = await pair(t, { url: server.url }, [{ name: 'second', quota: 1, window: 1 }], Date.now)
  const refusals: number[] = []
  for (let n = 0; refusals.length < 4 || refusals[3] === 0; n++) {
    if (await asks[n % 2]?.('ada') === 200) refusals.push(0)
    else refusals.push((refusals.pop() ?? 0) + 1)
  }
  const windows = refusals.filter((count) => count > 0).length
  const ids = () => new Set(emitted.map(({ event }) => event.id)).size
  await until(() => ids() >= windows, 'each has been emitted')
  t.equal(ids(), windows)
})
