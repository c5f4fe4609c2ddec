import assert from 'node:assert/strict'
import { batch, count, DAY, found, HOUR, RETENTION, START, word, type UsageStoreCase } from './usage-store-drafts.js'

const cases: readonly UsageStoreCase[] = [
  {
    name: 'counts of several batches and writers add up by key, hour and outcome',
    async run (store) {
      const [workspace, writer] = [word('w'), word('writer')]
      const limited = count(workspace, 5, { outcome: 'RATE_LIMITED', requests: 7 })
      await store.add(batch([count(workspace, 5, { requests: 2 }), limited], { writer }))
      await store.add(batch([count(workspace, 5, { requests: 3 }), count(workspace, 6)], { writer, sequence: 2 }))
      await store.add(batch([count(workspace, 5, { requests: 2 ** 40 })]))
      const sums = { '5 ADMITTED': 2 ** 40 + 5, '5 RATE_LIMITED': 7, '6 ADMITTED': 1 }
      assert.deepStrictEqual(await found(store, workspace), sums)
    }
  },
  {
    name: 'a batch that is added again changes nothing, also at the same time, and also after other writers',
    async run (store) {
      const workspace = word('w')
      const first = batch([count(workspace, 1), count(workspace, 2), count(word('w'), 1)])
      await Promise.all([store.add(first), store.add(first), store.add(first)])
      await store.add(batch([count(workspace, 2)]))
      await store.add(first)
      await store.add({ ...first, sequence: 2 })
      await store.add(first)
      assert.deepStrictEqual(await found(store, workspace), { '1 ADMITTED': 2, '2 ADMITTED': 3 })
    }
  },
  {
    name: 'batches of many keys that several writers add at once are all kept',
    async run (store) {
      const workspace = word('w')
      const keyIds = Array.from({ length: 60 }, (_, i) => `key_${i}`)
      const counts = keyIds.map((keyId) => count(workspace, 3, { keyId }))
      const orders = [counts, counts.toReversed()]
      await Promise.all([...orders, ...orders, ...orders].map((counts) => store.add(batch(counts))))
      const sums = keyIds.map((keyId): [string, number] => [`${keyId} 3 ADMITTED`, 6])
      const all = await found(store, workspace, { keyIds: [...keyIds, 'key_unknown'] })
      assert.deepStrictEqual(new Map(Object.entries(all)), new Map(sums.sort(([a], [b]) => a.localeCompare(b))))
    }
  },
  {
    name: 'all keys together are counted apart from each of them, and so are workspaces and environments',
    async run (store) {
      const [workspace, other] = [word('w'), word('w')]
      await store.add(batch([
        count(workspace, 0, { keyId: null, requests: 9 }),
        count(workspace, 0, { keyId: 'null' }),
        count(workspace, 0, { environment: 'sandbox', requests: 4 }),
        count(other, 0, { requests: 5 })
      ]))
      assert.deepStrictEqual(await found(store, workspace, { keyIds: [null] }), { '0 ADMITTED': 9 })
      assert.deepStrictEqual(await found(store, workspace, { keyIds: ['null', 'key_1'] }), { 'null 0 ADMITTED': 1 })
      assert.deepStrictEqual(await found(store, workspace, { environment: 'sandbox' }), { '0 ADMITTED': 4 })
      assert.deepStrictEqual(await found(store, other), { '0 ADMITTED': 5 })
    }
  },
  {
    name: 'a range begins with its first hour, ends before its last, and is summed by UTC day where asked',
    async run (store) {
      const workspace = word('w')
      await store.add(batch([-1, 0, 23, 24, 47, 48].map((hour) => count(workspace, hour, { requests: hour + 2 }))))
      const range = { from: START, to: START + 2 * DAY }
      assert.deepStrictEqual(await found(store, workspace, range),
        { '0 ADMITTED': 2, '23 ADMITTED': 25, '24 ADMITTED': 26, '47 ADMITTED': 49 })
      assert.deepStrictEqual(await found(store, workspace, { ...range, by: 'day' }),
        { '0 ADMITTED': 27, '24 ADMITTED': 75 })
      assert.deepStrictEqual(await found(store, workspace, { from: START + HOUR, to: START + 23 * HOUR }), {})
      assert.deepStrictEqual(await found(store, workspace, { from: START - 200 * DAY, to: START, by: 'day' }),
        { '-24 ADMITTED': 1 })
    }
  },
  {
    name: 'names and ids may have any characters',
    async run (store) {
      const workspace = `${word('w')} {a}:b*?[é]"'\\`
      const odd = { environment: 'pro:d*{}', keyId: 'key:1*{all}"\'\\😀' }
      await store.add(batch([count(workspace, 1, odd), count(workspace, 1, { ...odd, keyId: 'all', requests: 2 })]))
      const { environment, keyId } = odd
      assert.deepStrictEqual(await found(store, workspace, { environment, keyIds: [keyId] }), { '1 ADMITTED': 1 })
      assert.deepStrictEqual(await found(store, workspace, { environment, keyIds: [null] }), {})
    }
  },
  {
    name: 'hours before the retention are forgotten, and no others',
    async run (store) {
      const workspace = word('w')
      const before = START - RETENTION * 1000
      const hours = [-24 * 92, -24 * 90, 0]
      await store.add(batch(hours.map((hour) => count(workspace, hour)), { madeAt: START }))
      await Promise.all([store.prune(before), store.prune(before)])
      const range = { from: before - 9 * DAY, to: START + DAY }
      assert.deepStrictEqual(await found(store, workspace, range), { '-2160 ADMITTED': 1, '0 ADMITTED': 1 })
      await store.add(batch([count(workspace, 0)]))
      assert.deepStrictEqual(await found(store, workspace), { '0 ADMITTED': 2 })
    }
  }
]

/**
 * What every usage store does, for a test of any runner. Cases may share a store, one after the other, and it need not
 * be empty; its time must not matter.
 *
 * ```ts
 * for (const { name, run } of usageStoreConformance()) test(name, () => run(createStore()))
 * ```
 */
export function usageStoreConformance (): readonly UsageStoreCase[] {
  return cases
}
