import fc from 'fast-check'
import { createMemoryKeyStore } from 'fastify-latchkey/keys'
import t from 'tap'
import { changed, inserted } from '../../lib/testing/key-store-drafts.js'

function opened () {
  const store = createMemoryKeyStore()
  const { notices } = store
  if (notices === undefined) throw new Error('no notices')
  return { store, notices }
}

t.test('keys that are there before anybody asks are due, and changes of them once', async (t) => {
  const { store, notices } = opened()
  t.same(await notices.due(0, 10, 5), [])
  const { key } = await inserted(store, 'w1')
  for (const version of [1, 2]) await store.update(changed({ ...key, version }))
  t.equal((await notices.due(0, 10, 5)).length, 1)
  t.same(await notices.due(9, 10, 5), [])

  const { store: filled, notices: asked } = opened()
  await inserted(filled, 'w1')
  t.equal((await asked.due(0, 10, 5)).length, 1)
})

t.test('nothing is settled that was not given out', async (t) => {
  const { store, notices } = opened()
  const { key } = await inserted(store, 'w1')
  t.equal(await notices.settle({ key, noticed: [], leasedUntil: 5 }, [], undefined), false)
  const [held] = await notices.due(0, 10, 5)
  t.ok(held && await notices.settle(held, [], 3))
  t.equal(await notices.settle({ key, noticed: [], leasedUntil: 10 }, [], undefined), false)
})

t.test('whatever the instants, what is due comes in their order, and nothing else comes', async (t) => {
  await fc.assert(fc.asyncProperty(fc.array(fc.integer({ min: 0, max: 50 }), { minLength: 1, maxLength: 60 }), fc.array(fc.tuple(fc.integer({ min: 0, max: 60 }), fc.integer({ min: 1, max: 20 })), { maxLength: 20 }), async (instants, looks) => {
    const { store, notices } = opened()
    for (let i = 0; i < instants.length; i++) await inserted(store, 'w1')
    const waiting = new Map<string, number>()
    for (const [i, held] of [...await notices.due(0, 1, 100)].entries()) {
      waiting.set(held.key.id, instants[i] ?? 0)
      await notices.settle(held, [], instants[i])
    }
    for (const [now, limit] of looks) {
      const expected = [...waiting.values()].filter((at) => at <= now).sort((a, b) => a - b).slice(0, limit)
      const given = await notices.due(now, 1000, limit)
      t.same(given.map(({ key }) => waiting.get(key.id)), expected)
      for (const held of given) {
        waiting.delete(held.key.id)
        await notices.settle(held, [], undefined)
      }
    }
  }), { numRuns: 50 })
})
