import type { KeyNotices } from '../store.js'
import { COLUMNS, keyOf } from './rows.js'
import type { Run } from '../../postgres/sql.js'

/** @param schema checked: it is part of the statements */
export function createSqlNotices (run: Run, schema: string): KeyNotices {
  // Whoever comes at once passes over the rows that another is about to hold, and takes the next ones.
  const due = `WITH due AS (
      SELECT id, notice_at AS was FROM ${schema}.keys WHERE notice_at <= $1 ORDER BY notice_at LIMIT $3 FOR NO KEY UPDATE SKIP LOCKED
    ), held AS (
      UPDATE ${schema}.keys k SET notice_at = $2, notice_held = $2 FROM due WHERE k.id = due.id
      RETURNING ${COLUMNS}, noticed, was)
    SELECT * FROM held ORDER BY was`
  const settle = `UPDATE ${schema}.keys SET noticed = $4, notice_held = NULL, notice_at = CASE WHEN version = $5 THEN $6::bigint ELSE 0 END
    WHERE id = $1 AND workspace = $2 AND notice_held = $3 RETURNING id`

  return {
    async due (now, lease, limit) {
      const leasedUntil = now + lease
      const rows = await run(due, [now, leasedUntil, limit])
      return rows.map((row) => ({ key: keyOf(row), noticed: row.noticed === null ? [] : JSON.parse(String(row.noticed)), leasedUntil }))
    },
    async settle ({ key: { id, workspace, version }, leasedUntil }, noticed, next) {
      const settled = await run(settle, [id, workspace, leasedUntil, JSON.stringify(noticed), version, next ?? null])
      return settled.length > 0
    }
  }
}
