import { createMemoryLimitStore, type LimitStore } from 'fastify-latchkey/limits'
import { limitStoreConformance } from 'fastify-latchkey/testing'
import t from 'tap'
import { conforms } from '../helpers/conforms.js'

t.test('memory', (t) => conforms(t, createMemoryLimitStore(), limitStoreConformance()))

t.test('a store that counts apart what it should count together is found out', async (t) => {
  const wrong: LimitStore = { take: (take) => createMemoryLimitStore().take(take) }
  const settled = await Promise.allSettled(limitStoreConformance().map(({ run }) => run(wrong)))
  t.ok(settled.filter(({ status }) => status === 'rejected').length > 10)
})
