import assert from 'node:assert/strict'
import { at, changed, inserted, isRefused, newHash, newWorkspace, secret, type KeyStoreCase } from './key-store-drafts.js'

export const changes: readonly KeyStoreCase[] = [
  {
    name: 'an update replaces the version before it, and is seen from then on',
    async run (store) {
      const workspace = newWorkspace()
      const { key, hash } = await inserted(store, workspace, { name: 'CI', owner: 'ada', tier: 'pro', metadata: { team: 'a' }, expiresAt: at(1000) })
      const { name: _name, owner: _owner, tier: _tier, metadata: _metadata, expiresAt: _expiresAt, ...bare } = key
      const revoked = changed(bare, { scopes: ['devices:write'], environment: 'sandbox', revokedAt: at(77), revokedReason: 'leaked' })
      assert.equal(await store.update(revoked), true)
      assert.deepStrictEqual(await store.get(workspace, key.id), revoked)
      const loaded = await store.findByHash(hash, true)
      assert.deepStrictEqual([loaded?.goodUntil, loaded?.principal.version, loaded?.principal.environment, loaded?.principal.owner], [-Infinity, 2, 'sandbox', undefined])
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
      for (const version of [1, 4, 5, 7, 60]) {
        assert.equal(await store.update({ ...key, version, name: 'late', secrets: [secret(2)] }, rotated), false)
      }
      assert.equal(await store.update({ ...key, id: 'key_unknown', version: 1 }), false)
      assert.equal(await store.update({ ...key, id: 'key_unknown', version: 6 }, rotated), false)
      assert.deepStrictEqual(await store.get(workspace, key.id), key)
      assert.equal((await store.findByHash(hash, true))?.generation, 1)
      assert.equal(await store.findByHash(rotated, true), undefined)
    }
  },
  {
    name: 'of many updates at once exactly one wins, and the secrets of the others open nothing',
    async run (store) {
      const workspace = newWorkspace()
      const { key } = await inserted(store, workspace)
      const rivals = Array.from({ length: 12 }, (_, i) => ({ hash: newHash(), next: changed(key, { name: `rival ${i}`, secrets: [secret(1, { retiresAt: at(1) }), secret(2)] }) }))
      const won = await Promise.all(rivals.map(({ next, hash }) => store.update(next, hash)))
      assert.equal(won.filter(Boolean).length, 1)
      const winner = rivals[won.indexOf(true)]
      assert.deepStrictEqual(await store.get(workspace, key.id), winner?.next)
      for (const rival of rivals) assert.equal((await store.findByHash(rival.hash, true))?.generation, rival === winner ? 2 : undefined)
    }
  },
  {
    name: 'hashes of secrets that the record lists no more are forgotten',
    async run (store) {
      const { key, hash } = await inserted(store, newWorkspace())
      const [second, third] = [newHash(), newHash()]
      const twice = changed(key, { secrets: [secret(1), secret(2)] })
      assert.equal(await store.update(twice, second), true)
      const thrice = changed(twice, { secrets: [secret(2), secret(3)] })
      assert.equal(await store.update(thrice, third), true)
      assert.equal(await store.findByHash(hash, true), undefined)
      assert.deepStrictEqual([(await store.findByHash(second, true))?.generation, (await store.findByHash(third, true))?.generation], [2, 3])
      assert.equal(await store.update(changed(thrice, { secrets: [secret(3)] })), true)
      assert.deepStrictEqual([await store.findByHash(second, true), (await store.findByHash(third, true))?.generation], [undefined, 3])
    }
  },
  {
    name: 'an update with a hash that is taken is refused, and changes nothing',
    async run (store) {
      const workspace = newWorkspace()
      const { key, hash } = await inserted(store, workspace)
      const other = await inserted(store, newWorkspace())
      for (const taken of [hash, other.hash]) {
        await isRefused(() => store.update(changed(key, { secrets: [secret(1), secret(2)] }), taken), 'a hash that is taken')
      }
      assert.deepStrictEqual(await store.get(workspace, key.id), key)
      const owners = await Promise.all([hash, other.hash].map((one) => store.findByHash(one, true)))
      assert.deepStrictEqual(owners.map((found) => found?.principal.id), [key.id, other.key.id])
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
    name: 'a key moves between the lists of owners and environments with its updates',
    async run (store) {
      const workspace = newWorkspace()
      const { key } = await inserted(store, workspace, { owner: 'ada' })
      const owned = async (owner: string, environment?: string) => (await store.list(workspace, { limit: 5, owner, environment })).keys.map(({ id }) => id)
      const moved = changed(key, { owner: 'bob', environment: 'sandbox' })
      assert.equal(await store.update(moved), true)
      assert.deepStrictEqual([await owned('ada'), await owned('bob'), await owned('bob', 'production'), await owned('bob', 'sandbox')], [[], [key.id], [], [key.id]])
      const { owner: _owner, ...nobodys } = changed(moved)
      assert.equal(await store.update(nobodys), true)
      assert.deepStrictEqual([await owned('bob'), (await store.list(workspace, { limit: 5, environment: 'sandbox' })).keys], [[], [nobodys]])
    }
  }
]
