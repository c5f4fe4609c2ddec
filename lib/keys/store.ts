import type { ApiKey, LoadedKey } from './record.js'

/** Where keys live. Writes are compare-and-set on `version`; nothing else ever changes a record. */
export interface KeyStore {
  /** Adds a new key. @throws when its id or hash is taken */
  insert (key: ApiKey, hash: string): void | Promise<void>
  /** The key whose text has this hash, whatever its workspace: the credential names it. One look-up. */
  findByHash (hash: string): LoadedKey | undefined | Promise<LoadedKey | undefined>
  /**
   * What this process holds of the key with this hash, without asking anybody. Optional: a store that can't say so at
   * once leaves it out. Undefined says nothing; `findByHash` is asked then.
   */
  recall? (hash: string): LoadedKey | undefined
  /** A key of a workspace. */
  get (workspace: string, id: string): ApiKey | undefined | Promise<ApiKey | undefined>
  /** Replaces a key if its stored version is the one before `key.version`. @returns whether it was */
  update (key: ApiKey): boolean | Promise<boolean>
}
