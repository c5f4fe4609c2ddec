import { crc32 } from 'node:zlib'
import { StoreError } from '../core/store-error.js'
import { once, type Database, type Run } from './database.js'
import { checkPrimary, REPLICA } from './primary.js'

/** The tables of one kind of store. */
export interface Tables {
  /** `key` or `webhook`: for messages. */
  readonly kind: string
  /**
   * Statements that lead from each version of the tables to the next one, beginning with version 1. A migration that
   * was released is never edited: a change of the tables is a further element.
   */
  readonly migrations: ReadonlyArray<(schema: string) => readonly string[]>
  /** Table that lists the versions. */
  readonly versions: string
}

/** A database whose tables are made, or brought up to date, before the first statement runs. */
export interface MigratedDatabase extends Pick<Database, 'read' | 'write' | 'transaction' | 'close'> {
  /** Migrates now, so that an error is known at boot. @throws SchemaTooNewError, ReplicaError, StoreError */
  migrate (): Promise<void>
}

/** The tables have a version that only a later release knows. */
export class SchemaTooNewError extends StoreError {
  override readonly name = 'SchemaTooNewError'
  constructor ({ kind, migrations }: Tables, schema: string, version: number) {
    super(`the ${kind} tables in the schema ${schema} are of version ${version}, and this release of ` +
      `fastify-latchkey knows ${migrations.length}: install a later one`)
  }
}

/**
 * First half of the advisory lock under which tables are changed, of whatever kind: two stores of one server may create
 * the schema at once. The second half depends on the schema.
 */
const LOCK = 0x6c617463
/** Seconds that one statement of a migration may take, including the wait for a migration of another process. */
const MIGRATION_TIMEOUT = 60

/** @param schema its name is part of the statements, so it must have been checked */
export function withTables (database: Database, schema: string, tables: Tables): MigratedDatabase {
  const migrate = once(() => migrateTables(database, schema, tables))
  const afterMigration = (run: Run): Run => async (text, values) => {
    await migrate()
    return await run(text, values)
  }
  return {
    migrate,
    read: afterMigration(database.read),
    write: afterMigration(database.write),
    async transaction (timeout, work) {
      await migrate()
      return await database.transaction(timeout, work)
    },
    close: once(database.close)
  }
}

/**
 * One transaction under an advisory lock, so any number of processes may start at once. An account without the right to
 * create tables can use those that exist.
 */
async function migrateTables ({ read, transaction }: Database, schema: string, tables: Tables): Promise<void> {
  const { migrations, versions } = tables
  if (await versionOf(read, schema, tables) === migrations.length) return
  await transaction(MIGRATION_TIMEOUT, async (run) => {
    await run('SELECT pg_advisory_xact_lock($1, $2)', [LOCK, crc32(schema) | 0])
    const version = await versionOf(run, schema, tables)
    if (version === migrations.length) return
    const [existing] = await run('SELECT 1 FROM pg_namespace WHERE nspname = $1', [schema])
    if (existing === undefined) await run(`CREATE SCHEMA ${schema}`, [])
    await run(`CREATE TABLE IF NOT EXISTS ${schema}.${versions} (
      version integer PRIMARY KEY, migrated_at timestamptz NOT NULL DEFAULT now())`, [])
    for (const [i, statements] of migrations.slice(version).entries()) {
      for (const statement of statements(schema)) await run(statement, [])
      await run(`INSERT INTO ${schema}.${versions} (version) VALUES ($1)`, [version + i + 1])
    }
  })
}

async function versionOf (run: Run, schema: string, tables: Tables): Promise<number> {
  const { versions, migrations } = tables
  // pg_tables, since to_regclass may answer from what the connection cached before it got the lock.
  const [server] = await run(`SELECT ${REPLICA}, EXISTS (
    SELECT 1 FROM pg_tables WHERE schemaname = $1 AND tablename = $2) AS migrated`, [schema, versions])
  checkPrimary(server)
  if (server?.migrated !== 't') return 0
  const [row] = await run(`SELECT coalesce(max(version), 0) AS version FROM ${schema}.${versions}`, [])
  const version = Number(row?.version)
  if (version > migrations.length) throw new SchemaTooNewError(tables, schema, version)
  return version
}
