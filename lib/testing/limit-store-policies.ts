import assert from 'node:assert/strict'
import { bench, KINDS, no, yes, type LimitStoreCase } from './limit-store-drafts.js'

export const policies: readonly LimitStoreCase[] = [
  {
    name: 'a fixed window opens with the first request and closes a window later',
    async run (store) {
      const { take, advance, policy } = bench(store)
      const p = [policy({ quota: 3, window: 60 })]
      assert.deepEqual(await take(p), yes(2, 60))
      advance(20)
      assert.deepEqual([await take(p), await take(p), await take(p)], [yes(1, 40), yes(0, 40), no(0, 40)])
      advance(39.999)
      assert.deepEqual(await take(p), no(0, 1), 'refused until the last millisecond')
      advance(0.001)
      assert.deepEqual(await take(p), yes(2, 60), 'a new window, with all of its quota')
    }
  },
  {
    name: 'around the seam of two fixed windows twice the quota passes, and no more',
    async run (store) {
      const { take, advance, policy } = bench(store)
      const p = [policy({ quota: 2, window: 10 })]
      await take(p)
      advance(9.9)
      assert.deepEqual(await take(p), yes(0, 1))
      advance(0.1)
      assert.deepEqual([await take(p), await take(p), await take(p)], [yes(1, 10), yes(0, 10), no(0, 10)])
    }
  },
  {
    name: 'a quota of 0 always refuses, whatever the kind and the cost',
    async run (store) {
      const { take, advance, policy, ada } = bench(store)
      for (const [name, kind] of KINDS) {
        const p = [policy({ quota: 0, window: 10, ...kind }, name)]
        assert.deepEqual([await take(p), await take(p, ada, 0)], [no(0, 10), no(0, 10)], name)
        advance(10)
        assert.deepEqual(await take(p), no(0, 10), name)
      }
    }
  },
  {
    name: 'a token bucket holds a burst, and fills one unit at a time',
    async run (store) {
      const { take, advance, policy } = bench(store)
      const p = [policy({ quota: 60, window: 60, burst: 3 })]
      const all = [await take(p), await take(p), await take(p), await take(p)]
      assert.deepEqual(all, [yes(2, 1), yes(1, 1), yes(0, 1), no(0, 1)])
      advance(0.999)
      assert.deepEqual(await take(p), no(0, 1))
      advance(0.001)
      assert.deepEqual([await take(p), await take(p)], [yes(0, 1), no(0, 1)])
      advance(1000)
      assert.deepEqual([await take(p), await take(p)], [yes(2, 1), yes(1, 1)], 'it never holds more than the burst')
    }
  },
  {
    name: 'a token bucket says when the units for a costly request are there',
    async run (store) {
      const { take, advance, policy, ada } = bench(store)
      const p = [policy({ quota: 1, window: 10, burst: 5 })]
      assert.deepEqual([await take(p, ada, 4), await take(p, ada, 5)], [yes(1, 10), no(1, 40)])
      advance(40)
      assert.deepEqual(await take(p, ada, 5), yes(0, 10))
    }
  },
  {
    name: 'the rate of a bucket whose unit is no whole number of microseconds is not exceeded',
    async run (store) {
      const { take, advance, policy } = bench(store)
      const p = [policy({ quota: 7, window: 1, burst: 1 })]
      let admitted = 0
      for (let milliseconds = 0; milliseconds < 7000; milliseconds++) {
        const [isAdmitted] = await take(p)
        if (isAdmitted) admitted++
        advance(0.001)
      }
      assert.ok(admitted <= 49 && admitted > 47, `${admitted} in 7 s, of at most 49`)
    }
  },
  {
    name: 'a sliding window gives each unit back a window after it was taken, or up to a tenth later',
    async run (store) {
      const { take, advance, policy } = bench(store)
      const p = [policy({ quota: 3, window: 10, sliding: true })]
      assert.deepEqual(await take(p), yes(2, 10))
      advance(0.5)
      assert.deepEqual(await take(p), yes(1, 10))
      advance(5)
      assert.deepEqual([await take(p), await take(p)], [yes(0, 5), no(0, 5)])
      advance(4.499)
      assert.deepEqual(await take(p), no(0, 1))
      advance(0.001)
      assert.deepEqual([await take(p), await take(p)], [yes(0, 1), no(0, 1)], 'after 10 s the first is back')
      advance(0.999)
      assert.deepEqual(await take(p), no(0, 1))
      advance(0.001)
      assert.deepEqual([await take(p), await take(p)], [yes(0, 5), no(0, 5)], 'the second after 10.5 s')
    }
  },
  {
    name: 'a sliding window has no seam',
    async run (store) {
      const { take, advance, policy, ada } = bench(store)
      const p = [policy({ quota: 2, window: 10, sliding: true })]
      assert.deepEqual(await take(p), yes(1, 10))
      advance(9.9)
      assert.deepEqual(await take(p), yes(0, 1))
      advance(0.1)
      assert.deepEqual([await take(p), await take(p)], [yes(0, 10), no(0, 10)])
      advance(30)
      assert.deepEqual([await take(p, ada, 2), await take(p)], [yes(0, 10), no(0, 10)], 'after a rest it starts anew')
    }
  },
  {
    name: 'a clock that is set back frees nothing, and keeps nobody out for longer',
    async run (store) {
      const { take, advance, policy, ada } = bench(store)
      for (const [name, kind] of KINDS) {
        const p = [policy({ quota: 2, window: 10, ...kind }, name)]
        await take(p, ada, 2)
        advance(-1_000_000)
        const [admitted, [, , wait] = [false, 0, 0]] = await take(p)
        assert.equal(admitted, false, `${name}: still used up`)
        assert.ok(wait > 0 && wait <= 11, `${name}: ${wait} s`)
        for (let i = 1; i < wait; i++) {
          advance(1)
          await take(p)
        }
        advance(1)
        const [back] = await take(p)
        assert.equal(back, true, `${name}: back when it was said to be, whoever asked in between`)
      }
    }
  },
  {
    name: 'a clock that trembles frees nothing',
    async run (store) {
      const { take, advance, policy, ada } = bench(store)
      for (const [name, kind] of KINDS) {
        const p = [policy({ quota: 2, window: 10, ...kind }, name)]
        await take(p, ada, 2)
        let admitted = 0
        for (let i = 0; i < 200; i++) {
          advance(i % 2 === 0 ? -0.003 : 0.003)
          const [isAdmitted] = await take(p)
          if (isAdmitted) admitted++
        }
        assert.equal(admitted, 0, name)
      }
    }
  }
]
