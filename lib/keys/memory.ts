import { copyKey, loadKey, type ApiKey, type LoadedKey } from './record.js'
import type { KeyStore } from './store.js'

/** Keys of one process; gone when it ends. */
export function createMemoryKeyStore (): KeyStore {
  const byHash = new Map<string, LoadedKey>()
  const hashes = new Map<string, string>()

  function find (workspace: string, id: string): { hash: string, key: ApiKey } | undefined {
    const hash = hashes.get(id)
    const loaded = hash === undefined ? undefined : byHash.get(hash)
    return hash === undefined || loaded?.key.workspace !== workspace ? undefined : { hash, key: loaded.key }
  }

  return {
    insert (key, hash) {
      if (byHash.has(hash) || hashes.has(key.id)) throw new Error('a key with this id or hash exists')
      byHash.set(hash, loadKey(key))
      hashes.set(key.id, hash)
    },
    findByHash: (hash) => byHash.get(hash),
    recall: (hash) => byHash.get(hash),
    get (workspace, id) {
      const stored = find(workspace, id)
      return stored === undefined ? undefined : copyKey(stored.key)
    },
    update (key) {
      const stored = find(key.workspace, key.id)
      if (stored?.key.version !== key.version - 1) return false
      byHash.set(stored.hash, loadKey(key))
      return true
    }
  }
}
