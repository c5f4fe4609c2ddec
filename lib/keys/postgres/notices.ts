import { readEvents, type AccessEvent } from '../../events/index.js'
import type { Run } from '../../postgres/database.js'
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
      RETURNING ${COLUMNS}, noticed, events, due_at)
    SELECT * FROM leased ORDER BY due_at`
  const settle = `UPDATE ${schema}.keys SET noticed = $4, notice_leased_until = NULL,
      notice_at = CASE WHEN version = $5 THEN $6::bigint ELSE 0 END
    WHERE id = $1 AND workspace = $2 AND notice_leased_until = $3 RETURNING id`

  const emitted = `UPDATE ${schema}.keys SET events = nullif(events - $3::text[], '{}')
    WHERE id = $1 AND workspace = $2 AND events IS NOT NULL`

  return {
    async due (now, lease, limit) {
      const leasedUntil = now + lease
      const rows = await write(due, [now, leasedUntil, limit])
      return rows.map((row) => ({
        key: keyOf(row),
        noticed: row.noticed === null ? [] : JSON.parse(String(row.noticed)),
        events: eventsIn(row.events),
        leasedUntil
      }))
    },
    async settle ({ key: { id, workspace, version }, leasedUntil }, noticed, next) {
      const settled = await write(settle, [id, workspace, leasedUntil, JSON.stringify(noticed), version, next ?? null])
      return settled.length > 0
    },
    async emitted ({ id, workspace }, eventIds) {
      await write(emitted, [id, workspace, eventIds])
    }
  }
}

/** @param column JSON by event id; null for none @throws RecordError */
function eventsIn (column: unknown): AccessEvent[] {
  if (column === null) return []
  const byId: Record<string, unknown> = JSON.parse(String(column))
  return readEvents(Object.values(byId).map((event) => JSON.stringify(event)))
}
