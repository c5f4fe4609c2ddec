import { deepStrictEqual } from 'node:assert'
import fc from 'fast-check'
import { compilePolicy, createMemoryLimitStore, type CompiledPolicy, type LimitStore, type Outcome } from 'fastify-latchkey/limits'
import { createRedisLimitStore } from 'fastify-latchkey/limits/redis'
import t from 'tap'
import { principal } from '../helpers/limits.js'
import { startRedis } from '../helpers/redis-server.js'
import '../helpers/seed.js'

const START = Date.UTC(2026, 0, 1)
const WHO = ['a', 'b', '__proto__'].map((id) => principal(id))

const window = { quota: fc.oneof(fc.integer({ min: 1, max: 20 }), fc.constant(1_000_000_000)), window: fc.integer({ min: 1, max: 20 }) }
const kinds = [
  fc.record(window).map((numbers) => ({ name: 'fixed', ...numbers })),
  fc.record(window).map((numbers) => ({ name: 'sliding', ...numbers, sliding: true })),
  fc.record({ quota: fc.integer({ min: 1, max: 20 }), window: fc.integer({ min: 1, max: 20 }), burst: fc.integer({ min: 1, max: 20 }) }).map((numbers) => ({ name: 'bucket', ...numbers })),
] as const
const partition = fc.constantFrom('principal' as const, 'workspace' as const)
const profile = fc.uniqueArray(fc.tuple(fc.oneof(...kinds), partition), { selector: ([{ name }]) => name, minLength: 1, maxLength: 3 })
  .map((policies) => policies.map(([policy, partition]) => compilePolicy({ ...policy, partition })))

/** Milliseconds, with parts of one: forward, trembling, and set by hours. */
const step = fc.oneof(
  { weight: 4, arbitrary: fc.integer({ min: 0, max: 50 }) },
  { weight: 3, arbitrary: fc.integer({ min: 0, max: 6_000_000 }).map((micros) => micros / 1000) },
  { weight: 2, arbitrary: fc.integer({ min: -50, max: 50 }) },
  { weight: 1, arbitrary: fc.integer({ min: -10_000_000, max: 10_000_000 }) })
const steps = fc.array(fc.record({ step, cost: fc.integer({ min: 0, max: 4 }), who: fc.constantFrom(...WHO) }), { minLength: 1, maxLength: 60 })

/** One take of everybody by each policy alone, so that none is missing since another refused: from then on the memory store has every counter, and sweeps none. */
async function warm (store: LimitStore, policies: readonly CompiledPolicy[]): Promise<Outcome[]> {
  return Promise.all(WHO.flatMap((principal) => policies.map(async (policy) => store.take({ policies: [policy], caller: principal, cost: 1, now: START }))))
}

/** What both answer: memory, whose clock nobody shares, does not say when a window closes. */
function bare (outcome: Outcome): Outcome {
  return { ...outcome, policies: outcome.policies.map(({ closesAt: _ofRedis, ...one }) => one) }
}

t.test('Redis and memory answer every take alike, to the unit and the second, whatever the clock does', async (t) => {
  const server = await startRedis(t)
  const admin = server.client()
  const redis = createRedisLimitStore({ url: server.url, clockOfTakes: true, deadline: 5 })
  t.teardown(() => redis.close())
  await fc.assert(fc.asyncProperty(profile, steps, async (policies, steps) => {
    await admin.flushall()
    const memory = createMemoryLimitStore()
    deepStrictEqual((await warm(redis, policies)).map(bare), await warm(memory, policies))
    let now = START
    for (const { step, cost, who } of steps) {
      now += step
      const take = { policies, caller: who, cost, now }
      const [shared, own] = [bare(await redis.take(take)), await memory.take(take)]
      deepStrictEqual(shared, own)
    }
  }), { numRuns: 100 })
})
