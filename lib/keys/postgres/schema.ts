import { migrateTables, type Tables } from '../../postgres/migrate.js'
import { checkPrimary, REPLICA } from '../../postgres/primary.js'
import type { Sql } from '../../postgres/sql.js'

const migrations: Tables['migrations'] = [
  (schema) => [
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
    `COMMENT ON TABLE ${schema}.keys IS 'API keys of fastify-latchkey; instants are milliseconds since the Unix epoch'`,
    `CREATE INDEX keys_of_workspace ON ${schema}.keys (workspace, created_at, id)`,
    `CREATE INDEX keys_of_owner ON ${schema}.keys (workspace, owner, created_at, id)`,
    `CREATE INDEX keys_of_environment ON ${schema}.keys (workspace, environment, created_at, id)`,
    `CREATE TABLE ${schema}.secrets (
      hash text COLLATE "C" PRIMARY KEY,
      key_id text COLLATE "C" NOT NULL REFERENCES ${schema}.keys ON DELETE CASCADE,
      generation integer NOT NULL,
      UNIQUE (key_id, generation)
    )`,
    `COMMENT ON TABLE ${schema}.secrets IS 'SHA-256 of the texts of API keys, in base64url'`
  ],
  (schema) => [
    `ALTER TABLE ${schema}.keys ADD COLUMN notice_at bigint DEFAULT 0, ADD COLUMN notice_held bigint, ADD COLUMN noticed text`,
    `COMMENT ON COLUMN ${schema}.keys.notice_at IS 'when the key is next to be looked at for notices; null until it is changed'`,
    `CREATE INDEX keys_due ON ${schema}.keys (notice_at) WHERE notice_at IS NOT NULL`
  ],
  (schema) => [
    `CREATE INDEX keys_of_owner_in_environment ON ${schema}.keys (workspace, owner, environment, created_at, id)`
  ]
]

/** The tables are of a version that only a later release knows. */
export class KeySchemaTooNew extends Error {
  constructor (schema: string, version: number) {
    super(`the key tables in the schema ${schema} are of version ${version}, and this release of fastify-latchkey knows ${migrations.length}: install a later one`)
    this.name = 'KeySchemaTooNew'
  }
}

const tables: Tables = {
  migrations,
  versions: 'migrations',
  lock: 0x6c617463,
  async areMade (run, schema) {
    // Asked of the table of tables: to_regclass may answer from what this connection remembers from before it had the lock.
    const [server] = await run(`SELECT ${REPLICA}, EXISTS (SELECT 1 FROM pg_tables WHERE schemaname = $1 AND tablename = 'migrations') AS made`, [schema])
    checkPrimary(server)
    return server?.made === true
  },
  tooNew: (schema, version) => new KeySchemaTooNew(schema, version)
}

/** @throws KeySchemaTooNew, KeysOnReplica */
export async function migrate (sql: Sql, schema: string): Promise<void> {
  await migrateTables(sql, schema, tables)
}
