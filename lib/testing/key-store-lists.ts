import assert from 'node:assert/strict'
import type { ApiKey, KeyPage, KeyStore } from '../keys/index.js'
import { at, inserted, newWorkspace, type KeyStoreCase } from './key-store-drafts.js'

/** Ids of all pages, one after the other. */
async function walk (store: KeyStore, workspace: string, page: KeyPage): Promise<string[]> {
  const { keys, next } = await store.list(workspace, page)
  assert.ok(keys.length <= page.limit)
  const ids = keys.map(({ id }) => id)
  return next === undefined ? ids : [...ids, ...await walk(store, workspace, { ...page, after: next })]
}

export const lists: readonly KeyStoreCase[] = [
  {
    name: 'a list is newest first, by id where keys were created at once, and its pages are the whole',
    async run (store) {
      const workspace = newWorkspace()
      const instants = [['a', 5], ['Z', 1], ['A', 5], ['b', 3], ['_', 5], ['0', 0], ['aa', 5], ['z', -1e9], ['B', 3], ['~', 5]] as const
      const made: ApiKey[] = []
      for (const [name, later] of instants) made.push((await inserted(store, workspace, { id: `${workspace}-${name}`, createdAt: at(later) })).key)
      const expected = made.sort((a, b) => b.createdAt.getTime() - a.createdAt.getTime() || (a.id < b.id ? 1 : -1))
      assert.deepStrictEqual(await store.list(workspace, { limit: 100 }), { keys: expected, next: undefined })
      for (const limit of [1, 2, 3, 9, 10, 11]) {
        assert.deepStrictEqual(await walk(store, workspace, { limit }), expected.map(({ id }) => id), `pages of ${limit}`)
      }
    }
  },
  {
    name: 'a page says where it ended while there is more, and nothing on the last one',
    async run (store) {
      const workspace = newWorkspace()
      assert.deepStrictEqual(await store.list(workspace, { limit: 1 }), { keys: [], next: undefined })
      const first = await inserted(store, workspace, { createdAt: at(1) })
      assert.deepStrictEqual(await store.list(workspace, { limit: 1 }), { keys: [first.key], next: undefined })
      const second = await inserted(store, workspace, { createdAt: at(2) })
      const page = await store.list(workspace, { limit: 1 })
      assert.deepStrictEqual(page, { keys: [second.key], next: { createdAt: at(2), id: second.key.id } })
      assert.deepStrictEqual(await store.list(workspace, { limit: 1, after: page.next }), { keys: [first.key], next: undefined })
    }
  },
  {
    name: 'keys that are inserted between two pages neither shift nor repeat others',
    async run (store) {
      const workspace = newWorkspace()
      const made: string[] = []
      for (let i = 0; i < 6; i++) made.unshift((await inserted(store, workspace, { createdAt: at(i * 10) })).key.id)
      const first = await store.list(workspace, { limit: 3 })
      await inserted(store, workspace, { createdAt: at(100) })
      await inserted(store, workspace, { createdAt: at(35) })
      const late = await inserted(store, workspace, { createdAt: at(15) })
      const rest = await walk(store, workspace, { limit: 2, after: first.next })
      assert.deepStrictEqual([...first.keys.map(({ id }) => id), ...rest], [...made.slice(0, 4), late.key.id, ...made.slice(4)])
    }
  },
  {
    name: 'a page may begin anywhere, also where there is no key',
    async run (store) {
      const workspace = newWorkspace()
      const { key } = await inserted(store, workspace, { createdAt: at(10) })
      const after = async (createdAt: Date, id: string) => (await store.list(workspace, { limit: 5, after: { createdAt, id } })).keys.length
      assert.deepStrictEqual([await after(at(11), ''), await after(at(10), `${key.id}0`), await after(at(10), key.id), await after(at(10), ''), await after(at(9), '~')], [1, 1, 0, 0, 0])
    }
  },
  {
    name: 'a list may be of one owner, of one environment, or of both',
    async run (store) {
      const workspace = newWorkspace()
      const others = newWorkspace()
      await inserted(store, others, { owner: 'ada', environment: 'sandbox' })
      for (let i = 0; i < 12; i++) {
        await inserted(store, workspace, { id: `${workspace}-${i}`, createdAt: at(i), environment: i % 4 === 0 ? 'sandbox' : 'production', ...i % 3 !== 2 && { owner: i % 3 === 0 ? 'ada' : 'bob' } })
      }
      const ids = async (page: Partial<KeyPage>) => (await walk(store, workspace, { limit: 2, ...page })).map((id) => Number(id.slice(workspace.length + 1)))
      assert.deepStrictEqual(await ids({ owner: 'ada' }), [9, 6, 3, 0])
      assert.deepStrictEqual(await ids({ environment: 'sandbox' }), [8, 4, 0])
      assert.deepStrictEqual(await ids({ owner: 'bob', environment: 'production' }), [10, 7, 1])
      assert.deepStrictEqual(await ids({ owner: 'ada', environment: 'production', limit: 1 }), [9, 6, 3])
      assert.deepStrictEqual([await ids({ owner: 'eve' }), await ids({ owner: '' }), await ids({ environment: '' })], [[], [], []])
    }
  }
]
