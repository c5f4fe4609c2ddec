import type { ApiKey, LoadedKey } from './record.js'

/** Where keys live. Changes are compare-and-set on `version`; only `recordUse` writes without one, and only forwards. */
export interface KeyStore {
  /** Adds a new key of one secret. @param hash of its text @throws when its id or hash is taken */
  insert (key: ApiKey, hash: string): void | Promise<void>
  /**
   * The key one of whose texts has this hash, whatever its workspace: the credential names it. One look-up.
   * @param fresh from the truth as it is now: neither from a cache or a replica, nor an answer that was asked for earlier
   */
  findByHash (hash: string, fresh?: boolean): LoadedKey | undefined | Promise<LoadedKey | undefined>
  /**
   * What this process holds of the key with this hash, without asking anybody. Optional: a store that can't say so at
   * once leaves it out. Undefined says nothing; `findByHash` is asked then.
   */
  recall? (hash: string): LoadedKey | undefined
  /** A key of a workspace, from the truth as it is now. */
  get (workspace: string, id: string): ApiKey | undefined | Promise<ApiKey | undefined>
  /** Keys of a workspace, newest first (`createdAt`, then `id`, descending). Costs what the page costs. */
  list (workspace: string, page: KeyPage): KeyList | Promise<KeyList>
  /**
   * Replaces a key if its stored version is the one before `key.version`. Id, workspace and createdAt never change;
   * what `recordUse` has noted stays noted. Hashes of secrets that the record lists no more are forgotten.
   * @param hash of the newest secret, where this update adds one
   * @returns whether the version was the one before
   * @throws when the hash is taken
   */
  update (key: ApiKey, hash?: string): boolean | Promise<boolean>
  /** Notes uses; an instant that is before the stored one changes nothing, and neither does an unknown key. */
  recordUse (uses: readonly KeyUse[]): void | Promise<void>
  /** Which keys somebody must be told about, and when. Optional: a store without it can't tell of keys that are about to expire. */
  readonly notices?: KeyNotices | undefined
  /** Releases what the store opened itself. */
  close? (): void | Promise<void>
}

/**
 * When each key is next to be looked at, and which notices it has had. `insert` and `update` put a key's instant to 0,
 * which means at once, unless somebody holds it: whoever does hears from `settle` that it has changed. Keys that were
 * there before this was, are at 0.
 */
export interface KeyNotices {
  /**
   * Keys whose instant has come, earliest first, for this caller alone until `now + lease`: their instant becomes that, so
   * whoever crashes leaves them due again then. Costs what it gives out, not what is stored.
   * @param now milliseconds since the epoch
   * @param lease milliseconds
   */
  due (now: number, lease: number, limit: number): readonly DueKey[] | Promise<readonly DueKey[]>
  /**
   * Ends a hold: notes the notices that the key has had, and when it is next to be looked at; at once where it has been
   * changed meanwhile. Nothing is noted by whoever's hold has run out and was given to another.
   * @param noticed replaces what was noted
   * @param next milliseconds since the epoch; undefined for a key that needs no look until it is changed
   * @returns whether it was noted
   */
  settle (held: DueKey, noticed: readonly string[], next: number | undefined): boolean | Promise<boolean>
}

export interface DueKey {
  readonly key: ApiKey
  /** Names of notices that it has had, as `settle` noted them. */
  readonly noticed: readonly string[]
  /** Milliseconds since the epoch; also tells this hold from a later one. */
  readonly heldUntil: number
}

export interface KeyPage {
  /** Most keys of the page, at least 1. */
  readonly limit: number
  /** Where the page before ended: `next` of it. */
  readonly after?: KeyPosition | undefined
  readonly owner?: string | undefined
  readonly environment?: string | undefined
}

export interface KeyPosition { readonly createdAt: Date, readonly id: string }

export interface KeyList {
  readonly keys: readonly ApiKey[]
  /** Undefined on the last page. */
  readonly next: KeyPosition | undefined
}

export interface KeyUse {
  readonly workspace: string
  readonly id: string
  readonly lastUsedAt: Date
  /** Scopes that requests needed, with when. */
  readonly scopesUsedAt: Readonly<Record<string, Date>>
}
