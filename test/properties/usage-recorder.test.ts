import fc from 'fast-check'
import { createMemoryKeyStore } from 'fastify-latchkey/keys'
import { fakeClock } from 'fastify-latchkey/testing'
import t from 'tap'
import { createUsageRecorder } from '../../lib/keys/verification/usage-recorder.js'
import { principal } from '../helpers/limits.js'
import '../helpers/seed.js'
import { record } from '../helpers/slow-keys.js'

const lists = [[], ['a'], ['b'], ['a', 'b']].map((list) => Object.freeze(list))
const use = fc.record({ key: fc.constantFrom('key_1', 'key_2', 'key_3'), list: fc.constantFrom(...lists), wait: fc.nat(3) })
const step = fc.oneof({ weight: 4, arbitrary: use }, { weight: 1, arbitrary: fc.constantFrom('flush', 'fail', 'recover') })

t.test('whatever fails and in whatever order writes end, the last use of every key and scope is recorded', async () => {
  await fc.assert(fc.asyncProperty(fc.scheduler(), fc.array(step, { maxLength: 30 }), async (s, steps) => {
    const memory = createMemoryKeyStore()
    const clock = fakeClock()
    const wanted = new Map<string, { last: number, scopes: Map<string, number> }>()
    let down = false
    for (const id of ['key_1', 'key_2', 'key_3']) await memory.insert(record({ id }), id)
    const recorder = createUsageRecorder({
      clock: clock.now,
      interval: 3600,
      deadline: 1,
      log () {},
      store: {
        async recordUse (uses) {
          const failing = down
          await s.schedule(Promise.resolve())
          if (failing) throw new Error('down')
          return await memory.recordUse(uses)
        }
      }
    })

    async function run (one: typeof steps[number]): Promise<void> {
      if (one === 'flush') {
        recorder.flush()
      } else if (one === 'fail' || one === 'recover') {
        down = one === 'fail'
      } else {
        clock.advance(one.wait)
        recorder.record(principal(one.key), one.list)
        const entry = wanted.get(one.key) ?? { last: 0, scopes: new Map<string, number>() }
        wanted.set(one.key, { last: clock.now(), scopes: new Map([...entry.scopes, ...one.list.map((scope) => [scope, clock.now()] as const)]) })
      }
    }

    await s.waitFor(s.scheduleSequence(steps.map((one) => () => run(one))).task)
    down = false
    await s.waitFor(recorder.flush())
    await s.waitFor(recorder.close())
    for (const [id, { last, scopes }] of wanted) {
      const key = await memory.get('w1', id)
      const found = Object.entries(key?.scopesUsedAt ?? {}).map(([scope, at]) => `${scope} ${at.getTime()}`)
      if (key?.lastUsedAt?.getTime() !== last) throw new Error(`${id}: ${key?.lastUsedAt?.getTime()} instead of ${last}`)
      if (found.sort().join() !== [...scopes].map(([scope, at]) => `${scope} ${at}`).sort().join()) throw new Error(`${id}: ${found.join()}`)
    }
  }), { numRuns: 300 })
})
