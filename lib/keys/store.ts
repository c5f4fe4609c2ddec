import type { OnBroken } from '../core/stored-record.js'
import type { AccessEvent } from '../events/index.js'
import type { ApiKey, LoadedKey } from './record.js'

/**
 * Where keys are stored. `update` is compare-and-set on `version`; `recordUse` alone writes without a version, and only
 * later instants. A store of a host's own is tested by `keyStoreConformance` of `fastify-latchkey/testing`.
 */
export interface KeyStore {
  /**
   * Adds a new key of one secret.
   * @param hash of the secret
   * @param event of this change, which a store with notices writes with it
   * @throws when its id or hash exists
   */
  insert (key: ApiKey, hash: string, event?: AccessEvent): void | Promise<void>
  /**
   * Adds those keys whose id and hash no other key has, all at once. Optional: for imports, which otherwise add each
   * key by itself.
   * @returns what became of each key, in order
   * @throws DuplicateError where nothing was added: two of the keys have one id or hash, or another caller adds one now
   */
  readonly insertMany?: ((keys: readonly NewKey[]) => Promise<readonly InsertedKey[]>) | undefined
  /**
   * The key one of whose secrets has this hash, in whatever workspace: the credential alone names it. One look-up.
   * @param fresh from the stored record as it is now: not from a cache, a replica, or a look-up that was begun earlier
   */
  findByHash (hash: string, fresh?: boolean): LoadedKey | undefined | Promise<LoadedKey | undefined>
  /**
   * The key with this hash, if this process has it in memory. Optional: for stores that answer without waiting, and
   * that see every change. After undefined, `findByHash` is asked.
   */
  cached? (hash: string): LoadedKey | undefined
  /** Seconds that a process may answer a record which another process has changed; 0 where it is left out. */
  readonly maxAge?: number
  /** Processes may share it: counters in the memory of one process are warned of at boot then. */
  readonly shared?: boolean
  /** A key of a workspace, from the stored record as it is now. */
  get (workspace: string, id: string): ApiKey | undefined | Promise<ApiKey | undefined>
  /**
   * Keys of a workspace, newest first (`createdAt`, then `id`, descending).
   * @param onBroken called with a `StoreError` for each record that can't be read, which the list leaves out
   */
  list (workspace: string, page: KeyPage, onBroken?: OnBroken): KeyList | Promise<KeyList>
  /**
   * Replaces a key if its stored version is the one before `key.version`. Id, workspace and createdAt never change;
   * what `recordUse` has written stays. Hashes of secrets that the record no longer lists are deleted.
   * @param hash of the newest secret, where this update adds one
   * @param event of this change, which a store with notices writes with it
   * @returns whether the key was replaced
   * @throws when the hash exists
   */
  update (key: ApiKey, hash?: string, event?: AccessEvent): boolean | Promise<boolean>
  /** Writes uses. An instant before the stored one changes nothing, and neither does an unknown key. */
  recordUse (uses: readonly KeyUse[]): void | Promise<void>
  /**
   * When each key needs a notice, and which events of its changes were not emitted yet. Optional: without it no notices
   * are emitted, and an event of a change is lost where its listener fails or the process ends.
   */
  readonly notices?: KeyNotices | undefined
  /**
   * Called when the server starts, which waits for it for as long as its deadline. Rejects where the store can never
   * work as it is; an outage is no reason not to start.
   */
  ready? (): Promise<void>
  /**
   * Called when the store answered an older record than it must have, which a former primary does that others have left
   * behind. Gives up its connections, so that the next ones resolve the name of the server again. Optional.
   */
  readonly reconnect?: (() => void | Promise<void>) | undefined
  /** Releases what the store has opened itself. */
  close? (): void | Promise<void>
}

/**
 * A queue of the keys that may need a notice (`key.expiring`, `key.expired`, `key.rotation_due`), each with the
 * instant at which to check it, and an outbox: the events of its changes that were not emitted yet. `insert` and
 * `update` set that instant to 0, which means at once; a key that is leased out keeps its lease, and `settle` then
 * makes it due at once. Keys that existed before the store had notices are at 0.
 */
export interface KeyNotices {
  /**
   * Leases keys whose instant has come, earliest first, to this caller alone until `now + lease`; a process that
   * crashes leaves them due again then. Costs what it returns, not what is stored.
   * @param now milliseconds since the epoch
   * @param lease milliseconds
   * @param onBroken as for `list`; such a key is leased too
   */
  due (
    now: number, lease: number, limit: number, onBroken?: OnBroken
  ): readonly DueKey[] | Promise<readonly DueKey[]>
  /**
   * Ends a lease: stores which notices the key has had, and when to check it next; at once if it was changed meanwhile.
   * Does nothing where the lease has run out and the key was leased again.
   * @param noticed replaces what was stored
   * @param next milliseconds since the epoch; undefined for a key that needs no check until it is changed
   * @returns whether it was stored
   */
  settle (leased: DueKey, noticed: readonly string[], next: number | undefined): boolean | Promise<boolean>
  /** Removes events of a key's changes from its outbox, leased or not; ids that are not there are no fault. */
  emitted (key: Pick<ApiKey, 'workspace' | 'id'>, eventIds: readonly string[]): void | Promise<void>
}

/** A key that was leased to be checked for notices. */
export interface DueKey {
  readonly key: ApiKey
  /** Names of the notices that it has had, as `settle` stored them. */
  readonly noticed: readonly string[]
  /** Of its changes, oldest first: those that were stored with it and not removed by `emitted` yet. */
  readonly events: readonly AccessEvent[]
  /** Milliseconds since the epoch; also identifies this lease. */
  readonly leasedUntil: number
}

/** A key of one secret, with the hash of it. */
export interface NewKey { readonly key: ApiKey, readonly hash: string }

export interface InsertedKey {
  readonly added: boolean
  /** The key that had the hash before. Undefined where the key was added, and where its id is that of another key. */
  readonly existing: string | undefined
  /** What the added key is called, where an earlier call that was cut off had given its hash another id. */
  readonly id?: string
}

/** Which part of a list of keys is wanted. */
export interface KeyPage {
  /** Most keys of the page, at least 1. */
  readonly limit: number
  /** Where the previous page ended: its `next`. */
  readonly after?: KeyPosition | undefined
  readonly owner?: string | undefined
  readonly environment?: string | undefined
}

/** A place in a list of keys. */
export interface KeyPosition { readonly createdAt: Date, readonly id: string }

/** One page of a list of keys. */
export interface KeyList {
  readonly keys: readonly ApiKey[]
  /** Undefined on the last page. */
  readonly next: KeyPosition | undefined
}

/** When a key was last used, and for which scopes. */
export interface KeyUse {
  readonly workspace: string
  readonly id: string
  readonly lastUsedAt: Date
  /** Scope → when a request last used it. */
  readonly scopesUsedAt: Readonly<Record<string, Date>>
}
