/**
 * `fastify-latchkey/usage/postgres`: counts of requests in Postgres (`pg`), or in an embedded one
 * (`@electric-sql/pglite`, `fs-native-extensions`). Each is loaded when its store is created.
 */

import { openPglite, openPostgres, type PgliteOptions, type PostgresOptions } from '../../postgres/options.js'
import { createSqlUsageStore, type SqlUsageStore } from './store.js'

export interface PostgresUsageStoreOptions extends PostgresOptions {}
export interface PgliteUsageStoreOptions extends PgliteOptions {}

/**
 * Counts of requests in Postgres, by `pg`; each batch is one statement, which is given ten seconds. Tables that do not
 * exist are made with the first use; those of an earlier release are changed by `store.migrate()`, or
 * `migrate: 'at-boot'`.
 *
 * ```ts
 * const store = createPostgresUsageStore({ connectionString: process.env.DATABASE_URL })
 * ```
 *
 * @throws OptionError
 */
export function createPostgresUsageStore (options: PostgresUsageStoreOptions): SqlUsageStore {
  return createSqlUsageStore(openPostgres(options))
}

/**
 * The same in an embedded Postgres, by `@electric-sql/pglite`, for one process. A folder belongs to one store; to keep
 * keys and counts in one folder, open it yourself and give both stores the option `db`.
 *
 * @throws OptionError
 */
export function createPgliteUsageStore (options: PgliteUsageStoreOptions): SqlUsageStore {
  return createSqlUsageStore(openPglite(options))
}

export type { SqlUsageStore } from './store.js'
