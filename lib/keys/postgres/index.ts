import { openPglite, openPostgres, type PgliteOptions, type PostgresOptions } from '../../postgres/options.js'
import { createSqlKeyStore, type SqlKeyStore } from './store.js'

export interface PostgresKeyStoreOptions extends PostgresOptions {}
export interface PgliteKeyStoreOptions extends PgliteOptions {}

/**
 * Keys in Postgres, by `pg`. It must be the primary: a replica may not have heard of a revocation yet. Each reading
 * statement also asks for that, so one that was made a replica is an outage (503) from its first answer on; a former
 * primary that still takes itself for one is the failover manager's to stop. Tables are made with the first use, or by
 * `migrate`.
 *
 * ```ts
 * const store = createPostgresKeyStore({ connectionString: process.env.DATABASE_URL })
 * ```
 *
 * @throws OptionError
 */
export function createPostgresKeyStore (options: PostgresKeyStoreOptions): SqlKeyStore {
  const { sql, schema } = openPostgres(options)
  return createSqlKeyStore(sql, schema)
}

/**
 * Keys in an embedded Postgres that is kept in a folder, by `@electric-sql/pglite`: for one process, such as an example
 * or a small server. The same tables and statements as in a Postgres of its own. Where another store has the folder open,
 * on this machine, the first use throws `FolderInUse`; it must not lie on a disk that machines share.
 *
 * @throws OptionError
 */
export function createPgliteKeyStore (options: PgliteKeyStoreOptions): SqlKeyStore {
  const { sql, schema } = openPglite(options)
  return createSqlKeyStore(sql, schema)
}

export { FolderInUse } from '../../postgres/folder.js'
export { KeysOnReplica } from '../../postgres/primary.js'
export { KeySchemaTooNew } from './schema.js'
export { KeyStoreError, KeyExistsError } from '../../core/store-error.js'
export type { PostgresPool } from '../../postgres/pg.js'
export type { PgliteDatabase } from '../../postgres/pglite.js'
export type { SqlKeyStore } from './store.js'
