/**
 * `fastify-latchkey/keys`: API keys: issue, rotate, revoke, expire; the store in memory, and the interface of others.
 */

import type { FastifyInstance } from 'fastify'
import { offer } from '../core/access-context.js'
import type { Keyring } from './keyring.js'
import type { Keys } from './keys.js'

declare module '../core/access-context.js' {
  interface Latchkey {
    /** Issues, rotates and revokes keys. Throws where `keys: false`. */
    readonly keys: Keys
  }
}

/** Offers keys as `app.latchkey.keys`, and emits their notices while the app is up. Call it after `accessContext`. */
export function addKeys (app: FastifyInstance, { keys, notices, ready, close }: Keyring): void {
  offer(app, 'keys', keys)
  app.addHook('onReady', async () => {
    await ready()
    notices?.start()
  })
  // Before anything closes that listens to events, or that a scan asks.
  app.addHook('preClose', async () => { await notices?.close() })
  app.addHook('onClose', close)
}

export { createKeys, type Keyring, type KeysDeps } from './keyring.js'
export type { Changed, KeyCaller, Keys } from './keys.js'
export type { ForeignFormat } from './import/foreign-format.js'
export type { ImportOptions, ImportResult, ImportRow } from './import/import-row.js'
export type { KeysOptions, NoticeOptions } from './options.js'
export { EXCEEDABLE, type ExceedableField } from './lifecycle/privilege-table.js'
export type { IssueInput, ListInput, RevokeInput, RotateInput, UpdateInput } from './lifecycle/record-schema.js'

export { createMemoryKeyStore } from './memory/store.js'
export { loadKey, MAX_SECRETS, type ApiKey, type KeyMetadata, type KeySecret, type LoadedKey } from './record.js'
export { StoreError } from '../core/store-error.js'
export type { OnBroken } from '../core/stored-record.js'
export { DuplicateError } from '../core/store-error.js'
export type {
  DueKey, InsertedKey, KeyList, KeyNotices, KeyPage, KeyPosition, KeyStore, KeyUse, NewKey
} from './store.js'
export { createSecretFormat, formatSecret, hashSecret, type SecretFormat, type SecretParts } from './secret-format.js'

export { createProcessChanges, type ChangedKey, type KeyChanges } from './verification/change-bus.js'
export { createRecordCache, type RecordCache, type RecordCacheOptions } from './verification/record-cache.js'
export type { PermissionsOf } from '../auth/index.js'
