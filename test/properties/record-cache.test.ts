import fc from 'fast-check'
import { createProcessChanges, createRecordCache } from 'fastify-latchkey/keys'
import t from 'tap'
import '../helpers/seed.js'
import { record, slowStore } from '../helpers/slow-keys.js'

const step = fc.constantFrom('verify', 'verify fresh', 'verify there', 'change', 'change there', 'change elsewhere')

/**
 * Two processes with a cache each over one store and one bus; a third one changes keys and informs nobody. A look-up
 * after a change was answered gets it, or fails; a fresh look-up also gets what was changed elsewhere.
 */
t.test('in whatever order the store answers, no look-up gets a record from before an answered change', async (t) => {
  let refused = 0
  let verified = 0
  await fc.assert(fc.asyncProperty(fc.scheduler(), fc.array(step, { minLength: 2, maxLength: 12 }), async (s, steps) => {
    const store = slowStore()
    store.pause = () => s.schedule(Promise.resolve())
    const changes = createProcessChanges()
    const [here, there] = [createRecordCache(store, { changes }), createRecordCache(store, { changes })]
    await store.memory.insert(record(), 'h1')
    /** Version of the last change that was answered, and of the store. */
    const known = { answered: 1, stored: 1 }

    async function change (cache: Pick<typeof here, 'update'>): Promise<void> {
      const key = await store.memory.get('w1', 'key_1')
      if (key === undefined || !await cache.update({ ...key, version: key.version + 1 })) return
      known.stored = Math.max(known.stored, key.version + 1)
      if (cache !== store.memory) known.answered = Math.max(known.answered, key.version + 1)
    }

    async function verify (cache: typeof here, fresh: boolean): Promise<void> {
      const least = fresh ? known.stored : known.answered
      try {
        const loaded = await cache.findByHash('h1', fresh)
        verified++
        if ((loaded?.principal.version ?? 0) < least) throw new RangeError(`version ${loaded?.principal.version} after ${least}`)
      } catch (fault) {
        if (fault instanceof RangeError) throw fault
        refused++
      }
    }

    const run = {
      verify: () => verify(here, false),
      'verify fresh': () => verify(here, true),
      'verify there': () => verify(there, false),
      change: () => change(here),
      'change there': () => change(there),
      'change elsewhere': () => change(store.memory)
    }
    const work: Array<Promise<void>> = []
    const sequence = s.scheduleSequence(steps.map((name) => async () => { work.push(run[name]()) }))
    await s.waitFor(sequence.task)
    await s.waitFor(Promise.all(work))
    const cached = [here, there].map((cache) => cache.cached('h1')?.principal.version ?? Infinity)
    if (Math.min(...cached) < known.answered) throw new RangeError(`cached ${cached.join(', ')} after ${known.answered}`)
  }), { numRuns: 500 })
  t.ok(verified > 20 * refused, `${verified} verified, ${refused} refused`)
})
