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

/** Ids in an order that databases with another collation would change, and when each key was created. */
const CREATED = [
  ['a', 5], ['Z', 1], ['A', 5], ['b', 3], ['_', 5], ['0', 0], ['aa', 5], ['z', -1e9], ['B', 3], ['~', 5]
] as const

export const lists: readonly KeyStoreCase[] = [
  {
    name: 'a list is newest first, by id where keys were created at once, and its pages add up to it',
    async run (store) {
      const workspace = newWorkspace()
      const all: ApiKey[] = []
      for (const [name, time] of CREATED) {
        const { key } = await inserted(store, workspace, { id: `${workspace}-${name}`, createdAt: at(time) })
        all.push(key)
      }
      all.sort((a, b) => b.createdAt.getTime() - a.createdAt.getTime() || (a.id < b.id ? 1 : -1))
      assert.deepStrictEqual(await store.list(workspace, { limit: 100 }), { keys: all, next: undefined })
      const limits = [1, 2, 3, 9, 10, 11]
      const walked = await Promise.all(limits.map((limit) => walk(store, workspace, { limit })))
      assert.deepStrictEqual(walked, limits.map(() => all.map(({ id }) => id)))
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
      const last = await store.list(workspace, { limit: 1, after: page.next })
      assert.deepStrictEqual(last, { keys: [first.key], next: undefined })
    }
  },
  {
    name: 'keys that are inserted between two pages neither shift nor repeat others',
    async run (store) {
      const workspace = newWorkspace()
      const ids: string[] = []
      for (let i = 0; i < 6; i++) ids.unshift((await inserted(store, workspace, { createdAt: at(i * 10) })).key.id)
      const first = await store.list(workspace, { limit: 3 })
      await inserted(store, workspace, { createdAt: at(100) })
      await inserted(store, workspace, { createdAt: at(35) })
      const late = await inserted(store, workspace, { createdAt: at(15) })
      const rest = await walk(store, workspace, { limit: 2, after: first.next })
      const walked = [...first.keys.map(({ id }) => id), ...rest]
      assert.deepStrictEqual(walked, [...ids.slice(0, 4), late.key.id, ...ids.slice(4)])
    }
  },
  {
    name: 'a page may begin anywhere, also where there is no key',
    async run (store) {
      const workspace = newWorkspace()
      const { key } = await inserted(store, workspace, { createdAt: at(10) })
      const positions = [[11, ''], [10, `${key.id}0`], [10, key.id], [10, ''], [9, '~']] as const
      const pages = await Promise.all(positions.map(([time, id]) =>
        store.list(workspace, { limit: 5, after: { createdAt: at(time), id } })))
      assert.deepStrictEqual(pages.map(({ keys }) => keys.length), [1, 1, 0, 0, 0])
    }
  },
  {
    name: 'a list may be of one owner, of one environment, or of both',
    async run (store) {
      const workspace = newWorkspace()
      await inserted(store, newWorkspace(), { owner: 'ada', environment: 'sandbox' })
      for (let i = 0; i < 12; i++) {
        await inserted(store, workspace, {
          id: `${workspace}-${i}`,
          createdAt: at(i),
          environment: i % 4 === 0 ? 'sandbox' : 'production',
          ...i % 3 !== 2 && { owner: i % 3 === 0 ? 'ada' : 'bob' }
        })
      }
      const numbers = async (page: Partial<KeyPage>): Promise<number[]> => {
        const ids = await walk(store, workspace, { limit: 2, ...page })
        return ids.map((id) => Number(id.slice(workspace.length + 1)))
      }
      assert.deepStrictEqual(await numbers({ owner: 'ada' }), [9, 6, 3, 0])
      assert.deepStrictEqual(await numbers({ environment: 'sandbox' }), [8, 4, 0])
      assert.deepStrictEqual(await numbers({ owner: 'bob', environment: 'production' }), [10, 7, 1])
      assert.deepStrictEqual(await numbers({ owner: 'ada', environment: 'production', limit: 1 }), [9, 6, 3])
      const none = [await numbers({ owner: 'eve' }), await numbers({ owner: '' }), await numbers({ environment: '' })]
      assert.deepStrictEqual(none, [[], [], []])
    }
  }
]
