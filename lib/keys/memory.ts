import { newestGeneration } from './codec.js'
import { KeyTaken } from './fault.js'
import { createMemoryNotices } from './memory-notices.js'
import { copyKey, loadKey, type ApiKey, type LoadedKey } from './record.js'
import type { KeyPosition, KeyStore, KeyUse } from './store.js'
import { later, laterOfEach } from './uses.js'

/** A record with the hashes of its secrets, by generation. */
interface Stored {
  key: ApiKey
  readonly hashes: Map<number, string>
}

/** Keys of one process; gone when it ends. */
export function createMemoryKeyStore (): KeyStore {
  const byHash = new Map<string, LoadedKey>()
  const byId = new Map<string, Stored>()
  /** Oldest first. */
  const workspaces = new Map<string, Stored[]>()
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
      if (byHash.has(hash) || byId.has(key.id)) throw new KeyTaken()
      const stored = { key: copyKey(withoutUse(key)), hashes: new Map([[newestGeneration(key), hash]]) }
      byId.set(key.id, stored)
      keep(stored)
      const others = workspaces.get(key.workspace) ?? []
      workspaces.set(key.workspace, others)
      others.splice(countUpTo(others, key), 0, stored)
      touch(stored)
    },
    findByHash: (hash) => byHash.get(hash),
    recall: (hash) => byHash.get(hash),
    get (workspace, id) {
      const stored = find(workspace, id)
      return stored === undefined ? undefined : copyKey(stored.key)
    },
    list (workspace, { limit, after, owner, environment }) {
      const all = workspaces.get(workspace) ?? []
      const keys: ApiKey[] = []
      for (let i = (after === undefined ? all.length : countBefore(all, after)) - 1; i >= 0; i--) {
        const key = all[i]?.key
        if (key === undefined || (owner ?? key.owner) !== key.owner || (environment ?? key.environment) !== key.environment) continue
        const last = keys.at(-1)
        if (keys.length === limit && last !== undefined) return { keys, next: { createdAt: last.createdAt, id: last.id } }
        keys.push(copyKey(key))
      }
      return { keys, next: undefined }
    },
    update (key, hash) {
      const stored = find(key.workspace, key.id)
      if (stored?.key.version !== key.version - 1) return false
      if (hash !== undefined) {
        if (byHash.has(hash)) throw new KeyTaken()
        stored.hashes.set(newestGeneration(key), hash)
      }
      const { lastUsedAt, scopesUsedAt, createdAt } = stored.key
      stored.key = copyKey({ ...withoutUse(key), createdAt, ...lastUsedAt !== undefined && { lastUsedAt }, ...scopesUsedAt !== undefined && { scopesUsedAt } })
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

/** How many of these lie before `position`, which may be none of them. */
function countBefore (sorted: readonly Stored[], position: KeyPosition): number {
  return count(sorted, (key) => compare(key, position) < 0)
}

function countUpTo (sorted: readonly Stored[], position: KeyPosition): number {
  return count(sorted, (key) => compare(key, position) <= 0)
}

/** How many at the beginning fulfil what holds for a beginning only. */
function count (sorted: readonly Stored[], holds: (key: ApiKey) => boolean): number {
  let low = 0
  let high = sorted.length
  while (low < high) {
    const middle = (low + high) >>> 1
    const stored = sorted[middle]
    if (stored !== undefined && holds(stored.key)) low = middle + 1
    else high = middle
  }
  return low
}

/** Oldest first; ids are compared by code units, as stores that keep bytes do. */
function compare (a: KeyPosition, b: KeyPosition): number {
  return a.createdAt.getTime() - b.createdAt.getTime() || (a.id < b.id ? -1 : a.id > b.id ? 1 : 0)
}
