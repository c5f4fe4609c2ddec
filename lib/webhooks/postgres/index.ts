import { openPglite, openPostgres, type PgliteOptions, type PostgresOptions } from '../../postgres/options.js'
import { createSqlWebhookStore, type SqlWebhookStore } from './store.js'

export interface PostgresWebhookStoreOptions extends PostgresOptions {}
export interface PgliteWebhookStoreOptions extends PgliteOptions {}

/**
 * Endpoints and deliveries in Postgres, by `pg`, beside the keys; any number of processes deliver from it. Tables are
 * made with the first use, or by `migrate`.
 *
 * @throws OptionError
 */
export function createPostgresWebhookStore (options: PostgresWebhookStoreOptions): SqlWebhookStore {
  const { sql, schema } = openPostgres(options)
  return createSqlWebhookStore(sql, schema)
}

/**
 * The same in an embedded Postgres, by `@electric-sql/pglite`: for one process. A folder is of one store; keys and
 * webhooks share one by `db`.
 *
 * @throws OptionError
 */
export function createPgliteWebhookStore (options: PgliteWebhookStoreOptions): SqlWebhookStore {
  const { sql, schema } = openPglite(options)
  return createSqlWebhookStore(sql, schema)
}

export type { SqlWebhookStore } from './store.js'
