import { crc32 } from 'node:zlib'
import type { Run, Sql } from '../../keys/postgres/sql.js'

/** Statements that lead from each version of the tables to the next. Never edited once they are released. */
const migrations: ReadonlyArray<(schema: string) => readonly string[]> = [
  (schema) => [
    `CREATE TABLE ${schema}.webhook_endpoints (
      id text COLLATE "C" PRIMARY KEY,
      workspace text COLLATE "C" NOT NULL,
      created_at bigint NOT NULL,
      version bigint NOT NULL,
      record json NOT NULL,
      turn_at bigint
    )`,
    `COMMENT ON TABLE ${schema}.webhook_endpoints IS 'Endpoints of fastify-latchkey; instants are milliseconds since the Unix epoch; turn_at: when its deliveries are next looked at'`,
    `CREATE INDEX webhook_endpoints_of_workspace ON ${schema}.webhook_endpoints (workspace, created_at, id)`,
    `CREATE INDEX webhook_endpoints_due ON ${schema}.webhook_endpoints (turn_at) WHERE turn_at IS NOT NULL`,
    `CREATE TABLE ${schema}.webhook_deliveries (
      id text COLLATE "C" PRIMARY KEY,
      endpoint_id text COLLATE "C" NOT NULL,
      workspace text COLLATE "C" NOT NULL,
      created_at bigint NOT NULL,
      state text NOT NULL,
      record json NOT NULL,
      attempts json NOT NULL,
      due_at bigint
    )`,
    `COMMENT ON COLUMN ${schema}.webhook_deliveries.due_at IS 'of a pending one: when it is next attempted, or until when somebody holds it'`,
    `CREATE INDEX webhook_deliveries_of_endpoint ON ${schema}.webhook_deliveries (endpoint_id, created_at, id)`,
    `CREATE INDEX webhook_deliveries_in_state ON ${schema}.webhook_deliveries (endpoint_id, state, created_at, id)`,
    `CREATE INDEX webhook_deliveries_due ON ${schema}.webhook_deliveries (endpoint_id, due_at) WHERE due_at IS NOT NULL`,
    `CREATE INDEX webhook_deliveries_ended ON ${schema}.webhook_deliveries (created_at) WHERE due_at IS NULL`
  ]
]

/** First half of the advisory lock under which tables are changed; the second tells schemas apart. */
const LOCK = 0x6c617477
/** Seconds that a migration, or waiting for another process's, may take. */
const PATIENCE = 60

/** The tables are of a version that only a later release knows. */
export class WebhookSchemaTooNew extends Error {
  constructor (schema: string, version: number) {
    super(`the webhook tables in the schema ${schema} are of version ${version}, and this release of fastify-latchkey knows ${migrations.length}: install a later one`)
    this.name = 'WebhookSchemaTooNew'
  }
}

/** Brings the tables to the version of this release, in one transaction under a lock, so that any number of processes may start at once. @throws WebhookSchemaTooNew */
export async function migrate ({ run, transaction }: Sql, schema: string): Promise<void> {
  if (await versionOf(run, schema) === migrations.length) return
  await transaction(PATIENCE, async (run) => {
    await run('SELECT pg_advisory_xact_lock($1, $2)', [LOCK, crc32(schema) | 0])
    const version = await versionOf(run, schema)
    await run(`CREATE SCHEMA IF NOT EXISTS ${schema}`, [])
    await run(`CREATE TABLE IF NOT EXISTS ${schema}.webhook_migrations (version integer PRIMARY KEY, migrated_at timestamptz NOT NULL DEFAULT now())`, [])
    for (const [i, statements] of migrations.slice(version).entries()) {
      for (const statement of statements(schema)) await run(statement, [])
      await run(`INSERT INTO ${schema}.webhook_migrations (version) VALUES ($1)`, [version + i + 1])
    }
  })
}

async function versionOf (run: Run, schema: string): Promise<number> {
  const [made] = await run('SELECT 1 FROM pg_tables WHERE schemaname = $1 AND tablename = \'webhook_migrations\'', [schema])
  if (made === undefined) return 0
  const [row] = await run(`SELECT coalesce(max(version), 0) AS version FROM ${schema}.webhook_migrations`, [])
  const version = Number(row?.version)
  if (version > migrations.length) throw new WebhookSchemaTooNew(schema, version)
  return version
}
