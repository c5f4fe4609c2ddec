import fc from 'fast-check'
import { createMemoryKeyStore, type ApiKey } from 'fastify-latchkey/keys'
import t from 'tap'
import type { AccessEvent } from 'fastify-latchkey/events'
import { changed } from '../../lib/testing/key-store-drafts.js'
import { add, day, DAY, scanning, START } from '../helpers/notices.js'

/** What happens next: time goes on or back, a process scans, or crashes after emitting, or the key is changed. */
const step = fc.oneof(
  { weight: 4, arbitrary: fc.record({ do: fc.constant('pass' as const), days: fc.integer({ min: -40, max: 40 }) }) },
  { weight: 6, arbitrary: fc.record({ do: fc.constant('scan' as const), by: fc.integer({ min: 0, max: 2 }) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('crash' as const) }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('renew' as const), expiry: fc.integer({ min: 1, max: 120 }) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('revoke' as const) }) }
)

/** Why an event must not be emitted of a key as it is; undefined where it may. */
function faultOf ({ data }: AccessEvent, key: ApiKey, now: number): string | undefined {
  if (key.revokedAt !== undefined) return 'a notice of a revoked key'
  if (!('expiresAt' in data)) return undefined
  if (data.expiresAt !== key.expiresAt?.toISOString()) return 'a notice of an expiry that the key no longer has'
  const before = 'threshold' in data ? data.threshold * 1000 : 0
  return now < new Date(String(data.expiresAt)).getTime() - before ? 'an early notice' : undefined
}

t.test('whatever the order of crashes, clock steps and renewals, a notice is emitted once, once more after each crash, and none is stale', async (t) => {
  await fc.assert(fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 40 }), async (steps) => {
    const store = createMemoryKeyStore()
    let now = START
    let crashes = 0
    let key: ApiKey = await add(store, { expiresAt: day(60) })
    const times = new Map<string, number>()

    const faults: string[] = []
    function scanner (stored: boolean) {
      return scanning(store, async (event) => {
        times.set(event.id, (times.get(event.id) ?? 0) + 1)
        faults.push(...[faultOf(event, key, now)].filter((fault) => fault !== undefined))
        return stored
      }, { clock: () => now }).scanner
    }
    const processes = [0, 1, 2].map(() => scanner(true))

    for (const one of steps) {
      if (one.do === 'pass') now += one.days * DAY * 1000
      if (one.do === 'scan') await processes[one.by]?.scan()
      if (one.do === 'crash') { crashes++; await scanner(false).scan() }
      if (one.do === 'renew' && key.revokedAt === undefined) { key = changed(key, { expiresAt: day(one.expiry) }); await store.update(key) }
      if (one.do === 'revoke') { key = changed(key, { revokedAt: new Date(now) }); await store.update(key) }
    }
    now = day(1000).getTime()
    await processes[0]?.scan()
    const before = times.size
    for (const process of processes) await process.scan()
    return faults.length === 0 && times.size === before &&
      [...times.values()].every((count) => count <= 1 + crashes) && (key.revokedAt !== undefined || times.size > 0)
  }), { numRuns: 200 })
  t.pass()
})
