import { Type } from '@sinclair/typebox'
import { accepted, checkOptions, OptionError, withMethods } from '../core/options.js'
import type { Database } from './database.js'
import { hostPool, ownPool, type PostgresPool } from './pg.js'
import { folderPglite, hostPglite, type PgliteDatabase } from './pglite.js'

interface SchemaOption {
  /** Schema of the database that has the tables; created if it does not exist. `latchkey` by default. */
  schema?: string | undefined
}

/** Exactly one of `pool`, `connectionString` and `connection`. */
export interface PostgresOptions extends SchemaOption {
  /**
   * `at-boot` brings the tables of an earlier release up to date when the server starts; by default `store.migrate()`
   * alone does. Tables that do not exist are made in any case.
   */
  migrate?: 'at-boot' | undefined
  /** A pool of `pg` that the host opens, sets time-outs of, and closes. */
  pool?: PostgresPool | undefined
  /** The primary: `postgres://user:password@host/database`. */
  connectionString?: string | undefined
  /** How `pg` connects to the primary: `host`, `port`, `database`, `user`, `password`, `ssl`. */
  connection?: Readonly<Record<string, unknown>> | undefined
  /** The most connections of the store's own pool; 10 by default. */
  max?: number | undefined
  /** Seconds that a statement may take, and the wait for a connection of the store's own pool; 1 by default. */
  statementTimeout?: number | undefined
}

/** Exactly one of `dataDir` and `db`. */
export interface PgliteOptions extends SchemaOption {
  /** Folder of the database, for one process at a time; created if it does not exist. */
  dataDir?: string | undefined
  /** A database of `@electric-sql/pglite` that the host opens and closes. */
  db?: PgliteDatabase | undefined
}

/** A database, and the checked name of a schema in it. */
export interface OpenDatabase {
  readonly database: Database
  readonly schema: string
  readonly atBoot: boolean
  /** Processes may share it. */
  readonly shared: boolean
}

const schemaOption = Type.Optional(Type.String({
  pattern: '^(?!pg_)[a-z_][a-z0-9_]{0,62}$',
  description: 'the name of a schema: lower-case letters, digits and underscores, at most 63, not beginning with pg_'
}))

const postgresOptions = Type.Object({
  schema: schemaOption,
  migrate: Type.Optional(Type.Literal('at-boot', { description: '\'at-boot\', or left out' })),
  pool: Type.Optional(withMethods(['query', 'connect'], 'a pool of pg')),
  connectionString: Type.Optional(Type.Unknown()),
  connection: Type.Optional(Type.Unknown()),
  max: Type.Optional(Type.Integer({ minimum: 1, description: 'a whole number of connections, at least 1' })),
  statementTimeout: Type.Optional(accepted(
    (value) => typeof value === 'number' && value > 0 && value <= 3600,
    'seconds: a number above 0, at most 3600'
  ))
}, { additionalProperties: false })

const pgliteOptions = Type.Object({
  schema: schemaOption,
  dataDir: Type.Optional(Type.String({ minLength: 1, description: 'a folder' })),
  db: Type.Optional(withMethods(['query', 'transaction'], 'a database of @electric-sql/pglite'))
}, { additionalProperties: false })

/** @throws OptionError */
export function openPostgres (options: PostgresOptions): OpenDatabase {
  checkOptions(postgresOptions, options, '')
  const { pool, connectionString, connection, max = 10, statementTimeout = 1, schema = 'latchkey', migrate } = options
  checkConnection(connectionString, connection)
  checkOneOf({ pool, connectionString, connection })
  const database = pool === undefined
    ? ownPool({ connectionString, connection, max }, statementTimeout)
    : hostPool(pool, statementTimeout)
  return { database, schema, atBoot: migrate !== undefined, shared: true }
}

/** @throws OptionError */
export function openPglite (options: PgliteOptions): OpenDatabase {
  checkOptions(pgliteOptions, options, '')
  const { dataDir, db, schema = 'latchkey' } = options
  checkOneOf({ dataDir, db })
  const database = db === undefined ? folderPglite(String(dataDir)) : hostPglite(db)
  return { database, schema, atBoot: true, shared: false }
}

/** By hand, since `checkOptions` shows the value that it refuses, and this one may contain a password. */
function checkConnection (connectionString: unknown, connection: unknown): void {
  if (connectionString !== undefined && (typeof connectionString !== 'string' || connectionString === '')) {
    throw new OptionError('option connectionString must be a URL as text: \'postgres://user:password@host/database\'')
  }
  if (connection !== undefined && (typeof connection !== 'object' || connection === null)) {
    throw new OptionError('option connection must be an object: { host, port, database, user, password, ssl }; ' +
      'a URL is the option connectionString')
  }
}

function checkOneOf (options: Readonly<Record<string, unknown>>): void {
  const names = Object.keys(options)
  const given = names.filter((name) => options[name] !== undefined)
  if (given.length === 1) return
  const stated = given.length === 0 ? 'none is' : `${given.join(' and ')} are`
  throw new OptionError(`state exactly one of the options ${names.join(', ')}; ${stated} stated`)
}
