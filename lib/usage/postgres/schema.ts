import type { Tables } from '../../postgres/tables.js'

const migrations: Tables['migrations'] = [
  {
    readableFrom: 1,
    statements: (schema) => [
      `CREATE TABLE ${schema}.usage_counts (
        workspace text COLLATE "C" NOT NULL,
        environment text COLLATE "C" NOT NULL,
        key_id text COLLATE "C" NOT NULL,
        hour bigint NOT NULL,
        outcome text COLLATE "C" NOT NULL,
        requests bigint NOT NULL,
        PRIMARY KEY (workspace, environment, key_id, hour, outcome)
      )`,
      `COMMENT ON TABLE ${schema}.usage_counts IS
        'requests by API key, UTC hour (milliseconds since the Unix epoch) and outcome, of fastify-latchkey'`,
      `COMMENT ON COLUMN ${schema}.usage_counts.key_id IS 'empty: of all keys of the workspace and environment'`,
      `CREATE INDEX usage_counts_by_hour ON ${schema}.usage_counts (hour)`,
      `CREATE TABLE ${schema}.usage_writers (
        writer text COLLATE "C" PRIMARY KEY,
        sequence bigint NOT NULL,
        written_at bigint NOT NULL
      )`,
      `COMMENT ON TABLE ${schema}.usage_writers IS 'the last batch of each process, so that none is added twice'`
    ]
  }
]

export const tables: Tables = { kind: 'usage', migrations, versions: 'usage_migrations' }
