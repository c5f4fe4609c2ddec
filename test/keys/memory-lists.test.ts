import fc from 'fast-check'
import { createMemoryKeyStore, type ApiKey, type KeyPage, type KeyStore } from 'fastify-latchkey/keys'
import t from 'tap'
import '../helpers/seed.js'
import { record } from '../helpers/slow-keys.js'

const owners = [undefined, 'ada', 'bob'] as const
const environments = ['production', 'sandbox'] as const
const workspaces = ['w1', 'w2'] as const
const step = fc.record({
  what: fc.constantFrom('insert', 'update', 'list'),
  workspace: fc.constantFrom(...workspaces),
  owner: fc.constantFrom(...owners),
  environment: fc.constantFrom(...environments),
  filter: fc.record({ owner: fc.constantFrom(...owners), environment: fc.constantFrom(undefined, ...environments) }),
  at: fc.nat(5),
  limit: fc.integer({ min: 1, max: 3 })
})

async function walk (store: KeyStore, workspace: string, page: KeyPage): Promise<string[]> {
  const { keys, next } = await store.list(workspace, page)
  return [...keys.map(({ id }) => id), ...next === undefined ? [] : await walk(store, workspace, { ...page, after: next })]
}

t.test('whatever was added and changed, each list has the keys that match it, newest first', async (t) => {
  await fc.assert(fc.asyncProperty(fc.array(step, { maxLength: 40 }), async (steps) => {
    const store = createMemoryKeyStore()
    const known: ApiKey[] = []
    for (const { what, workspace, owner, environment, filter, at, limit } of steps) {
      const i = known.findIndex((key) => key.createdAt.getTime() === at && key.workspace === workspace)
      const found = known[i]
      if (what === 'insert') {
        const key = record({ id: `key_${known.length * 7 % 40}`, workspace, environment, ...owner !== undefined && { owner }, createdAt: new Date(at) })
        await store.insert(key, `hash_${key.id}`)
        known.push(key)
      } else if (what === 'update' && found !== undefined) {
        const { owner: _was, ...rest } = found
        const key: ApiKey = { ...rest, environment, ...owner !== undefined && { owner }, version: found.version + 1 }
        if (await store.update(key) !== true) throw new Error('not updated')
        known[i] = key
      } else {
        const expected = known
          .filter((key) => key.workspace === workspace && (filter.owner ?? key.owner) === key.owner && (filter.environment ?? key.environment) === key.environment)
          .sort((a, b) => b.createdAt.getTime() - a.createdAt.getTime() || (a.id < b.id ? 1 : -1))
        const listed = await walk(store, workspace, { limit, ...filter })
        if (JSON.stringify(listed) !== JSON.stringify(expected.map(({ id }) => id))) throw new Error(`${listed.join()} for ${expected.map(({ id }) => id).join()}`)
      }
    }
  }), { numRuns: 500 })
  t.pass()
})
