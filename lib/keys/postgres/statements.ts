import { selectFromPrimary } from '../../postgres/primary.js'
import type { KeyPage } from '../store.js'
import { COLUMNS } from './rows.js'

/** @param schema its name is part of the statements, so it must have been checked */
export function createStatements (schema: string) {
  return {
    insert: `WITH added AS (
        INSERT INTO ${schema}.keys (id, workspace, environment, owner, created_at, version, record, events)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $10) RETURNING id)
      INSERT INTO ${schema}.secrets (hash, key_id, generation) SELECT $8, id, $9 FROM added`,
    insertMany: `WITH given AS (
        SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::bigint[], $6::bigint[], $7::text[],
          $8::text[], $9::integer[]) WITH ORDINALITY
          AS g (id, workspace, environment, owner, created_at, version, record, hash, generation, place)
      ), known AS (
        SELECT s.hash, s.key_id FROM ${schema}.secrets s JOIN given g ON g.hash = s.hash
      ), added AS (
        INSERT INTO ${schema}.keys (id, workspace, environment, owner, created_at, version, record)
        SELECT id, workspace, environment, owner, created_at, version, record::json FROM given
        WHERE hash NOT IN (SELECT hash FROM known) ON CONFLICT (id) DO NOTHING RETURNING id
      ), hashed AS (
        INSERT INTO ${schema}.secrets (hash, key_id, generation)
        SELECT g.hash, g.id, g.generation FROM given g JOIN added a ON a.id = g.id)
      SELECT a.id AS added, k.key_id AS existing FROM given g
      LEFT JOIN added a ON a.id = g.id LEFT JOIN known k ON k.hash = g.hash ORDER BY g.place`,
    findByHash: selectFromPrimary(`SELECT k.id, k.workspace, k.version, k.record, k.created_at, s.generation
      FROM ${schema}.secrets s JOIN ${schema}.keys k ON k.id = s.key_id WHERE s.hash = $1`),
    get: selectFromPrimary(`SELECT ${COLUMNS} FROM ${schema}.keys WHERE workspace = $1 AND id = $2`),
    update: `WITH changed AS (
        UPDATE ${schema}.keys SET environment = $4, owner = $5, version = $6, record = $7,
          events = CASE WHEN $11::jsonb IS NULL THEN events ELSE coalesce(events, '{}') || $11 END,
          notice_at = CASE WHEN notice_leased_until IS NULL THEN 0 ELSE notice_at END
        WHERE id = $1 AND workspace = $2 AND version = $3 RETURNING id
      ), added AS (
        INSERT INTO ${schema}.secrets (hash, key_id, generation)
        SELECT $8, id, $9 FROM changed WHERE $8::text IS NOT NULL
      ), deleted AS (
        DELETE FROM ${schema}.secrets s USING changed
        WHERE s.key_id = changed.id AND s.generation <> ALL ($10::integer[]))
      SELECT id FROM changed`,
    // Rows are locked in the order of their ids, so that two processes that update the same keys cannot deadlock.
    recordUse: `WITH uses AS (
        SELECT * FROM unnest($1::text[], $2::text[], $3::bigint[], $4::text[]) AS u (workspace, id, used_at, scopes)
      ), locked AS (
        SELECT k.id FROM ${schema}.keys k JOIN uses u ON k.id = u.id AND k.workspace = u.workspace
        ORDER BY k.id FOR NO KEY UPDATE OF k)
      UPDATE ${schema}.keys k SET
        last_used_at = greatest(k.last_used_at, u.used_at),
        scopes_used = CASE WHEN jsonb_typeof(k.scopes_used) = 'object' THEN k.scopes_used ELSE '{}' END || coalesce((
          SELECT jsonb_object_agg(one.key, greatest(one.value::numeric,
            CASE WHEN jsonb_typeof(k.scopes_used -> one.key) = 'number' THEN (k.scopes_used ->> one.key)::numeric END))
          FROM jsonb_each_text(u.scopes::jsonb) AS one), '{}')
      FROM uses u JOIN locked ON locked.id = u.id
      WHERE k.id = u.id AND k.workspace = u.workspace`,

    /** Has only the filters that are asked for: Postgres would use no index for an optional one. */
    list (workspace: string, { limit, after, owner, environment }: KeyPage): { text: string, values: unknown[] } {
      const values: unknown[] = [workspace, limit + 1]
      const bind = (value: unknown): string => `$${values.push(value)}`
      const conditions = ['workspace = $1']
      if (owner !== undefined) conditions.push(`owner = ${bind(owner)}`)
      if (environment !== undefined) conditions.push(`environment = ${bind(environment)}`)
      if (after !== undefined) {
        conditions.push(`(created_at, id) < (${bind(after.createdAt.getTime())}, ${bind(after.id)})`)
      }
      const order = 'ORDER BY created_at DESC, id DESC'
      const select = `SELECT ${COLUMNS} FROM ${schema}.keys WHERE ${conditions.join(' AND ')} ${order} LIMIT $2`
      return { text: selectFromPrimary(select, order), values }
    }
  }
}
