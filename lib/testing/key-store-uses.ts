import assert from 'node:assert/strict'
import type { ApiKey, KeyStore } from '../keys/index.js'
import { at, changed, inserted, newHash, newWorkspace, secret, type KeyStoreCase } from './key-store-drafts.js'

async function usesOf (store: KeyStore, { workspace, id }: ApiKey) {
  const key = await store.get(workspace, id)
  return { lastUsedAt: key?.lastUsedAt, scopes: new Map(Object.entries(key?.scopesUsedAt ?? {})), version: key?.version }
}

export const uses: readonly KeyStoreCase[] = [
  {
    name: 'uses are noted forwards only, to the millisecond, and change no version',
    async run (store) {
      const workspace = newWorkspace()
      const { key } = await inserted(store, workspace)
      assert.deepStrictEqual(await usesOf(store, key), { lastUsedAt: undefined, scopes: new Map(), version: 1 })
      const note = (later: number, scopesUsedAt: Record<string, Date>) => store.recordUse([{ workspace, id: key.id, lastUsedAt: at(later), scopesUsedAt }])
      await note(500, { 'devices:read': at(499) })
      await note(400, { 'devices:read': at(300), 'devices:write': at(250) })
      await note(501, { 'devices:read': at(499) })
      await note(-5, {})
      assert.deepStrictEqual(await usesOf(store, key), { lastUsedAt: at(501), scopes: new Map([['devices:read', at(499)], ['devices:write', at(250)]]), version: 1 })
      const { keys: [listed] } = await store.list(workspace, { limit: 1 })
      assert.deepStrictEqual(listed, await store.get(workspace, key.id))
    }
  },
  {
    name: 'many uses are noted at once, of one key and of several; unknown keys are passed over',
    async run (store) {
      const workspace = newWorkspace()
      const made = await Promise.all([1, 2, 3].map(() => inserted(store, workspace)))
      const unknown = { workspace, id: 'key_unknown', lastUsedAt: at(1), scopesUsedAt: {} }
      await store.recordUse([unknown, ...[20, 30, 10].flatMap((later) => made.map(({ key }, i) => ({ workspace, id: key.id, lastUsedAt: at(later + i), scopesUsedAt: { [`s${later}`]: at(later), all: at(later) } })))])
      for (const [i, { key }] of made.entries()) {
        assert.deepStrictEqual(await usesOf(store, key), { lastUsedAt: at(30 + i), scopes: new Map([['all', at(30)], ['s10', at(10)], ['s20', at(20)], ['s30', at(30)]]), version: 1 })
      }
      await store.recordUse([])
      await store.recordUse([unknown])
      assert.equal(await store.get(workspace, unknown.id), undefined)
    }
  },
  {
    name: 'uses that are noted from several sides at once are all kept',
    async run (store) {
      const workspace = newWorkspace()
      const made = await Promise.all([1, 2, 3, 4].map(() => inserted(store, workspace)))
      await Promise.all(Array.from({ length: 20 }, (_, i) => {
        const batch = made.map(({ key }) => ({ workspace, id: key.id, lastUsedAt: at(i), scopesUsedAt: { [`s${i % 5}`]: at(i) } }))
        return store.recordUse(i % 2 === 0 ? batch : batch.reverse())
      }))
      for (const { key } of made) {
        const { lastUsedAt, scopes } = await usesOf(store, key)
        assert.deepStrictEqual(lastUsedAt, at(19))
        assert.deepStrictEqual([...scopes.keys()].sort(), ['s0', 's1', 's2', 's3', 's4'])
        for (const [scope, used] of scopes) assert.deepStrictEqual(used, at(15 + Number(scope.slice(1))))
      }
    }
  },
  {
    name: 'scopes with the names of built-in properties are scopes like any other',
    async run (store) {
      const workspace = newWorkspace()
      const { key } = await inserted(store, workspace)
      const names = ['__proto__', 'constructor', 'toString', 'hasOwnProperty', 'used:x', 'lastUsedAt', 'a"b\'c\\d']
      const use = (later: number) => ({ workspace, id: key.id, lastUsedAt: at(later), scopesUsedAt: Object.fromEntries(names.map((name) => [name, at(later)])) })
      await store.recordUse([use(1), use(2)])
      await store.recordUse([use(3)])
      const { scopes } = await usesOf(store, key)
      assert.deepStrictEqual([...scopes.keys()].sort(), [...names].sort())
      for (const used of scopes.values()) assert.deepStrictEqual(used, at(3))
    }
  },
  {
    name: 'inserts and updates write no use: what is noted stays, whatever they say',
    async run (store) {
      const workspace = newWorkspace()
      const { key } = await inserted(store, workspace, { lastUsedAt: at(1), scopesUsedAt: { invented: at(1) } })
      assert.deepStrictEqual((await usesOf(store, key)).lastUsedAt, undefined)
      assert.equal(await store.update(changed(key, { lastUsedAt: at(2) })), true)
      assert.deepStrictEqual((await usesOf(store, key)).lastUsedAt, undefined)
      await store.recordUse([{ workspace, id: key.id, lastUsedAt: at(50), scopesUsedAt: { a: at(40) } }])
      const rotated = { ...key, version: 3, secrets: [secret(1), secret(2)], lastUsedAt: at(99), scopesUsedAt: {} }
      assert.equal(await store.update(rotated, newHash()), true)
      assert.deepStrictEqual(await usesOf(store, key), { lastUsedAt: at(50), scopes: new Map([['a', at(40)]]), version: 3 })
    }
  }
]
