import assert from 'node:assert/strict'
import type { ApiKey } from '../keys/index.js'
import {
  at, changed, draft, inserted, isRefused, newHash, newWorkspace, ODD_TEXTS, secret, type KeyStoreCase
} from './key-store-drafts.js'

/** Every field that a record can have. */
const FULL: Partial<ApiKey> = {
  environment: 'sandbox',
  scopes: ['devices:read', 'devices:write'],
  name: 'CI',
  owner: 'ada',
  tier: 'pro',
  metadata: {
    team: 'a', floor: 3, share: 0.1, large: 1.7976931348623157e308, on: true, off: false, none: null, '': 'empty'
  },
  expiresAt: new Date(Date.UTC(9999, 11, 31, 23, 59, 59, 999)),
  revokedAt: at(987),
  revokedReason: 'left in a "log"',
  updatedAt: at(986),
  updatedBy: { kind: 'access-token', id: 'user_1', owner: 'ada' },
  secrets: [secret(1, { retiresAt: at(1), graceAfterFirstUse: 3600 }), secret(2)]
}

export const lookups: readonly KeyStoreCase[] = [
  {
    name: 'a key is returned as it was inserted, dates to the millisecond',
    async run (store) {
      const workspace = newWorkspace()
      const drafts = [{}, FULL, { scopes: [] }, { createdAt: new Date(1) }, { metadata: {} }]
      const all = await Promise.all(drafts.map((more) => inserted(store, workspace, more)))
      const found = await Promise.all(all.map(({ key }) => store.get(workspace, key.id)))
      assert.deepStrictEqual(found, all.map(({ key }) => key))
    }
  },
  {
    name: 'texts may hold any character, and differ by each',
    async run (store) {
      const prefix = newWorkspace()
      const all: ApiKey[] = []
      for (const text of ODD_TEXTS) {
        const id = draft(prefix).id + text
        const texts = { id, owner: text, name: text, tier: text, environment: text, revokedReason: text }
        all.push((await inserted(store, prefix + text, texts)).key)
      }
      const found = await Promise.all(all.map((key) => store.get(key.workspace, key.id)))
      assert.deepStrictEqual(found, all)
      const listed = await Promise.all(all.map(({ workspace }) => store.list(workspace, { limit: 2 })))
      assert.deepStrictEqual(listed, all.map((key) => ({ keys: [key], next: undefined })))
      for (const key of all) {
        const pages = await Promise.all(ODD_TEXTS.map((text) =>
          store.list(key.workspace, { limit: 2, owner: text, environment: text })))
        const matching = ODD_TEXTS.filter((_, i) => pages[i]?.keys.length === 1)
        assert.deepStrictEqual(matching, [key.owner])
      }
    }
  },
  {
    name: 'every record is a copy for its caller, frozen',
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
    name: 'a key is found by the hash of its secret, and by no other text',
    async run (store) {
      const { key, hash } = await inserted(store, newWorkspace(), { owner: 'ada', tier: 'pro', expiresAt: at(5000) })
      const { id, workspace } = key
      const others = [newHash(), '', `${hash} `, hash.slice(1), hash.toLowerCase(), id, '%', '*']
      for (const fresh of [undefined, false, true]) {
        const loaded = await store.findByHash(hash, fresh)
        assert.deepStrictEqual({ ...loaded?.principal }, {
          kind: 'api-key',
          id,
          workspace,
          environment: 'production',
          scopes: ['devices:read'],
          scheme: 'apiKey',
          owner: 'ada',
          tier: 'pro',
          expiresAt: at(5000),
          version: 1
        })
        assert.deepStrictEqual(
          [loaded?.generation, loaded?.goodUntil, loaded?.startsGrace], [1, at(5000).getTime(), false])
        assert.ok(Object.isFrozen(loaded?.principal))
        const found = await Promise.all(others.map((other) => store.findByHash(other, fresh)))
        assert.deepStrictEqual(found, others.map(() => undefined))
      }
    }
  },
  {
    name: 'each secret of a key is found by its own hash, with what it opens',
    async run (store) {
      const { key, hash } = await inserted(store, newWorkspace())
      const second = newHash()
      const retiring = secret(1, { retiresAt: at(60_000), graceAfterFirstUse: 60 })
      assert.equal(await store.update(changed(key, { secrets: [retiring, secret(2)] }), second), true)
      const found = await Promise.all([hash, second].map((one) => store.findByHash(one, true)))
      assert.deepStrictEqual(
        found.map((loaded) => [loaded?.generation, loaded?.goodUntil, loaded?.principal.secretRetiresAt]),
        [[1, at(60_000).getTime(), at(60_000)], [2, Infinity, undefined]]
      )
      assert.deepStrictEqual(found.map((loaded) => loaded?.principal.version), [2, 2])
    }
  },
  {
    name: 'under another workspace there is no such key: to get, list, update or record a use of',
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
      const unknown = ['', 'key_unknown', `${key.id} `, key.id.toUpperCase()]
      const found = await Promise.all(unknown.map((id) => store.get(own, id)))
      assert.deepStrictEqual(found, unknown.map(() => undefined))
    }
  },
  {
    name: 'an id or a hash that exists is refused, in any workspace, and nothing of the attempt is kept',
    async run (store) {
      const workspace = newWorkspace()
      const { key, hash } = await inserted(store, workspace)
      const rival = newHash()
      await isRefused(() => store.insert({ ...key, name: 'rival' }, rival), 'an id that exists')
      await isRefused(() => store.insert({ ...key, workspace: newWorkspace() }, rival), 'an id of another workspace')
      await isRefused(() => store.insert(draft(workspace), hash), 'a hash that exists')
      await isRefused(() => store.insert(key, hash), 'both')
      assert.equal(await store.findByHash(rival, true), undefined)
      assert.deepStrictEqual(await store.list(workspace, { limit: 10 }), { keys: [key], next: undefined })
      assert.equal((await store.findByHash(hash, true))?.principal.id, key.id)
    }
  }
]
