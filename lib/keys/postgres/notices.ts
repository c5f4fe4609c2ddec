import { Type } from '@sinclair/typebox'
import { parseRecord, readEach } from '../../core/stored-record.js'
import { readEvents, type AccessEvent } from '../../events/index.js'
import type { Row, Run } from '../../postgres/database.js'
import { nameOfKey, readNoticed } from '../codec.js'
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
    async due (now, lease, limit, onBroken) {
      const leasedUntil = now + lease
      const rows = await write(due, [now, leasedUntil, limit])
      return readEach(rows, (row) => {
        return { key: keyOf(row), noticed: noticedIn(row), events: eventsIn(row), leasedUntil }
      }, onBroken)
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

/** @throws RecordError, as `eventsIn` */
function noticedIn ({ id, noticed }: Row): readonly string[] {
  return noticed === null ? [] : readNoticed(String(id), String(noticed))
}

/** Events are texts: jsonb itself takes no NUL, which the id of a principal may have. */
const byId = Type.Record(Type.String(), Type.String())

function eventsIn ({ id, events }: Row): AccessEvent[] {
  if (events === null) return []
  const name = nameOfKey(String(id))
  return readEvents(Object.values(parseRecord(byId, String(events), name)), name)
}
