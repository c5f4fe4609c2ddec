import { crc32 } from 'node:zlib'
import type { Run, Sql } from './sql.js'

/** The tables of one kind of store, as releases have made them. */
export interface Tables {
  /**
   * Statements that lead from each version of the tables to the next; the first make version 1. Never edited once they
   * are released: a change of the tables is a further element.
   */
  readonly migrations: ReadonlyArray<(schema: string) => readonly string[]>
  /** Table of the versions. */
  readonly versions: string
  /** First half of the advisory lock under which tables are changed; the second tells schemas apart. */
  readonly lock: number
  /** Whether there is a table of versions; throws where the server must not be used. */
  areMade (run: Run, schema: string): Promise<boolean>
  /** Makes the error for tables of a version that only a later release knows. */
  tooNew (schema: string, version: number): Error
}

/** Seconds that a migration, or waiting for another process's, may take. */
const PATIENCE = 60

/**
 * Brings tables to the version of this release; nothing where they are. One transaction under an advisory lock, so
 * any number of processes may start at once. Whoever has no right to create tables can use those that are there.
 */
export async function migrateTables ({ run, transaction }: Sql, schema: string, tables: Tables): Promise<void> {
  const { migrations, versions, lock } = tables
  if (await versionOf(run, schema, tables) === migrations.length) return
  await transaction(PATIENCE, async (run) => {
    await run('SELECT pg_advisory_xact_lock($1, $2)', [lock, crc32(schema) | 0])
    const version = await versionOf(run, schema, tables)
    if (version === migrations.length) return
    const [made] = await run('SELECT 1 FROM pg_namespace WHERE nspname = $1', [schema])
    if (made === undefined) await run(`CREATE SCHEMA ${schema}`, [])
    await run(`CREATE TABLE IF NOT EXISTS ${schema}.${versions} (version integer PRIMARY KEY, migrated_at timestamptz NOT NULL DEFAULT now())`, [])
    for (const [i, statements] of migrations.slice(version).entries()) {
      for (const statement of statements(schema)) await run(statement, [])
      await run(`INSERT INTO ${schema}.${versions} (version) VALUES ($1)`, [version + i + 1])
    }
  })
}

async function versionOf (run: Run, schema: string, { areMade, versions, migrations, tooNew }: Tables): Promise<number> {
  if (!await areMade(run, schema)) return 0
  const [row] = await run(`SELECT coalesce(max(version), 0) AS version FROM ${schema}.${versions}`, [])
  const version = Number(row?.version)
  if (version > migrations.length) throw tooNew(schema, version)
  return version
}
