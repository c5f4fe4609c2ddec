import { createRecordCache, createMemoryKeyStore } from 'fastify-latchkey/keys'
import t from 'tap'
import { createClockCache } from '../../lib/core/clock-cache.js'
import { record, slowStore } from '../helpers/slow-keys.js'

t.test('a full map lets go of what was not used, and says so', async (t) => {
  const gone: string[] = []
  const map = createClockCache<{ used: boolean, name: string }>(3, ({ name }) => { gone.push(name) })
  const add = (name: string) => map.set(name, { name, used: false })
  for (const name of ['a', 'b', 'c']) add(name)
  t.same(gone, [])
  for (const name of ['a', 'c']) {
    const value = map.get(name)
    if (value !== undefined) value.used = true
  }
  add('d')
  t.same(gone, ['b'], 'a was used')
  add('e')
  t.same(gone, ['b', 'd'], 'c was used, a second time round nothing was')
  add('a')
  map.delete('e')
  map.delete('never there')
  t.same([gone, map.size], [['b', 'd', 'a', 'e'], 2], 'what is replaced or deleted is let go of, too')
})

t.test('room is made though everything was used', async (t) => {
  const map = createClockCache<{ used: boolean }>(1000)
  for (let n = 0; n < 1100; n++) map.set(`${n}`, { used: true })
  t.equal(map.size, 1000)
  const one = createClockCache<{ used: boolean }>(1)
  for (let n = 0; n < 10; n++) one.set(`${n}`, { used: true })
  t.same([one.size, one.get('9')], [1, { used: true }])
})

t.test('twenty thousand keys are all reached through a cache of a hundred', async (t) => {
  const memory = createMemoryKeyStore()
  const cache = createRecordCache({ ...memory, findByHash: async (hash) => await memory.findByHash(hash) }, { maxRecords: 100 })
  const total = 20_000
  for (let n = 0; n < total; n++) await memory.insert(record({ id: `key_${n}` }), `h${n}`)
  for (let n = 0; n < total; n++) {
    if ((await cache.findByHash(`h${n}`))?.principal.id !== `key_${n}`) t.fail(`key ${n} is not reached`)
  }
  let held = 0
  for (let n = 0; n < total; n++) if (cache.cached(`h${n}`) !== undefined) held++
  t.equal(held, 100)
})

t.test('what is asked for all the time stays, whatever passes by', async (t) => {
  const store = slowStore()
  store.pause = async () => {}
  const cache = createRecordCache(store, { maxRecords: 50 })
  for (let n = 0; n < 2000; n++) await store.memory.insert(record({ id: `key_${n}` }), `h${n}`)
  await cache.findByHash('h0')
  for (let n = 1; n < 2000; n++) {
    await cache.findByHash(`h${n}`)
    if (cache.cached('h0') === undefined) t.fail(`dropped by ${n}`)
  }
})
