import type { LimitStore } from 'fastify-latchkey'
import { createMemoryLimitStore } from 'fastify-latchkey/limits'
import t from 'tap'
import { contexts } from '../helpers/async-contexts.js'

t.test('a request keeps its async context, whatever it waited for', async (t) => {
  const later: LimitStore = { ...createMemoryLimitStore(), take: async (take) => createMemoryLimitStore().take(take) }
  for (const wait of [false, true]) {
    await t.test(`no limits, ${wait}`, (t) => contexts(t, false, wait))
    await t.test(`counters in memory, ${wait}`, (t) => contexts(t, { store: createMemoryLimitStore() }, wait))
    await t.test(`an asynchronous store, ${wait}`, (t) => contexts(t, { store: later }, wait))
  }
})
