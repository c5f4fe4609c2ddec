import type { Tables } from '../../postgres/tables.js'

const migrations: Tables['migrations'] = [
  {
    readableFrom: 1,
    statements: (schema) => [
      `CREATE TABLE ${schema}.webhook_endpoints (
        id text COLLATE "C" PRIMARY KEY,
        workspace text COLLATE "C" NOT NULL,
        created_at bigint NOT NULL,
        version bigint NOT NULL,
        record json NOT NULL,
        claimable_at bigint
      )`,
      `COMMENT ON TABLE ${schema}.webhook_endpoints IS
        'Webhook endpoints of fastify-latchkey; times are milliseconds since the Unix epoch'`,
      `COMMENT ON COLUMN ${schema}.webhook_endpoints.claimable_at IS
        'when deliveries to it may be claimed next; null: none is pending'`,
      `CREATE INDEX webhook_endpoints_of_workspace ON ${schema}.webhook_endpoints (workspace, created_at, id)`,
      `CREATE INDEX webhook_endpoints_claimable ON ${schema}.webhook_endpoints (claimable_at)
        WHERE claimable_at IS NOT NULL`,
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
      `COMMENT ON COLUMN ${schema}.webhook_deliveries.due_at IS
        'when a pending delivery is attempted next; while it is claimed, when its lease ends'`,
      `CREATE INDEX webhook_deliveries_of_endpoint ON ${schema}.webhook_deliveries (endpoint_id, created_at, id)`,
      `CREATE INDEX webhook_deliveries_in_state ON ${schema}.webhook_deliveries (endpoint_id, state, created_at, id)`,
      `CREATE INDEX webhook_deliveries_due ON ${schema}.webhook_deliveries (endpoint_id, due_at)
        WHERE due_at IS NOT NULL`,
      `CREATE INDEX webhook_deliveries_ended ON ${schema}.webhook_deliveries (created_at) WHERE due_at IS NULL`
    ]
  }
]

export const tables: Tables = { kind: 'webhook', migrations, versions: 'webhook_migrations' }
