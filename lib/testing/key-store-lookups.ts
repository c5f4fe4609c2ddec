import assert from 'node:assert/strict'
import type { ApiKey } from '../keys/index.js'
import { at, changed, draft, inserted, isRefused, newHash, newWorkspace, ODD_WORDS, secret, type KeyStoreCase } from './key-store-drafts.js'

export const lookups: readonly KeyStoreCase[] = [
  {
    name: 'a key comes back as it was inserted, dates to the millisecond',
    async run (store) {
      const workspace = newWorkspace()
      const full: Partial<ApiKey> = {
        environment: 'sandbox',
        scopes: ['devices:read', 'devices:write'],
        name: 'CI',
        owner: 'ada',
        tier: 'pro',
        metadata: { team: 'a', floor: 3, share: 0.1, large: 1.7976931348623157e308, on: true, off: false, none: null, '': 'empty' },
        expiresAt: new Date(Date.UTC(9999, 11, 31, 23, 59, 59, 999)),
        revokedAt: at(987),
        revokedReason: 'left in a "log"',
        secrets: [secret(1, { retiresAt: at(1), graceAfterFirstUse: 3600 }), secret(2)]
      }
      for (const more of [{}, full, { scopes: [] }, { createdAt: new Date(1) }, { metadata: {} }]) {
        const { key } = await inserted(store, workspace, more)
        assert.deepStrictEqual(await store.get(workspace, key.id), key)
      }
    }
  },
  {
    name: 'words may hold any character, and are told apart by each',
    async run (store) {
      const prefix = newWorkspace()
      const made: ApiKey[] = []
      for (const word of ODD_WORDS) {
        const { key } = await inserted(store, prefix + word, { owner: word, name: word, tier: word, environment: word, revokedReason: word, id: draft(prefix).id + word })
        made.push(key)
      }
      for (const key of made) {
        assert.deepStrictEqual(await store.get(key.workspace, key.id), key)
        assert.deepStrictEqual(await store.list(key.workspace, { limit: 2 }), { keys: [key], next: undefined })
        for (const { owner } of made) {
          const { keys } = await store.list(key.workspace, { limit: 2, owner, environment: owner })
          assert.equal(keys.length, owner === key.owner ? 1 : 0, JSON.stringify([owner, key.owner]))
        }
      }
    }
  },
  {
    name: 'records are copies of one\'s own, frozen',
    async run (store) {
      const workspace = newWorkspace()
      const { key } = await inserted(store, workspace, { expiresAt: at(1000), metadata: { team: 'a' } })
      const first = await store.get(workspace, key.id)
      first?.createdAt.setTime(0)
      first?.expiresAt?.setTime(0)
      first?.secrets.at(0)?.createdAt.setTime(0)
      assert.ok([first, first?.scopes, first?.secrets, first?.secrets[0], first?.metadata].every(Object.isFrozen))
      key.createdAt.setTime(1)
      const again = await store.get(workspace, key.id)
      assert.deepStrictEqual(again, { ...key, createdAt: at(0) })
      const { keys: [listed] } = await store.list(workspace, { limit: 1 })
      assert.ok(Object.isFrozen(listed))
      listed?.createdAt.setTime(0)
      assert.deepStrictEqual(await store.get(workspace, key.id), again)
    }
  },
  {
    name: 'a key is found by the hash of its text, and by no other',
    async run (store) {
      const { key, hash } = await inserted(store, newWorkspace(), { owner: 'ada', tier: 'pro', expiresAt: at(5000) })
      for (const fresh of [undefined, false, true]) {
        const loaded = await store.findByHash(hash, fresh)
        assert.deepStrictEqual({ ...loaded?.principal }, { kind: 'api-key', id: key.id, workspace: key.workspace, environment: 'production', scopes: ['devices:read'], scheme: 'apiKey', owner: 'ada', tier: 'pro', expiresAt: at(5000), version: 1 })
        assert.deepStrictEqual([loaded?.generation, loaded?.goodUntil, loaded?.startsGrace], [1, at(5000).getTime(), false])
        assert.ok(Object.isFrozen(loaded?.principal))
        for (const other of [newHash(), '', `${hash} `, hash.slice(1), hash.toLowerCase(), key.id, '%', '*']) assert.equal(await store.findByHash(other, fresh), undefined, other)
      }
    }
  },
  {
    name: 'each secret of a key is found by its own hash, with what it opens',
    async run (store) {
      const { key, hash } = await inserted(store, newWorkspace())
      const second = newHash()
      const rotated = changed(key, { secrets: [secret(1, { retiresAt: at(60_000), graceAfterFirstUse: 60 }), secret(2)] })
      assert.equal(await store.update(rotated, second), true)
      const old = await store.findByHash(hash, true)
      assert.deepStrictEqual([old?.generation, old?.goodUntil, old?.principal.secretRetiresAt, old?.principal.version], [1, at(60_000).getTime(), at(60_000), 2])
      const found = await store.findByHash(second, true)
      assert.deepStrictEqual([found?.generation, found?.goodUntil, found?.principal.secretRetiresAt, found?.principal.version], [2, Infinity, undefined, 2])
    }
  },
  {
    name: 'a key of another workspace is no key: it is neither got, nor listed, changed or marked as used',
    async run (store) {
      const [own, other] = [newWorkspace(), newWorkspace()]
      const { key } = await inserted(store, own)
      for (const workspace of [other, '', `${own} `, own.toUpperCase(), '%', '*']) {
        assert.equal(await store.get(workspace, key.id), undefined)
        assert.deepStrictEqual(await store.list(workspace, { limit: 10 }), { keys: [], next: undefined })
        assert.equal(await store.update(changed(key, { workspace })), false)
        await store.recordUse([{ workspace, id: key.id, lastUsedAt: at(1), scopesUsedAt: {} }])
      }
      assert.deepStrictEqual(await store.get(own, key.id), key)
      for (const id of ['', 'key_unknown', `${key.id} `, key.id.toUpperCase()]) assert.equal(await store.get(own, id), undefined)
    }
  },
  {
    name: 'an id or a hash that is taken is refused, whoever has it, and nothing is kept of the attempt',
    async run (store) {
      const workspace = newWorkspace()
      const { key, hash } = await inserted(store, workspace)
      const rival = newHash()
      await isRefused(() => store.insert({ ...key, name: 'rival' }, rival), 'an id that is taken')
      await isRefused(() => store.insert({ ...key, workspace: newWorkspace() }, rival), 'an id that is taken in another workspace')
      await isRefused(() => store.insert(draft(workspace), hash), 'a hash that is taken')
      await isRefused(() => store.insert(key, hash), 'both')
      assert.equal(await store.findByHash(rival, true), undefined)
      assert.deepStrictEqual(await store.list(workspace, { limit: 10 }), { keys: [key], next: undefined })
      assert.equal((await store.findByHash(hash, true))?.principal.id, key.id)
    }
  }
]
