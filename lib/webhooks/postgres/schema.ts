import { migrateTables, type Tables } from '../../postgres/migrate.js'
import type { Sql } from '../../postgres/sql.js'

const migrations: Tables['migrations'] = [
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

/** The tables are of a version that only a later release knows. */
export class WebhookSchemaTooNew extends Error {
  constructor (schema: string, version: number) {
    super(`the webhook tables in the schema ${schema} are of version ${version}, and this release of fastify-latchkey knows ${migrations.length}: install a later one`)
    this.name = 'WebhookSchemaTooNew'
  }
}

const tables: Tables = {
  migrations,
  versions: 'webhook_migrations',
  lock: 0x6c617477,
  areMade: async (run, schema) => (await run('SELECT 1 FROM pg_tables WHERE schemaname = $1 AND tablename = \'webhook_migrations\'', [schema])).length > 0,
  tooNew: (schema, version) => new WebhookSchemaTooNew(schema, version)
}

/** @throws WebhookSchemaTooNew */
export async function migrate (sql: Sql, schema: string): Promise<void> {
  await migrateTables(sql, schema, tables)
}
