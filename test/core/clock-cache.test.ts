import t from 'tap'
import { createClockCache } from '../../lib/core/clock-cache.js'

t.test('a full cache removes values that were not used, and reports each', async (t) => {
  const removed: string[] = []
  const map = createClockCache<{ used: boolean, name: string }>(3, ({ name }) => { removed.push(name) })
  const add = (name: string) => map.set(name, { name, used: false })
  for (const name of ['a', 'b', 'c']) add(name)
  t.same(removed, [])
  for (const name of ['a', 'c']) {
    const value = map.get(name)
    if (value !== undefined) value.used = true
  }
  add('d')
  t.same(removed, ['b'], 'a was used')
  add('e')
  t.same(removed, ['b', 'd'], 'c was used, and in the second round nothing')
  add('a')
  map.delete('e')
  map.delete('unknown')
  t.same([removed, map.size], [['b', 'd', 'a', 'e'], 2], 'what is replaced or deleted is reported too')
})

t.test('a full cache makes room also where all values were used', async (t) => {
  const map = createClockCache<{ used: boolean }>(1000)
  for (let n = 0; n < 1100; n++) map.set(`${n}`, { used: true })
  t.equal(map.size, 1000)
  const one = createClockCache<{ used: boolean }>(1)
  for (let n = 0; n < 10; n++) one.set(`${n}`, { used: true })
  t.same([one.size, one.get('9')], [1, { used: true }])
})

t.test('of twenty thousand values a cache of a hundred keeps a hundred', async (t) => {
  const cache = createClockCache<{ used: boolean, n: number }>(100)
  const total = 20_000
  for (let n = 0; n < total; n++) {
    cache.set(`key_${n}`, { used: false, n })
    if (cache.get(`key_${n}`)?.n !== n) t.fail(`key ${n} is not cached`)
  }
  let kept = 0
  for (let n = 0; n < total; n++) if (cache.get(`key_${n}`) !== undefined) kept++
  t.equal(kept, 100)
})

t.test('a value that is used all the time stays, whatever else is added', async (t) => {
  const cache = createClockCache<{ used: boolean }>(50)
  cache.set('key_0', { used: false })
  for (let n = 1; n < 2000; n++) {
    const value = cache.get('key_0')
    if (value === undefined) t.fail(`removed by ${n}`)
    else value.used = true
    cache.set(`key_${n}`, { used: false })
  }
  t.ok(cache.get('key_0'))
})
