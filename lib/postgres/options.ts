import { Type } from '@sinclair/typebox'
import { accepted, checkOptions, OptionError, withMethods } from '../core/options.js'
import { sqlOfOwnPool, sqlOfPool, type PostgresPool } from './pg.js'
import { sqlOfFolder, sqlOfPglite, type PgliteDatabase } from './pglite.js'
import type { Sql } from './sql.js'

interface SchemaOption {
  /** Schema of the database that holds the tables; made where there is none. `latchkey` by default. */
  schema?: string | undefined
}

/** One of `pool`, `connectionString` and `connection`. */
export interface PostgresOptions extends SchemaOption {
  /** A pool of `pg` that the host opens, sets time-outs of, and closes. */
  pool?: PostgresPool | undefined
  /** Where the primary is: `postgres://user:password@host/database`. */
  connectionString?: string | undefined
  /** What `pg` takes to connect: `host`, `port`, `database`, `user`, `password`, `ssl`. */
  connection?: Readonly<Record<string, unknown>> | undefined
  /** Most connections of the store's own pool; 10 by default. */
  max?: number | undefined
  /** Seconds that a statement may take, and the wait for a connection of the store's own pool; 1 by default. */
  statementTimeout?: number | undefined
}

/** One of `dataDir` and `db`. */
export interface PgliteOptions extends SchemaOption {
  /** Folder of the database, of one process at a time; made where there is none. */
  dataDir?: string | undefined
  /** A database of `@electric-sql/pglite` that the host opens and closes. */
  db?: PgliteDatabase | undefined
}

/** A database, and the checked name of a schema in it. */
export interface OpenDatabase { readonly sql: Sql, readonly schema: string }

const schema = Type.Optional(Type.String({ pattern: '^(?!pg_)[a-z_][a-z0-9_]{0,62}$', description: 'the name of a schema: lower-case letters, digits and underscores, at most 63, not beginning with pg_' }))

const postgresOptions = Type.Object({
  schema,
  pool: Type.Optional(withMethods(['query', 'connect'], 'a pool of pg')),
  connectionString: Type.Optional(Type.Unknown()),
  connection: Type.Optional(Type.Unknown()),
  max: Type.Optional(Type.Integer({ minimum: 1, description: 'a whole number of connections, at least 1' })),
  statementTimeout: Type.Optional(accepted((value) => typeof value === 'number' && value > 0 && value <= 3600, 'seconds: a number above 0, at most 3600'))
}, { additionalProperties: false })

const pgliteOptions = Type.Object({
  schema,
  dataDir: Type.Optional(Type.String({ minLength: 1, description: 'a folder' })),
  db: Type.Optional(withMethods(['query', 'transaction'], 'a database of @electric-sql/pglite'))
}, { additionalProperties: false })

/** @throws OptionError */
export function openPostgres (options: PostgresOptions): OpenDatabase {
  checkOptions(postgresOptions, options, '')
  const { pool, connectionString, connection, max = 10, statementTimeout = 1, schema = 'latchkey' } = options
  checkConnection(connectionString, connection)
  checkOne({ pool, connectionString, connection })
  return { schema, sql: pool === undefined ? sqlOfOwnPool({ connectionString, connection, max }, statementTimeout) : sqlOfPool(pool, statementTimeout) }
}

/** @throws OptionError */
export function openPglite (options: PgliteOptions): OpenDatabase {
  checkOptions(pgliteOptions, options, '')
  const { dataDir, db, schema = 'latchkey' } = options
  checkOne({ dataDir, db })
  return { schema, sql: db === undefined ? sqlOfFolder(String(dataDir)) : sqlOfPglite(db) }
}

/** Says nothing of what was given: it may hold a password. */
function checkConnection (connectionString: unknown, connection: unknown): void {
  if (connectionString !== undefined && (typeof connectionString !== 'string' || connectionString === '')) {
    throw new OptionError('option connectionString must be a URL as text: \'postgres://user:password@host/database\'')
  }
  if (connection !== undefined && (typeof connection !== 'object' || connection === null)) {
    throw new OptionError('option connection must be an object: { host, port, database, user, password, ssl }; a URL is the option connectionString')
  }
}

function checkOne (options: Readonly<Record<string, unknown>>): void {
  const given = Object.keys(options).filter((name) => options[name] !== undefined)
  if (given.length !== 1) throw new OptionError(`state exactly one of the options ${Object.keys(options).join(', ')}; ${given.length === 0 ? 'none is' : `${given.join(' and ')} are`} stated`)
}
