/**
 * `fastify-latchkey/keys/postgres`: keys in Postgres (`pg`), or in an embedded one (`@electric-sql/pglite`,
 * `fs-native-extensions`). Each is loaded when its store is created.
 */

import { openPglite, openPostgres, type PgliteOptions, type PostgresOptions } from '../../postgres/options.js'
import { createSqlKeyStore, type SqlKeyStore } from './store.js'

export interface PostgresKeyStoreOptions extends PostgresOptions {}
export interface PgliteKeyStoreOptions extends PgliteOptions {}

/**
 * Keys in Postgres, by `pg`. Connect it to the primary: a replica may not know of a revocation yet. Every read also
 * asks which server answers, so one that was demoted to a replica is an outage (503) from its first answer on; a
 * former primary that does not know of its successor must be stopped by your failover manager. Tables that do not exist
 * are made with the first use; those of an earlier release are changed by `store.migrate()`, or `migrate: 'at-boot'`.
 *
 * ```ts
 * const store = createPostgresKeyStore({ connectionString: process.env.DATABASE_URL })
 * ```
 *
 * @throws OptionError
 */
export function createPostgresKeyStore (options: PostgresKeyStoreOptions): SqlKeyStore {
  return createSqlKeyStore(openPostgres(options))
}

/**
 * Keys in an embedded Postgres in a folder, by `@electric-sql/pglite`, for one process, such as an example or a small
 * server; it has the same tables and statements as a Postgres server. The folder is locked with
 * `fs-native-extensions`: if another store on this machine has it open, the first use throws `FolderInUseError`. The
 * lock does not reach across machines, so the folder must be on a local disk.
 *
 * @throws OptionError
 */
export function createPgliteKeyStore (options: PgliteKeyStoreOptions): SqlKeyStore {
  return createSqlKeyStore(openPglite(options))
}

export { FolderInUseError } from '../../postgres/folder-lock.js'
export { SchemaOutdatedError, SchemaTooNewError } from '../../postgres/schema-error.js'
export { ReplicaError } from '../../postgres/primary.js'
export { StoreError, DuplicateError } from '../../core/store-error.js'
export type { PostgresPool } from '../../postgres/pg.js'
export type { PgliteDatabase } from '../../postgres/pglite.js'
export type { SqlKeyStore } from './store.js'
