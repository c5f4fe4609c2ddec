import { crc32 } from 'node:zlib'
import { setTimeout as pause } from 'node:timers/promises'
import { createBackoff } from '../core/backoff.js'
import { once, type Database, type Run } from './database.js'
import { SchemaError, SchemaOutdatedError } from './schema-error.js'
import { indexOf, VERSION_COLUMNS, versionOf, type Tables } from './tables.js'

/** A database whose tables are as this release needs them before the first statement runs. */
export interface MigratedDatabase extends Pick<Database, 'read' | 'write' | 'transaction' | 'reconnect' | 'close'> {
  /** Makes the tables, or brings them up to date. @throws SchemaTooNewError, ReplicaError, StoreError */
  migrate (): Promise<void>
  /** For the start of a server. @throws SchemaError; an outage is no reason not to start */
  ready (): Promise<void>
}

/**
 * First half of the advisory lock under which tables are changed, of whatever kind: two stores of one server may create
 * the schema at once. The second half depends on the schema.
 */
const LOCK = 0x6c617463
/** Milliseconds between two attempts to get it. Waiting for it in Postgres would delay indexes that are being built. */
const LOCK_PAUSE = 100
/** Seconds that one statement of a migration may take. */
const STEP_TIMEOUT = 60
/** Seconds that all of it may take, indexes of large tables included. */
const MIGRATION_TIMEOUT = 3600
/** Waiting longer for a lock would make all statements wait that come after it. */
const SET_LOCK_TIMEOUT = "SET LOCAL lock_timeout = '2s'"

/**
 * Tables that do not exist are made with the first use: no other process can be using them. Those of an earlier
 * release are changed by `migrate` alone, since processes of that release may be using them.
 * @param schema its name is part of the statements, so it must have been checked
 * @param atBoot changes them with the first use too
 */
export function withTables (database: Database, schema: string, tables: Tables, atBoot: boolean): MigratedDatabase {
  const migrate = once(() => migrateTables(database, schema, tables))
  const backoff = createBackoff(() => performance.now())
  let failure: SchemaError | undefined

  const prepare = once(async () => {
    // Requests that come while the tables do not fit must not each ask for their version.
    if (failure !== undefined && !backoff.isOver()) throw failure
    try {
      const version = atBoot ? 0 : await versionOf(database.read, schema, tables)
      if (version === 0) await migrate()
      else if (version < tables.migrations.length) throw new SchemaOutdatedError(tables, schema, version)
    } catch (fault) {
      if (fault instanceof SchemaError) {
        failure = fault
        backoff.failed()
      }
      throw fault
    }
  })
  const afterPreparing = (run: Run): Run => async (text, values) => {
    await prepare()
    return await run(text, values)
  }

  return {
    migrate,
    async ready () {
      await prepare().catch((fault: unknown) => { if (fault instanceof SchemaError) throw fault })
    },
    read: afterPreparing(database.read),
    write: afterPreparing(database.write),
    async transaction (timeout, work) {
      await prepare()
      return await database.transaction(timeout, work)
    },
    ...database.reconnect && { reconnect: database.reconnect },
    close: once(database.close)
  }
}

/**
 * Under an advisory lock, so any number of processes may start at once. An account without the right to create tables
 * can use those that exist.
 */
async function migrateTables (database: Database, schema: string, tables: Tables): Promise<void> {
  for (;;) {
    const version = await versionOf(database.read, schema, tables)
    if (version >= tables.migrations.length) return
    const locked = await database.transaction(MIGRATION_TIMEOUT, async (run) => {
      // Without parameters: those leave a snapshot open, for which indexes that are built would wait.
      const [row] = await run(`SELECT pg_try_advisory_xact_lock(${LOCK}, ${crc32(schema) | 0}) AS locked`, [])
      if (row?.locked !== 't') return false
      // Another process may have migrated since. What holds the lock must not read tables that are to be changed: it
      // would keep them locked.
      const now = await versionOf(version > 0 ? database.concurrently ?? run : run, schema, tables)
      if (now === version) await (now === 0 ? create(run, schema, tables) : change(database, run, schema, tables, now))
      return true
    })
    if (!locked) await pause(LOCK_PAUSE)
  }
}

async function create (run: Run, schema: string, { migrations, versions }: Tables): Promise<void> {
  const [existing] = await run('SELECT 1 FROM pg_namespace WHERE nspname = $1', [schema])
  if (existing === undefined) await run(`CREATE SCHEMA ${schema}`, [])
  await run(`CREATE TABLE IF NOT EXISTS ${schema}.${versions} (${VERSION_COLUMNS})`, [])
  for (const [i, { statements, readableFrom }] of migrations.entries()) {
    for (const statement of statements(schema)) await run(statement, [])
    await run(recordVersion(schema, versions), [i + 1, readableFrom])
  }
}

/**
 * Each step is a transaction of its own, and indexes are built while the tables are in use.
 * @param holder has the lock
 * @param before version of the tables
 */
async function change (
  database: Database, holder: Run, schema: string, tables: Tables, before: number
): Promise<void> {
  const { migrations, versions } = tables
  const { concurrently, transaction } = database

  async function inStep (statements: readonly string[], version: readonly number[] = []): Promise<void> {
    const take = async (run: Run): Promise<void> => {
      await run(SET_LOCK_TIMEOUT, [])
      for (const statement of statements) await run(statement, [...version])
    }
    if (concurrently === undefined) await take(holder)
    else await transaction(STEP_TIMEOUT, take)
  }

  await inStep([`ALTER TABLE ${schema}.${versions} ADD COLUMN IF NOT EXISTS readable_from integer`])
  for (const [i, { statements, readableFrom }] of migrations.slice(before).entries()) {
    const all = statements(schema)
    await inStep(all.filter((statement) => concurrently === undefined || indexOf(statement) === undefined))
    if (concurrently !== undefined) await buildIndexes(concurrently, schema, all)
    await inStep([recordVersion(schema, versions)], [before + i + 1, readableFrom])
  }
}

async function buildIndexes (concurrently: Run, schema: string, statements: readonly string[]): Promise<void> {
  for (const statement of statements) {
    const index = indexOf(statement)
    if (index === undefined) continue
    // One that was begun and not finished is there, and is not valid.
    await concurrently(`DROP INDEX CONCURRENTLY IF EXISTS ${schema}.${index}`, [])
    await concurrently(statement.replace('CREATE INDEX', 'CREATE INDEX CONCURRENTLY'), [])
  }
}

function recordVersion (schema: string, versions: string): string {
  return `INSERT INTO ${schema}.${versions} (version, readable_from) VALUES ($1, $2)`
}
