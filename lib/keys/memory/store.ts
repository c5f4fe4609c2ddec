import { cutPage, newestFirst } from '../../core/cursor.js'
import { DuplicateError } from '../../core/store-error.js'
import type { AccessEvent } from '../../events/index.js'
import { newestGeneration } from '../codec.js'
import { copyKey, loadKey, type ApiKey, type LoadedKey } from '../record.js'
import type { KeyStore, KeyUse } from '../store.js'
import { later, laterOfEach } from '../verification/merge-usage.js'

interface StoredKey {
  key: ApiKey
  /** Generation of a secret → its hash. */
  readonly hashes: Map<number, string>
  /** When the key is due for notices, in milliseconds since the epoch. */
  noticeAt: number
  leasedUntil?: number | undefined
  noticed: readonly string[]
  /** Events of its changes that were not emitted yet. */
  events: readonly AccessEvent[]
}

/** Keys of one process, gone when it ends. Lists and notices are plain scans over all keys. */
export function createMemoryKeyStore (): KeyStore {
  const byId = new Map<string, StoredKey>()
  const byHash = new Map<string, LoadedKey>()

  function find (workspace: string, id: string): StoredKey | undefined {
    const stored = byId.get(id)
    return stored?.key.workspace === workspace ? stored : undefined
  }

  /** Rebuilds what the secrets of a changed key open. */
  function indexHashes ({ key, hashes }: StoredKey): void {
    for (const [generation, hash] of hashes) {
      if (key.secrets.some((secret) => secret.generation === generation)) {
        byHash.set(hash, loadKey(key, generation))
      } else {
        byHash.delete(hash)
        hashes.delete(generation)
      }
    }
  }

  function recordOne ({ workspace, id, lastUsedAt, scopesUsedAt }: KeyUse): void {
    const stored = find(workspace, id)
    if (stored === undefined) return
    stored.key = copyKey({
      ...stored.key,
      lastUsedAt: later(stored.key.lastUsedAt, lastUsedAt),
      scopesUsedAt: laterOfEach(stored.key.scopesUsedAt ?? {}, scopesUsedAt)
    })
  }

  return {
    insert (key, hash, event) {
      if (byHash.has(hash) || byId.has(key.id)) throw new DuplicateError()
      const hashes = new Map([[newestGeneration(key), hash]])
      const stored = { key: copyKey(withoutUse(key)), hashes, noticeAt: 0, noticed: [], events: listOf(event) }
      byId.set(key.id, stored)
      indexHashes(stored)
    },
    findByHash: (hash) => byHash.get(hash),
    cached: (hash) => byHash.get(hash),
    get (workspace, id) {
      const stored = find(workspace, id)
      return stored && copyKey(stored.key)
    },
    list (workspace, { limit, after, owner, environment }) {
      const found = [...byId.values()].map(({ key }) => key).filter((key) => key.workspace === workspace &&
        (owner === undefined || key.owner === owner) &&
        (environment === undefined || key.environment === environment) &&
        (after === undefined || newestFirst(after, key) < 0))
      const [page, next] = cutPage(found.sort(newestFirst), limit)
      return { keys: page.map(copyKey), next }
    },
    update (key, hash, event) {
      const stored = find(key.workspace, key.id)
      if (stored?.key.version !== key.version - 1) return false
      if (hash !== undefined) {
        if (byHash.has(hash)) throw new DuplicateError()
        stored.hashes.set(newestGeneration(key), hash)
      }
      const { createdAt, lastUsedAt, scopesUsedAt } = stored.key
      stored.key = copyKey({
        ...withoutUse(key),
        createdAt,
        ...lastUsedAt !== undefined && { lastUsedAt },
        ...scopesUsedAt !== undefined && { scopesUsedAt }
      })
      stored.events = [...stored.events, ...listOf(event)]
      if (stored.leasedUntil === undefined) stored.noticeAt = 0
      indexHashes(stored)
      return true
    },
    recordUse (uses) {
      for (const use of uses) recordOne(use)
    },
    notices: {
      due (now, lease, limit) {
        const due = [...byId.values()].filter(({ noticeAt }) => noticeAt <= now)
        return due.sort((one, other) => one.noticeAt - other.noticeAt).slice(0, limit).map((stored) => {
          const leasedUntil = now + lease
          stored.noticeAt = stored.leasedUntil = leasedUntil
          return { key: copyKey(stored.key), noticed: stored.noticed, events: stored.events, leasedUntil }
        })
      },
      settle ({ key, leasedUntil }, noticed, next = Infinity) {
        const stored = find(key.workspace, key.id)
        if (stored?.leasedUntil !== leasedUntil) return false
        stored.leasedUntil = undefined
        stored.noticed = [...noticed]
        stored.noticeAt = stored.key.version === key.version ? next : 0
        return true
      },
      emitted ({ workspace, id }, eventIds) {
        const stored = find(workspace, id)
        if (stored !== undefined) stored.events = stored.events.filter((event) => !eventIds.includes(event.id))
      }
    }
  }
}

const listOf = (event: AccessEvent | undefined): AccessEvent[] => event === undefined ? [] : [event]

/** `recordUse` alone writes uses. */
function withoutUse ({ lastUsedAt: _at, scopesUsedAt: _scopes, ...key }: ApiKey): ApiKey {
  return key
}
