import { readEach } from '../../core/stored-record.js'
import type { Row, Run } from '../../postgres/database.js'
import { readNoticed } from '../codec.js'
import type { KeyNotices } from '../store.js'
import { COLUMNS, keyOf } from './rows.js'

/** @param schema its name is part of the statements, so it must have been checked */
export function createSqlNotices (write: Run, schema: string): KeyNotices {
  // SKIP LOCKED: of processes that ask at once, each takes other rows.
  const due = `WITH due AS (
      SELECT id AS due_id, notice_at AS due_at FROM ${schema}.keys WHERE notice_at <= $1
      ORDER BY notice_at LIMIT $3 FOR NO KEY UPDATE SKIP LOCKED
    ), leased AS (
      UPDATE ${schema}.keys k SET notice_at = $2, notice_leased_until = $2 FROM due WHERE k.id = due_id
      RETURNING ${COLUMNS}, noticed, due_at)
    SELECT * FROM leased ORDER BY due_at`
  const settle = `UPDATE ${schema}.keys SET noticed = $4, notice_leased_until = NULL,
      notice_at = CASE WHEN version = $5 THEN $6::bigint ELSE 0 END
    WHERE id = $1 AND workspace = $2 AND notice_leased_until = $3 RETURNING id`

  return {
    async due (now, lease, limit, onBroken) {
      const leasedUntil = now + lease
      const rows = await write(due, [now, leasedUntil, limit])
      return readEach(rows, (row) => ({ key: keyOf(row), noticed: noticedIn(row), leasedUntil }), onBroken)
    },
    async settle ({ key: { id, workspace, version }, leasedUntil }, noticed, next) {
      const settled = await write(settle, [id, workspace, leasedUntil, JSON.stringify(noticed), version, next ?? null])
      return settled.length > 0
    }
  }
}

/** @throws RecordError */
function noticedIn ({ id, noticed }: Row): readonly string[] {
  return noticed === null ? [] : readNoticed(String(id), String(noticed))
}
