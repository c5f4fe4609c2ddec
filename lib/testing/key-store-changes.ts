import assert from 'node:assert/strict'
import type { ApiKey } from '../keys/index.js'
import {
  at, changed, draft, inserted, isRefused, newHash, newWorkspace, secret, type KeyStoreCase
} from './key-store-drafts.js'

export const changes: readonly KeyStoreCase[] = [
  {
    name: 'keys that are added together: each whose id and hash are new, or none where two are the same',
    async run (store) {
      if (store.insertMany === undefined) return
      const workspace = newWorkspace()
      const before = await inserted(store, workspace)
      const [first, second] = [draft(workspace, { owner: 'ada' }), draft(workspace)]
      const [hash, other] = [newHash(), newHash()]
      const taken = [{ key: draft(workspace), hash: before.hash }, { key: before.key, hash: other }]
      assert.deepStrictEqual(await store.insertMany([{ key: first, hash }, ...taken]), [
        { added: true, existing: undefined },
        { added: false, existing: before.key.id },
        { added: false, existing: undefined }
      ])
      assert.equal((await store.findByHash(hash))?.principal.id, first.id)
      assert.equal(await store.findByHash(other), undefined)
      assert.deepStrictEqual(await store.get(workspace, first.id), first)
      const same = store.insertMany([{ key: second, hash: other }, { key: draft(workspace), hash: other }])
      await assert.rejects(same, { name: 'DuplicateError' })
      assert.equal(await store.get(workspace, second.id), undefined)
    }
  },
  {
    name: 'an update replaces the version before it, and every read after it sees that',
    async run (store) {
      const workspace = newWorkspace()
      const texts = { name: 'CI', owner: 'ada', tier: 'pro' }
      const updatedBy = { kind: 'api-key', id: 'key_1' }
      const full = { ...texts, metadata: { team: 'a' }, expiresAt: at(1000), updatedBy }
      const { key, hash } = await inserted(store, workspace, full)
      const { name: _name, owner: _owner, tier: _tier, metadata: _notes, expiresAt: _end, ...more } = key
      const { updatedBy: _by, ...bare } = more
      const change = { scopes: ['devices:write'], environment: 'sandbox', revokedAt: at(77), revokedReason: 'leaked' }
      const revoked = changed(bare, { ...change, updatedAt: at(77) })
      assert.equal(await store.update(revoked), true)
      assert.deepStrictEqual(await store.get(workspace, key.id), revoked)
      const loaded = await store.findByHash(hash, true)
      assert.equal(loaded?.goodUntil, -Infinity)
      assert.deepStrictEqual(
        [loaded?.principal.version, loaded?.principal.environment, loaded?.principal.owner],
        [2, 'sandbox', undefined]
      )
      assert.equal(await store.update(changed(revoked, { owner: 'bob' })), true)
      assert.equal((await store.findByHash(hash, true))?.principal.owner, 'bob')
    }
  },
  {
    name: 'an update of any other version, or of an unknown key, changes nothing',
    async run (store) {
      const workspace = newWorkspace()
      const { key, hash } = await inserted(store, workspace, { version: 5 })
      const rotated = newHash()
      const results = []
      for (const version of [1, 4, 5, 7, 60]) {
        results.push(await store.update({ ...key, version, name: 'late', secrets: [secret(2)] }, rotated))
      }
      results.push(await store.update({ ...key, id: 'key_unknown', version: 1 }))
      results.push(await store.update({ ...key, id: 'key_unknown', version: 6 }, rotated))
      assert.deepStrictEqual(results, results.map(() => false))
      assert.deepStrictEqual(await store.get(workspace, key.id), key)
      assert.equal((await store.findByHash(hash, true))?.generation, 1)
      assert.equal(await store.findByHash(rotated, true), undefined)
    }
  },
  {
    name: 'of many updates at once exactly one succeeds, and the secrets of the others open nothing',
    async run (store) {
      const workspace = newWorkspace()
      const { key } = await inserted(store, workspace)
      const secrets = [secret(1, { retiresAt: at(1) }), secret(2)]
      const rivals = Array.from({ length: 12 }, (_, i) => {
        return { hash: newHash(), next: changed(key, { name: `rival ${i}`, secrets }) }
      })
      const results = await Promise.all(rivals.map(({ next, hash }) => store.update(next, hash)))
      assert.equal(results.filter(Boolean).length, 1)
      const winner = rivals[results.indexOf(true)]
      assert.deepStrictEqual(await store.get(workspace, key.id), winner?.next)
      const found = await Promise.all(rivals.map(({ hash }) => store.findByHash(hash, true)))
      assert.deepStrictEqual(
        found.map((loaded) => loaded?.generation),
        rivals.map((rival) => rival === winner ? 2 : undefined)
      )
    }
  },
  {
    name: 'a secret that the record does not list any more opens nothing',
    async run (store) {
      const { key, hash } = await inserted(store, newWorkspace())
      const hashes = [hash, newHash(), newHash()] as const
      const generations = async () => {
        const found = await Promise.all(hashes.map((one) => store.findByHash(one, true)))
        return found.map((loaded) => loaded?.generation)
      }
      const twice = changed(key, { secrets: [secret(1), secret(2)] })
      assert.equal(await store.update(twice, hashes[1]), true)
      const thrice = changed(twice, { secrets: [secret(2), secret(3)] })
      assert.equal(await store.update(thrice, hashes[2]), true)
      assert.deepStrictEqual(await generations(), [undefined, 2, 3])
      assert.equal(await store.update(changed(thrice, { secrets: [secret(3)] })), true)
      assert.deepStrictEqual(await generations(), [undefined, undefined, 3])
    }
  },
  {
    name: 'an update with a hash that exists is refused, and changes nothing',
    async run (store) {
      const workspace = newWorkspace()
      const { key, hash } = await inserted(store, workspace)
      const other = await inserted(store, newWorkspace())
      for (const taken of [hash, other.hash]) {
        const rotated = changed(key, { secrets: [secret(1), secret(2)] })
        await isRefused(() => store.update(rotated, taken), 'a hash that exists')
      }
      assert.deepStrictEqual(await store.get(workspace, key.id), key)
      const found = await Promise.all([hash, other.hash].map((one) => store.findByHash(one, true)))
      assert.deepStrictEqual(found.map((loaded) => loaded?.principal.id), [key.id, other.key.id])
    }
  },
  {
    name: 'an update changes neither when a key was created nor its place in lists',
    async run (store) {
      const workspace = newWorkspace()
      const older = await inserted(store, workspace, { createdAt: at(1) })
      const newer = await inserted(store, workspace, { createdAt: at(2) })
      assert.equal(await store.update(changed(older.key, { createdAt: at(1000), name: 'renamed' })), true)
      const renamed = { ...older.key, version: 2, name: 'renamed' }
      assert.deepStrictEqual(await store.get(workspace, older.key.id), renamed)
      assert.deepStrictEqual(await store.list(workspace, { limit: 5 }), { keys: [newer.key, renamed], next: undefined })
    }
  },
  {
    name: 'an update moves a key between the lists of owners and environments',
    async run (store) {
      const workspace = newWorkspace()
      const { key } = await inserted(store, workspace, { owner: 'ada' })
      const listed = async (owner: string, environment?: string): Promise<readonly ApiKey[]> =>
        (await store.list(workspace, { limit: 5, owner, environment })).keys
      const moved = changed(key, { owner: 'bob', environment: 'sandbox' })
      assert.equal(await store.update(moved), true)
      assert.deepStrictEqual(
        [await listed('ada'), await listed('bob'), await listed('bob', 'production'), await listed('bob', 'sandbox')],
        [[], [moved], [], [moved]]
      )
      const { owner: _owner, ...ownerless } = changed(moved)
      assert.equal(await store.update(ownerless), true)
      assert.deepStrictEqual(await listed('bob'), [])
      assert.deepStrictEqual((await store.list(workspace, { limit: 5, environment: 'sandbox' })).keys, [ownerless])
    }
  }
]
