import { crc32 } from 'node:zlib'
import { checkPrimary, REPLICA } from './primary.js'
import type { Run, Sql } from './sql.js'

/**
 * Statements that lead from each version of the tables to the next; the first make version 1. Never edited once they
 * are released: a change of the tables is a further element.
 */
const migrations: ReadonlyArray<(schema: string) => readonly string[]> = [
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

/** First half of the advisory lock under which tables are changed; the second tells schemas apart. */
const LOCK = 0x6c617463
/** Seconds that a migration, or waiting for another process's, may take. */
const PATIENCE = 60

/** The tables are of a version that only a later release knows. */
export class KeySchemaTooNew extends Error {
  constructor (schema: string, version: number) {
    super(`the key tables in the schema ${schema} are of version ${version}, and this release of fastify-latchkey knows ${migrations.length}: install a later one`)
    this.name = 'KeySchemaTooNew'
  }
}

/**
 * Brings the tables to the version of this release; nothing where they are. One transaction under an advisory lock, so
 * any number of processes may start at once. Whoever has no right to create tables can use those that are there.
 * @throws KeySchemaTooNew, KeysOnReplica
 */
export async function migrate ({ run, transaction }: Sql, schema: string): Promise<void> {
  if (await versionOf(run, schema) === migrations.length) return
  await transaction(PATIENCE, async (run) => {
    await run('SELECT pg_advisory_xact_lock($1, $2)', [LOCK, crc32(schema) | 0])
    const version = await versionOf(run, schema)
    if (version === migrations.length) return
    const [made] = await run('SELECT 1 FROM pg_namespace WHERE nspname = $1', [schema])
    if (made === undefined) await run(`CREATE SCHEMA ${schema}`, [])
    await run(`CREATE TABLE IF NOT EXISTS ${schema}.migrations (version integer PRIMARY KEY, migrated_at timestamptz NOT NULL DEFAULT now())`, [])
    for (const [i, statements] of migrations.slice(version).entries()) {
      for (const statement of statements(schema)) await run(statement, [])
      await run(`INSERT INTO ${schema}.migrations (version) VALUES ($1)`, [version + i + 1])
    }
  })
}

async function versionOf (run: Run, schema: string): Promise<number> {
  // Asked of the table of tables: to_regclass may answer from what this connection remembers from before it had the lock.
  const [server] = await run(`SELECT ${REPLICA}, EXISTS (SELECT 1 FROM pg_tables WHERE schemaname = $1 AND tablename = 'migrations') AS made`, [schema])
  checkPrimary(server)
  if (server?.made !== true) return 0
  const [row] = await run(`SELECT coalesce(max(version), 0) AS version FROM ${schema}.migrations`, [])
  const version = Number(row?.version)
  if (version > migrations.length) throw new KeySchemaTooNew(schema, version)
  return version
}
