import { newestGeneration } from '../codec.js'
import { KeyExistsError } from '../../core/store-error.js'
import { createMemoryLists } from './lists.js'
import { createMemoryNotices } from './notices.js'
import { copyKey, loadKey, type ApiKey, type LoadedKey } from '../record.js'
import type { KeyStore, KeyUse } from '../store.js'
import { later, laterOfEach } from '../verification/merge-usage.js'

/** A record with the hashes of its secrets, by generation. */
interface Stored {
  key: ApiKey
  readonly hashes: Map<number, string>
}

/** Keys of one process; gone when it ends. */
export function createMemoryKeyStore (): KeyStore {
  const byHash = new Map<string, LoadedKey>()
  const byId = new Map<string, Stored>()
  const lists = createMemoryLists<Stored>()
  const { notices, touch } = createMemoryNotices(() => byId.values())

  function find (workspace: string, id: string): Stored | undefined {
    const stored = byId.get(id)
    return stored?.key.workspace === workspace ? stored : undefined
  }

  function keep (stored: Stored): void {
    const listed = new Set(stored.key.secrets.map(({ generation }) => generation))
    for (const [generation, hash] of stored.hashes) {
      if (listed.has(generation)) {
        byHash.set(hash, loadKey(stored.key, generation))
      } else {
        byHash.delete(hash)
        stored.hashes.delete(generation)
      }
    }
  }

  function note ({ workspace, id, lastUsedAt, scopesUsedAt }: KeyUse): void {
    const stored = find(workspace, id)
    if (stored === undefined) return
    const { key } = stored
    stored.key = copyKey({ ...key, lastUsedAt: later(key.lastUsedAt, lastUsedAt), scopesUsedAt: laterOfEach(key.scopesUsedAt ?? {}, scopesUsedAt) })
  }

  return {
    insert (key, hash) {
      if (byHash.has(hash) || byId.has(key.id)) throw new KeyExistsError()
      const stored = { key: copyKey(withoutUse(key)), hashes: new Map([[newestGeneration(key), hash]]) }
      byId.set(key.id, stored)
      keep(stored)
      lists.add(stored)
      touch(stored)
    },
    findByHash: (hash) => byHash.get(hash),
    cached: (hash) => byHash.get(hash),
    get (workspace, id) {
      const stored = find(workspace, id)
      return stored === undefined ? undefined : copyKey(stored.key)
    },
    list (workspace, page) {
      const [keys, more] = lists.page(workspace, page)
      const last = more ? keys.at(-1) : undefined
      return { keys: keys.map(({ key }) => copyKey(key)), next: last && { createdAt: last.key.createdAt, id: last.key.id } }
    },
    update (key, hash) {
      const stored = find(key.workspace, key.id)
      if (stored?.key.version !== key.version - 1) return false
      if (hash !== undefined) {
        if (byHash.has(hash)) throw new KeyExistsError()
        stored.hashes.set(newestGeneration(key), hash)
      }
      const { lastUsedAt, scopesUsedAt, createdAt } = stored.key
      lists.move(stored, () => {
        stored.key = copyKey({ ...withoutUse(key), createdAt, ...lastUsedAt !== undefined && { lastUsedAt }, ...scopesUsedAt !== undefined && { scopesUsedAt } })
      })
      keep(stored)
      touch(stored)
      return true
    },
    recordUse (uses) {
      for (const use of uses) note(use)
    },
    notices
  }
}

/** Use is written by `recordUse` alone. */
function withoutUse ({ lastUsedAt: _at, scopesUsedAt: _scopes, ...key }: ApiKey): ApiKey {
  return key
}
