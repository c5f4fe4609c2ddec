import type { Run } from './database.js'
import { checkPrimary, REPLICA } from './primary.js'
import { SchemaTooNewError } from './schema-error.js'

/** Leads from one version of the tables to the next one. */
export interface Migration {
  /** Each index is a statement of its own. */
  readonly statements: (schema: string) => readonly string[]
  /**
   * The earliest version whose releases can use the tables from then on. A change that only adds leaves it as it was:
   * releases run side by side during a deployment.
   */
  readonly readableFrom: number
}

/** The tables of one kind of store. */
export interface Tables {
  /** `key` or `webhook`: for messages. */
  readonly kind: string
  /**
   * Beginning with version 1. A migration that was released is never edited: a change of the tables is a further
   * element.
   */
  readonly migrations: readonly Migration[]
  /** Table that lists the versions. */
  readonly versions: string
}

export const VERSION_COLUMNS =
  'version integer PRIMARY KEY, migrated_at timestamptz NOT NULL DEFAULT now(), readable_from integer'

/** Name of the index that a statement creates. */
export function indexOf (statement: string): string | undefined {
  return /^CREATE INDEX (\w+)/.exec(statement)?.[1]
}

/** @returns 0 where there are no tables @throws SchemaTooNewError, ReplicaError */
export async function versionOf (run: Run, schema: string, tables: Tables): Promise<number> {
  const { versions, migrations } = tables
  // pg_tables, since to_regclass may answer from what the connection cached before it got the lock.
  const [server] = await run(`SELECT ${REPLICA}, EXISTS (
    SELECT 1 FROM pg_tables WHERE schemaname = $1 AND tablename = $2) AS migrated`, [schema, versions])
  checkPrimary(server)
  if (server?.migrated !== 't') return 0
  // As JSON, since the column may be missing.
  const [row] = await run(`SELECT version, coalesce(to_jsonb(v) ->> 'readable_from', version::text) AS readable_from
    FROM ${schema}.${versions} v ORDER BY version DESC LIMIT 1`, [])
  if (Number(row?.readable_from) > migrations.length) throw new SchemaTooNewError(tables, schema, Number(row?.version))
  return Number(row?.version ?? 0)
}
