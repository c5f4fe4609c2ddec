import { newestGeneration, readKey, writeKey } from '../codec.js'
import { loadKey } from '../record.js'
import type { KeyNotices, KeyPage, KeyStore, KeyUse } from '../store.js'
import { mergeUses } from '../verification/merge-usage.js'
import { createSqlNotices } from './notices.js'
import { found, readPrimary } from '../../postgres/primary.js'
import { COLUMNS, keyOf } from './rows.js'
import { migrate } from './schema.js'
import { once, type Row, type Sql } from '../../postgres/sql.js'

/** A key store whose tables are made, or brought up to date, with its first use. */
export interface SqlKeyStore extends KeyStore {
  /** Makes the tables or brings them up to date now, so that a fault is known at boot. May be called by many at once. */
  migrate (): Promise<void>
  readonly notices: KeyNotices
  close (): Promise<void>
}

/** @param schema checked: it is part of the statements */
export function createSqlKeyStore (sql: Sql, schema: string): SqlKeyStore {
  const statements = statementsOf(schema)
  const ready = once(() => migrate(sql, schema))

  async function run (text: string, values: unknown[]): Promise<readonly Row[]> {
    await ready()
    return await sql.run(text, values)
  }

  return {
    migrate: ready,
    async insert (key, hash) {
      const { id, workspace, environment, owner = null, createdAt, version } = key
      await run(statements.insert, [id, workspace, environment, owner, createdAt.getTime(), version, writeKey(key), hash, newestGeneration(key)])
    },
    async findByHash (hash) {
      const [row] = found(await run(statements.findByHash, [hash]))
      return row === undefined ? undefined : loadKey(readKey(String(row.record), Number(row.created_at)), Number(row.generation))
    },
    async get (workspace, id) {
      const [row] = found(await run(statements.get, [workspace, id]))
      return row === undefined ? undefined : keyOf(row)
    },
    async list (workspace, page) {
      const { text, values } = listing(schema, workspace, page)
      const keys = found(await run(text, values)).map(keyOf)
      const last = keys.length > page.limit ? keys[page.limit - 1] : undefined
      return { keys: keys.slice(0, page.limit), next: last === undefined ? undefined : { createdAt: last.createdAt, id: last.id } }
    },
    async update (key, hash) {
      const { id, workspace, environment, owner = null, version, secrets } = key
      const changed = await run(statements.update, [id, workspace, version - 1, environment, owner, version, writeKey(key), hash ?? null, newestGeneration(key), secrets.map(({ generation }) => generation)])
      return changed.length > 0
    },
    async recordUse (uses) {
      const merged = mergeUses(uses)
      if (merged.length > 0) await run(statements.recordUse, columnsOf(merged))
    },
    notices: createSqlNotices(run, schema),
    close: once(sql.close)
  }
}

function columnsOf (uses: readonly KeyUse[]): unknown[] {
  return [
    uses.map(({ workspace }) => workspace),
    uses.map(({ id }) => id),
    uses.map(({ lastUsedAt }) => lastUsedAt.getTime()),
    uses.map(({ scopesUsedAt }) => JSON.stringify(Object.fromEntries(Object.entries(scopesUsedAt).map(([scope, at]) => [scope, at.getTime()]))))
  ]
}

function statementsOf (schema: string) {
  return {
    insert: `WITH added AS (
        INSERT INTO ${schema}.keys (id, workspace, environment, owner, created_at, version, record)
        VALUES ($1, $2, $3, $4, $5, $6, $7) RETURNING id)
      INSERT INTO ${schema}.secrets (hash, key_id, generation) SELECT $8, id, $9 FROM added`,
    findByHash: readPrimary(`SELECT k.record::text AS record, k.created_at, s.generation
      FROM ${schema}.secrets s JOIN ${schema}.keys k ON k.id = s.key_id WHERE s.hash = $1`),
    get: readPrimary(`SELECT ${COLUMNS} FROM ${schema}.keys WHERE workspace = $1 AND id = $2`),
    update: `WITH changed AS (
        UPDATE ${schema}.keys SET environment = $4, owner = $5, version = $6, record = $7,
          notice_at = CASE WHEN notice_held IS NULL THEN 0 ELSE notice_at END
        WHERE id = $1 AND workspace = $2 AND version = $3 RETURNING id
      ), added AS (
        INSERT INTO ${schema}.secrets (hash, key_id, generation)
        SELECT $8, id, $9 FROM changed WHERE $8::text IS NOT NULL
      ), forgotten AS (
        DELETE FROM ${schema}.secrets s USING changed
        WHERE s.key_id = changed.id AND s.generation <> ALL ($10::integer[]))
      SELECT id FROM changed`,
    // Rows are locked in the order of their ids: two processes that note uses of the same keys never wait in a circle.
    recordUse: `WITH uses AS (
        SELECT * FROM unnest($1::text[], $2::text[], $3::bigint[], $4::text[]) AS u (workspace, id, used_at, scopes)
      ), locked AS (
        SELECT k.id FROM ${schema}.keys k JOIN uses u ON k.id = u.id AND k.workspace = u.workspace
        ORDER BY k.id FOR NO KEY UPDATE OF k)
      UPDATE ${schema}.keys k SET
        last_used_at = greatest(k.last_used_at, u.used_at),
        scopes_used = coalesce(k.scopes_used, '{}') || coalesce((
          SELECT jsonb_object_agg(one.key, greatest(one.value::bigint, (k.scopes_used ->> one.key)::bigint))
          FROM jsonb_each_text(u.scopes::jsonb) AS one), '{}')
      FROM uses u JOIN locked ON locked.id = u.id
      WHERE k.id = u.id AND k.workspace = u.workspace`
  }
}

/** Filters are written into the statement only where they are asked for: an index serves each, and none an optional one. */
function listing (schema: string, workspace: string, { limit, after, owner, environment }: KeyPage): { text: string, values: unknown[] } {
  const values: unknown[] = [workspace, limit + 1]
  const bind = (value: unknown): string => `$${values.push(value)}`
  const conditions = ['workspace = $1']
  if (owner !== undefined) conditions.push(`owner = ${bind(owner)}`)
  if (environment !== undefined) conditions.push(`environment = ${bind(environment)}`)
  if (after !== undefined) conditions.push(`(created_at, id) < (${bind(after.createdAt.getTime())}, ${bind(after.id)})`)
  const order = 'ORDER BY created_at DESC, id DESC'
  return { text: readPrimary(`SELECT ${COLUMNS}, id FROM ${schema}.keys WHERE ${conditions.join(' AND ')} ${order} LIMIT $2`, order), values }
}
