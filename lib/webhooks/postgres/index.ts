/**
 * `fastify-latchkey/webhooks/postgres`: endpoints and deliveries in Postgres (`pg`), or in an embedded one
 * (`@electric-sql/pglite`, `fs-native-extensions`). Each is loaded when its store is created.
 */

import { openPglite, openPostgres, type PgliteOptions, type PostgresOptions } from '../../postgres/options.js'
import { createSqlWebhookStore, type SqlWebhookStore } from './store.js'

export interface PostgresWebhookStoreOptions extends PostgresOptions {}
export interface PgliteWebhookStoreOptions extends PgliteOptions {}

/**
 * Endpoints and deliveries in Postgres, by `pg`; any number of processes deliver from it. Tables that do not exist are
 * made with the first use; those of an earlier release are changed by `store.migrate()`, or `migrate: 'at-boot'`.
 *
 * @throws OptionError
 */
export function createPostgresWebhookStore (options: PostgresWebhookStoreOptions): SqlWebhookStore {
  return createSqlWebhookStore(openPostgres(options))
}

/**
 * The same in an embedded Postgres, by `@electric-sql/pglite`, for one process. A folder belongs to one store; to
 * keep keys and webhooks in one folder, open it yourself and give both stores the option `db`.
 *
 * @throws OptionError
 */
export function createPgliteWebhookStore (options: PgliteWebhookStoreOptions): SqlWebhookStore {
  return createSqlWebhookStore(openPglite(options))
}

export type { SqlWebhookStore } from './store.js'
