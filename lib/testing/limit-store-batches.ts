import assert from 'node:assert/strict'
import type { CompiledPolicy } from '../limits/index.js'
import { bench, KINDS, principal, show, type LimitStoreCase } from './limit-store-drafts.js'

export const batches: readonly LimitStoreCase[] = [
  {
    name: 'a batch is decided as its takes would be, one after the other, and is answered in their order',
    async run (store) {
      if (store.takeBatch === undefined) return
      const { draft, policy, ada, bob, take } = bench(store)
      const lists = (name: string): CompiledPolicy[][] => [
        ...KINDS.map(([kind, more]) => [policy({ quota: 4, window: 60, ...more }, `${name}-${kind}`)]),
        [
          policy({ quota: 9, window: 60 }, name),
          policy({ quota: 6, window: 60, partition: 'workspace' }, `${name}-all`)
        ],
        []
      ]
      const [batched, single] = [lists('batched'), lists('single')]
      const asked = Array.from({ length: 8 }, (_, n) => ({ who: n % 3 === 0 ? bob : ada, cost: n % 4 }))

      const drafts = asked.flatMap(({ who, cost }) => batched.map((policies) => draft(policies, who, cost)))
      const outcomes = await store.takeBatch(drafts)
      assert.equal(outcomes.length, drafts.length)
      const shown = drafts.flatMap((one, n) => outcomes.slice(n, n + 1).map((outcome) => show(one, outcome)))
      const expected = []
      for (const { who, cost } of asked) for (const policies of single) expected.push(await take(policies, who, cost))
      assert.deepEqual(shown, expected)
    }
  },
  {
    name: 'a batch may be empty, and of any size',
    async run (store) {
      if (store.takeBatch === undefined) return
      const { draft, policy } = bench(store)
      assert.deepEqual(await store.takeBatch([]), [])
      const p = [policy({ quota: 1_500, window: 3600 })]
      const outcomes = await store.takeBatch(Array.from({ length: 2_000 }, () => draft(p)))
      assert.deepEqual(outcomes.map(({ admitted }) => admitted), outcomes.map((_, n) => n < 1_500))
      assert.equal(outcomes.length, 2_000)
    }
  },
  {
    name: 'a published version is answered to each take of its principal, only grows, and leaves counters alone',
    async run (store) {
      if (store.publishVersion === undefined) return
      const { draft, policy, ada, bob, take } = bench(store)
      const versioned = principal(ada.id, { version: 1 })
      const p = [policy({ quota: 9, window: 60 })]
      const marker = async (policies: CompiledPolicy[], who = versioned) => {
        return (await store.take(draft(policies, who))).versionMarker
      }
      assert.deepEqual([await marker(p), await marker([])], [0, 0], 'nothing was published yet')
      for (const [published, expected] of [[3, 3], [2, 3], [4, 4]] as const) {
        await store.publishVersion(ada, published)
        assert.deepEqual([await marker(p), await marker([])], [expected, expected], `${published} was published`)
      }
      assert.equal(await marker(p, principal(bob.id, { version: 1 })), 0, 'of others nothing is known')
      const [, [, remaining] = []] = await take(p, versioned)
      assert.equal(remaining, 4, 'five were taken before')
    }
  }
]
