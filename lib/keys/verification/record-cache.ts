import { isThenable, withTimeout, type Clock } from '../../core/clock.js'
import { createClockCache, type CacheEntry } from '../../core/clock-cache.js'
import { timeLookup } from '../../core/lookup-channel.js'
import { isPrincipal } from '../../core/principal.js'
import type { LoadedKey } from '../record.js'
import type { KeyStore } from '../store.js'
import type { KeyChanges } from './change-bus.js'
import { createChangeLog } from './change-log.js'

/** Options of `createRecordCache`. */
export interface RecordCacheOptions {
  /** Records in the cache at most; 10,000 by default. A key with several secrets in use counts once for each. */
  maxRecords?: number | undefined
  /** Seconds that a record may be used, from when the store was asked; 30 by default. */
  maxAge?: number | undefined
  /** Milliseconds since the epoch; the system's clock by default. */
  clock?: Clock | undefined
  /** Informs other caches of changes made through this one, and this one of theirs. */
  changes?: KeyChanges | undefined
  /** Seconds that the store may take for a look-up, and the bus for a change; 1 by default. */
  deadline?: number | undefined
  /** Called when the bus failed to publish a change. The change stands. */
  onError?: ((fault: unknown) => void) | undefined
}

/** A store with a cache of records in front of it. */
export interface RecordCache extends KeyStore {
  cached (hash: string): LoadedKey | undefined
  /** Seconds. */
  readonly maxAge: number
  /** Unsubscribes from `changes`; the store stays open. */
  release (): void
}

interface CachedKey extends LoadedKey, CacheEntry {
  readonly version: number
  /** When the store was asked for it. */
  readonly askedAt: number
  /** Number of the look-up, by the change log. */
  readonly sequence: number
}

type Loading = Promise<LoadedKey | undefined>

/** Look-ups whose answers are outdated each time before the store counts as broken. */
const MAX_ATTEMPTS = 3

/**
 * Caches what a store answers. Requests share a look-up that is in flight; an answer that a change has outdated is
 * asked for again; unknown keys are not cached, so that a key created a moment later is found.
 *
 * ```ts
 * const store = createRecordCache(createPostgresKeyStore({ pool }), { changes: createProcessChanges() })
 * ```
 */
export function createRecordCache (store: KeyStore, options: RecordCacheOptions = {}): RecordCache {
  const { maxRecords = 10_000, maxAge = 30, clock = Date.now, changes, deadline = 1, onError = () => {} } = options
  const span = maxAge * 1000
  const records = createClockCache<CachedKey>(maxRecords)
  const log = createChangeLog(Math.max(maxAge, deadline) * 1000, maxRecords)
  const inFlight = new Map<string, Loading>()
  /** Reloads that ask the store in a moment: who wants a fresh answer now may still share them. */
  const scheduledReloads = new Map<string, Loading>()
  const release = changes?.subscribe((change) => log.addUnknown(change, clock())) ?? (() => {})

  /** A clock that steps back makes no record younger. */
  function isUsable ({ principal, version, askedAt, sequence }: CachedKey): boolean {
    const age = clock() - askedAt
    return age >= 0 && age < span && !log.outdates(principal.id, version, sequence)
  }

  function cached (hash: string): LoadedKey | undefined {
    const record = records.get(hash)
    if (record === undefined || !isUsable(record)) return undefined
    record.used = true
    return record
  }

  async function load (hash: string, fresh: boolean): Loading {
    for (let attempt = 0; attempt < MAX_ATTEMPTS; attempt++) {
      const askedAt = clock()
      const sequence = log.next(askedAt)
      const asked = timeLookup('keys', store.findByHash(hash, fresh || attempt > 0))
      const loaded = isThenable(asked) ? await withTimeout(asked, deadline, 'the key store') : asked
      if (loaded === undefined) {
        if ((records.get(hash)?.sequence ?? sequence) < sequence) records.delete(hash)
        return undefined
      }
      const record = cachedKeyOf(loaded, askedAt, sequence)
      if (keep(hash, record)) return record
    }
    await withTimeout(Promise.resolve(store.reconnect?.()), deadline, 'the key store')
    throw new Error('the key store answers older records than it has')
  }

  /** False for a record that is older than what is known of the key. */
  function keep (hash: string, record: CachedKey): boolean {
    if (log.outdates(record.principal.id, record.version, record.sequence)) return false
    const present = records.get(hash)
    if (present !== undefined && isUsable(present) && present.version > record.version) return false
    records.set(hash, record)
    return true
  }

  function share (hash: string, loading: Loading): Loading {
    const onSettled = (): void => { if (inFlight.get(hash) === loading) inFlight.delete(hash) }
    inFlight.set(hash, loading)
    loading.then(onSettled, onSettled)
    return loading
  }

  function reload (hash: string): Loading {
    const scheduled = scheduledReloads.get(hash)
    if (scheduled !== undefined) return scheduled
    const loading = Promise.resolve().then(() => {
      scheduledReloads.delete(hash)
      return load(hash, true)
    })
    scheduledReloads.set(hash, loading)
    return share(hash, loading)
  }

  async function publish (id: string, version: number): Promise<void> {
    try {
      const published = changes?.publish({ id, version })
      if (isThenable(published)) await withTimeout(published, deadline, 'the bus of key changes')
    } catch (fault) {
      onError(fault)
    }
  }

  const insertMany = store.insertMany?.bind(store)
  return {
    maxAge,
    shared: store.shared ?? false,
    cached,
    release,
    reconnect: () => store.reconnect?.(),
    notices: store.notices,
    findByHash (hash, fresh = false) {
      return fresh ? reload(hash) : cached(hash) ?? inFlight.get(hash) ?? share(hash, load(hash, false))
    },
    get: (workspace, id) => store.get(workspace, id),
    list: (workspace, page, onBroken) => store.list(workspace, page, onBroken),
    recordUse: (uses) => store.recordUse(uses),
    async insert (key, hash, event) {
      try {
        await store.insert(key, hash, event)
      } finally {
        inFlight.delete(hash)
      }
    },
    insertMany: insertMany && async function insertManyUncached (keys) {
      try {
        return await insertMany(keys)
      } finally {
        for (const { hash } of keys) inFlight.delete(hash)
      }
    },
    async update (key, hash, event) {
      let updated = false
      try {
        updated = await store.update(key, hash, event)
      } finally {
        // Also where it failed: the store may have written it all the same.
        log.add(key.id, updated ? key.version : 0, clock())
        if (hash !== undefined) inFlight.delete(hash)
      }
      if (updated) await publish(key.id, key.version)
      return updated
    },
    close () {
      release()
      return store.close?.()
    }
  }
}

/** @throws TypeError when a store answers something else than a loaded key, which must let nobody in */
function cachedKeyOf (loaded: LoadedKey, askedAt: number, sequence: number): CachedKey {
  const { principal, generation, goodUntil, refusal, startsGrace } = loaded
  const isWhole = isPrincipal(principal) && Number.isSafeInteger(principal.version) &&
    typeof goodUntil === 'number' && typeof refusal === 'string'
  if (!isWhole) throw new TypeError('the key store answered something else than a loaded key')
  const version = Number(principal.version)
  return { principal, generation, goodUntil, refusal, startsGrace, version, askedAt, sequence, used: false }
}
