import type { Tables } from '../../postgres/tables.js'

const migrations: Tables['migrations'] = [
  {
    readableFrom: 1,
    statements: (schema) => [
      `CREATE TABLE ${schema}.keys (
        id text COLLATE "C" PRIMARY KEY,
        workspace text COLLATE "C" NOT NULL,
        environment text COLLATE "C" NOT NULL,
        owner text COLLATE "C",
        created_at bigint NOT NULL,
        version bigint NOT NULL,
        record json NOT NULL,
        last_used_at bigint,
        scopes_used jsonb
      )`,
      `COMMENT ON TABLE ${schema}.keys IS 'API keys of fastify-latchkey; times are milliseconds since the Unix epoch'`,
      `CREATE INDEX keys_of_workspace ON ${schema}.keys (workspace, created_at, id)`,
      `CREATE INDEX keys_of_owner ON ${schema}.keys (workspace, owner, created_at, id)`,
      `CREATE INDEX keys_of_environment ON ${schema}.keys (workspace, environment, created_at, id)`,
      `CREATE TABLE ${schema}.secrets (
        hash text COLLATE "C" PRIMARY KEY,
        key_id text COLLATE "C" NOT NULL REFERENCES ${schema}.keys ON DELETE CASCADE,
        generation integer NOT NULL,
        UNIQUE (key_id, generation)
      )`,
      `COMMENT ON TABLE ${schema}.secrets IS 'hashes of the secrets of API keys, each after the name of its scheme'`
    ]
  },
  {
    readableFrom: 1,
    statements: (schema) => [
      `ALTER TABLE ${schema}.keys
        ADD COLUMN notice_at bigint DEFAULT 0, ADD COLUMN notice_leased_until bigint, ADD COLUMN noticed text`,
      `COMMENT ON COLUMN ${schema}.keys.notice_at IS 'when the key is due for notices; null: not before it is changed'`,
      `CREATE INDEX keys_due ON ${schema}.keys (notice_at) WHERE notice_at IS NOT NULL`
    ]
  },
  {
    readableFrom: 1,
    statements: (schema) => [
      `CREATE INDEX keys_of_owner_in_environment ON ${schema}.keys (workspace, owner, environment, created_at, id)`
    ]
  },
  {
    readableFrom: 1,
    statements: (schema) => [
      `ALTER TABLE ${schema}.keys ADD COLUMN events jsonb`,
      `COMMENT ON COLUMN ${schema}.keys.events IS 'of its changes, by id: those that were not emitted yet; null: none'`
    ]
  }
]

export const tables: Tables = { kind: 'key', migrations, versions: 'migrations' }
