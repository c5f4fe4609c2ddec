import { Type } from '@sinclair/typebox'
import { sqlOfOwnPool, sqlOfPool, type PostgresPool } from '../../keys/postgres/pg.js'
import { sqlOfFolder, sqlOfPglite, type PgliteDatabase } from '../../keys/postgres/pglite.js'
import { accepted, checkOptions, OptionError, withMethods } from '../../options.js'
import { createSqlWebhookStore, type SqlWebhookStore } from './store.js'

/** One of `pool` and `connectionString`. */
export interface PostgresWebhookStoreOptions {
  /** A pool of `pg` that the host opens, sets time-outs of, and closes. */
  pool?: PostgresPool | undefined
  /** Where the primary is: `postgres://user:password@host/database`. */
  connectionString?: string | undefined
  /** Most connections of the store's own pool; 10 by default. */
  max?: number | undefined
  /** Seconds that a statement may take, and the wait for a connection of the store's own pool; 2 by default. */
  statementTimeout?: number | undefined
  /** Schema of the database that holds the tables; made where there is none. `latchkey` by default. */
  schema?: string | undefined
}

/** One of `dataDir` and `db`. */
export interface PgliteWebhookStoreOptions {
  /** Folder of the database, of one process at a time; made where there is none. */
  dataDir?: string | undefined
  /** A database of `@electric-sql/pglite` that the host opens and closes. */
  db?: PgliteDatabase | undefined
  schema?: string | undefined
}

const schema = Type.Optional(Type.String({ pattern: '^(?!pg_)[a-z_][a-z0-9_]{0,62}$', description: 'the name of a schema: lower-case letters, digits and underscores, at most 63, not beginning with pg_' }))

const postgresOptions = Type.Object({
  schema,
  pool: Type.Optional(withMethods(['query', 'connect'], 'a pool of pg')),
  connectionString: Type.Optional(Type.Unknown()),
  max: Type.Optional(Type.Integer({ minimum: 1, description: 'a whole number of connections, at least 1' })),
  statementTimeout: Type.Optional(accepted((value) => typeof value === 'number' && value > 0 && value <= 3600, 'seconds: a number above 0, at most 3600'))
}, { additionalProperties: false })

const pgliteOptions = Type.Object({
  schema,
  dataDir: Type.Optional(Type.String({ minLength: 1, description: 'a folder' })),
  db: Type.Optional(withMethods(['query', 'transaction'], 'a database of @electric-sql/pglite'))
}, { additionalProperties: false })

/**
 * Endpoints and deliveries in Postgres, by `pg`, beside the keys; any number of processes deliver from it. Tables are
 * made with the first use, or by `migrate`.
 *
 * @throws OptionError
 */
export function createPostgresWebhookStore (options: PostgresWebhookStoreOptions): SqlWebhookStore {
  checkOptions(postgresOptions, options, '')
  const { pool, connectionString, max = 10, statementTimeout = 2, schema = 'latchkey' } = options
  // Says nothing of what was given: it may hold a password.
  if (pool === undefined ? typeof connectionString !== 'string' || connectionString === '' : connectionString !== undefined) {
    throw new OptionError('state exactly one of the options pool, a pool of pg, and connectionString, a URL as text')
  }
  return createSqlWebhookStore(pool === undefined ? sqlOfOwnPool({ connectionString, max }, statementTimeout) : sqlOfPool(pool, statementTimeout), schema)
}

/**
 * The same in an embedded Postgres, by `@electric-sql/pglite`: for one process. A folder is of one store; keys and
 * webhooks share one by `db`.
 *
 * @throws OptionError
 */
export function createPgliteWebhookStore (options: PgliteWebhookStoreOptions): SqlWebhookStore {
  checkOptions(pgliteOptions, options, '')
  const { dataDir, db, schema = 'latchkey' } = options
  if ((dataDir === undefined) === (db === undefined)) throw new OptionError('state exactly one of the options dataDir and db')
  return createSqlWebhookStore(db === undefined ? sqlOfFolder(String(dataDir)) : sqlOfPglite(db), schema)
}

export type { SqlWebhookStore } from './store.js'
