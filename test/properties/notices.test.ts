import fc from 'fast-check'
import { createMemoryKeyStore, type ApiKey } from 'fastify-latchkey/keys'
import t from 'tap'
import type { AccessEvent } from 'fastify-latchkey/events'
import { changed } from '../../lib/testing/key-store-drafts.js'
import { add, day, DAY, scanning, START } from '../helpers/notices.js'

/** What happens next: time goes on or steps back, somebody looks, or crashes after telling, or the key is changed. */
const step = fc.oneof(
  { weight: 4, arbitrary: fc.record({ do: fc.constant('pass' as const), days: fc.integer({ min: -40, max: 40 }) }) },
  { weight: 6, arbitrary: fc.record({ do: fc.constant('look' as const), by: fc.integer({ min: 0, max: 2 }) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('crash' as const) }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('renew' as const), expiry: fc.integer({ min: 1, max: 120 }) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('revoke' as const) }) }
)

t.test('whatever the order of crashes, clock steps and renewals, a fact is told once, once more after each crash, and none is stale', async (t) => {
  await fc.assert(fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 40 }), async (steps) => {
    const store = createMemoryKeyStore()
    let now = START
    let crashes = 0
    let key: ApiKey = await add(store, { expiresAt: day(60) })
    const told = new Map<string, number>()

    function hear (event: AccessEvent): void {
      told.set(event.id, (told.get(event.id) ?? 0) + 1)
      t.equal(key.revokedAt, undefined, 'nothing is told of a revoked key')
      const { data } = event
      if (!('expiresAt' in data)) return
      t.equal(data.expiresAt, key.expiresAt?.toISOString(), 'it is of the expiry that the key has')
      const before = 'threshold' in data ? data.threshold * 1000 : 0
      t.ok(now >= new Date(String(data.expiresAt)).getTime() - before, 'it is not early')
    }
    const by = (emit: (event: AccessEvent) => boolean) => scanning(store, { clock: () => now, emit: async (event) => emit(event) }).scanner
    const processes = [0, 1, 2].map(() => by((event) => { hear(event); return true }))

    for (const one of steps) {
      if (one.do === 'pass') now += one.days * DAY * 1000
      if (one.do === 'look') await processes[one.by]?.look()
      if (one.do === 'crash') { crashes++; await by((event) => { hear(event); return false }).look() }
      if (one.do === 'renew' && key.revokedAt === undefined) { key = changed(key, { expiresAt: day(one.expiry) }); await store.update(key) }
      if (one.do === 'revoke') { key = changed(key, { revokedAt: new Date(now) }); await store.update(key) }
    }
    now = day(1000).getTime()
    await processes[0]?.look()
    const last = [...told.keys()].length
    for (const process of processes) await process.look()
    t.equal(told.size, last, 'nothing is left')
    for (const times of told.values()) t.ok(times <= 1 + crashes, 'told once, and once more a crash')
    if (key.revokedAt === undefined) t.ok(told.size > 0, 'its expiry was told')
  }), { numRuns: 200 })
})
