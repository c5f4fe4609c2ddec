import assert from 'node:assert/strict'
import { bench, KINDS, no, principal, yes, type LimitStoreCase } from './limit-store-drafts.js'

export const takes: readonly LimitStoreCase[] = [
  {
    name: 'several policies are decided together: refused by one is counted by none',
    async run (store) {
      const { take, advance, policy } = bench(store)
      const all = [
        policy({ quota: 5, window: 60 }, 'minute'),
        policy({ quota: 1, window: 1, burst: 2 }, 'second'),
        policy({ quota: 9, window: 60, sliding: true }, 'slide')
      ]
      assert.deepEqual(await take(all), [true, [true, 4, 60], [true, 1, 1], [true, 8, 60]])
      assert.deepEqual(await take(all), [true, [true, 3, 60], [true, 0, 1], [true, 7, 60]])
      for (let i = 0; i < 5; i++) {
        assert.deepEqual(await take(all), [false, [true, 3, 60], [false, 0, 1], [true, 7, 60]])
      }
      advance(1)
      assert.deepEqual(await take(all), [true, [true, 2, 59], [true, 0, 1], [true, 6, 59]])
    }
  },
  {
    name: 'a take of no policies is admitted',
    async run (store) {
      const { take } = bench(store)
      assert.deepEqual(await take([]), [true])
    }
  },
  {
    name: 'a request takes as many units as it costs; one that costs nothing is never counted',
    async run (store) {
      const { take, advance, policy, ada } = bench(store)
      const kinds = [['window', {}, 100], ['bucket', { burst: 10 }, 10], ['sliding', { sliding: true }, 100]] as const
      for (const [name, kind, reset] of kinds) {
        const p = [policy({ quota: 10, window: 100, ...kind }, name)]
        const [, [, remaining] = []] = await take(p, ada, 0)
        assert.equal(remaining, 10, `${name}: nothing is taken yet`)
        advance(50)
        const shown = []
        for (const cost of [7, 0, 3, 0, 1]) shown.push(await take(p, ada, cost))
        assert.deepEqual(shown, [yes(3, reset), yes(3, reset), yes(0, reset), yes(0, reset), no(0, reset)], name)
      }
    }
  },
  {
    name: 'principals are counted apart, and workspaces by environment',
    async run (store) {
      const { take, policy, ada, bob } = bench(store)
      const own = [policy({ quota: 1, window: 60 })]
      assert.deepEqual([await take(own, ada), await take(own, bob)], [yes(0, 60), yes(0, 60)])
      assert.deepEqual(await take(own, ada), no(0, 60))

      const shared = [policy({ quota: 2, window: 60, partition: 'workspace' })]
      const first = [await take(shared, ada), await take(shared, bob), await take(shared, principal('eve'))]
      assert.deepEqual(first, [yes(1, 60), yes(0, 60), no(0, 60)])
      for (const other of [
        principal('ada', { environment: 'sandbox' }),
        principal('ada', { workspace: 'w2' }),
        principal('ada', { environment: 'production w1' })
      ]) assert.deepEqual(await take(shared, other), yes(1, 60), `${other.workspace} in ${other.environment}`)
    }
  },
  {
    name: 'a user whose tokens are of several workspaces, or environments, is a caller of its own in each',
    async run (store) {
      const { take, policy } = bench(store)
      const p = [policy({ quota: 1, window: 60 })]
      for (const [workspace, environment] of [['w1', 'production'], ['w2', 'production'], ['w1', 'sandbox']] as const) {
        const user = principal('issuer:user:ada', { kind: 'access-token', workspace, environment })
        assert.deepEqual([await take(p, user), await take(p, user)], [yes(0, 60), no(0, 60)])
      }
    }
  },
  {
    name: 'equal policies count together, others apart',
    async run (store) {
      const { take, policy } = bench(store)
      const numbers = { quota: 1, window: 60 }
      const twice = [await take([policy(numbers)]), await take([policy(numbers)])]
      assert.deepEqual(twice, [yes(0, 60), no(0, 60)], 'by what they say, not by which object says it')
      for (const other of [
        policy(numbers, 'q'),
        policy({ quota: 2, window: 60 }),
        policy({ quota: 1, window: 61 }),
        policy({ ...numbers, burst: 1 }),
        policy({ ...numbers, sliding: true }),
        policy({ ...numbers, partition: 'workspace' })
      ]) {
        const [admitted] = await take([other])
        assert.equal(admitted, true, other.id)
      }
    }
  },
  {
    name: 'of many at once, exactly the quota passes',
    async run (store) {
      const { take, policy } = bench(store)
      for (const [name, kind] of KINDS) {
        const burst = kind.burst === undefined ? {} : { burst: 100 }
        const narrow = policy({ quota: 100, window: 3600, ...kind, ...burst }, name)
        const wide = policy({ quota: 1000, window: 3600 }, 'wide')
        const all = await Promise.all(Array.from({ length: 300 }, () => take([narrow, wide])))
        assert.equal(all.filter(([admitted]) => admitted).length, 100, name)
      }
    }
  },
  {
    name: 'partitions with the names of built-in properties are partitions like any other',
    async run (store) {
      const { take, policy } = bench(store)
      const p = [policy({ quota: 1, window: 60 })]
      for (const id of ['__proto__', 'constructor', 'toString', 'hasOwnProperty']) {
        assert.deepEqual([await take(p, principal(id)), await take(p, principal(id))], [yes(0, 60), no(0, 60)], id)
      }
    }
  }
]
