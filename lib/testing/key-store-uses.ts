import assert from 'node:assert/strict'
import type { ApiKey, KeyStore, KeyUse } from '../keys/index.js'
import { at, changed, inserted, newHash, newWorkspace, secret, START, type KeyStoreCase } from './key-store-drafts.js'

/** Everything that uses have written, times in milliseconds after `START`. */
async function usesOf (store: KeyStore, { workspace, id }: ApiKey) {
  const key = await store.get(workspace, id)
  const used = Object.entries({ ...key?.scopesUsedAt })
  const scopes = used.map(([scope, at]) => [scope, at.getTime() - START] as const)
  const lastUsedAt = key?.lastUsedAt && key.lastUsedAt.getTime() - START
  return { lastUsedAt, scopes: new Map([...scopes].sort()), version: key?.version }
}

type Times = Record<string, number>

/** @param time milliseconds after `START` @param scopes each with when it was used, after `START` too */
function use ({ workspace, id }: Pick<ApiKey, 'workspace' | 'id'>, time: number, scopes: Times = {}): KeyUse {
  const used = Object.entries(scopes).map(([scope, at]) => [scope, new Date(START + at)])
  return { workspace, id, lastUsedAt: at(time), scopesUsedAt: Object.fromEntries(used) }
}

export const uses: readonly KeyStoreCase[] = [
  {
    name: 'a use raises times to the millisecond, never lowers them, and changes no version',
    async run (store) {
      const workspace = newWorkspace()
      const { key } = await inserted(store, workspace)
      assert.deepStrictEqual(await usesOf(store, key), { lastUsedAt: undefined, scopes: new Map(), version: 1 })
      await store.recordUse([use(key, 500, { 'devices:read': 499 })])
      await store.recordUse([use(key, 400, { 'devices:read': 300, 'devices:write': 250 })])
      await store.recordUse([use(key, 501, { 'devices:read': 499 })])
      await store.recordUse([use(key, -5)])
      const scopes = new Map([['devices:read', 499], ['devices:write', 250]])
      assert.deepStrictEqual(await usesOf(store, key), { lastUsedAt: 501, scopes, version: 1 })
      const { keys: [listed] } = await store.list(workspace, { limit: 1 })
      assert.deepStrictEqual(listed, await store.get(workspace, key.id))
    }
  },
  {
    name: 'many uses are recorded at once, of one key and of several; unknown keys are ignored',
    async run (store) {
      const workspace = newWorkspace()
      const all = await Promise.all([1, 2, 3].map(() => inserted(store, workspace)))
      const unknown = use({ workspace, id: 'key_unknown' }, 1)
      const given = [20, 30, 10].flatMap((time) =>
        all.map(({ key }, i) => use(key, time + i, { [`s${time}`]: time, all: time })))
      await store.recordUse([unknown, ...given])
      const scopes = new Map([['all', 30], ['s10', 10], ['s20', 20], ['s30', 30]])
      const recorded = await Promise.all(all.map(({ key }) => usesOf(store, key)))
      assert.deepStrictEqual(recorded, all.map((_, i) => ({ lastUsedAt: 30 + i, scopes, version: 1 })))
      await store.recordUse([])
      await store.recordUse([unknown])
      assert.equal(await store.get(workspace, unknown.id), undefined)
    }
  },
  {
    name: 'uses that several callers record at once are all kept',
    async run (store) {
      const workspace = newWorkspace()
      const all = await Promise.all([1, 2, 3, 4].map(() => inserted(store, workspace)))
      await Promise.all(Array.from({ length: 20 }, (_, i) => {
        const batch = all.map(({ key }) => use(key, i, { [`s${i % 5}`]: i }))
        return store.recordUse(i % 2 === 0 ? batch : batch.reverse())
      }))
      const scopes = new Map([['s0', 15], ['s1', 16], ['s2', 17], ['s3', 18], ['s4', 19]])
      const recorded = await Promise.all(all.map(({ key }) => usesOf(store, key)))
      assert.deepStrictEqual(recorded, all.map(() => ({ lastUsedAt: 19, scopes, version: 1 })))
    }
  },
  {
    name: 'scopes with the names of built-in properties are scopes like any other',
    async run (store) {
      const { key } = await inserted(store, newWorkspace())
      const names = ['__proto__', 'constructor', 'toString', 'hasOwnProperty', 'used:x', 'lastUsedAt', 'a"b\'c\\d']
      const useAt = (time: number) => use(key, time, Object.fromEntries(names.map((name) => [name, time])))
      await store.recordUse([useAt(1), useAt(2)])
      await store.recordUse([useAt(3)])
      const { scopes } = await usesOf(store, key)
      assert.deepStrictEqual(scopes, new Map(names.sort().map((name) => [name, 3])))
    }
  },
  {
    name: 'inserts and updates write no use, and keep those that were recorded',
    async run (store) {
      const workspace = newWorkspace()
      const { key } = await inserted(store, workspace, { lastUsedAt: at(1), scopesUsedAt: { invented: at(1) } })
      assert.equal((await usesOf(store, key)).lastUsedAt, undefined)
      assert.equal(await store.update(changed(key, { lastUsedAt: at(2) })), true)
      assert.equal((await usesOf(store, key)).lastUsedAt, undefined)
      await store.recordUse([use(key, 50, { a: 40 })])
      const rotated = { ...key, version: 3, secrets: [secret(1), secret(2)], lastUsedAt: at(99), scopesUsedAt: {} }
      assert.equal(await store.update(rotated, newHash()), true)
      assert.deepStrictEqual(await usesOf(store, key), { lastUsedAt: 50, scopes: new Map([['a', 40]]), version: 3 })
    }
  }
]
