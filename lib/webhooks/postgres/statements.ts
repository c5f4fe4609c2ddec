/** Drivers read JSON and big integers each in their own way, so JSON comes as text. */
const COLUMNS = 'd.record::text AS record, d.attempts::text AS attempts, d.state, d.due_at'

/** @param schema checked: it is part of the statements */
export function statementsOf (schema: string) {
  const [endpoints, deliveries] = [`${schema}.webhook_endpoints`, `${schema}.webhook_deliveries`]
  return {
    insertEndpoint: `INSERT INTO ${endpoints} (id, workspace, created_at, version, record) VALUES ($1, $2, $3, $4, $5) ON CONFLICT DO NOTHING RETURNING id`,
    getEndpoint: `SELECT record::text AS record FROM ${endpoints} WHERE workspace = $1 AND id = $2`,
    listEndpoints: `SELECT record::text AS record FROM ${endpoints} WHERE workspace = $1 ORDER BY created_at DESC, id DESC`,
    updateEndpoint: `UPDATE ${endpoints} SET version = $3, record = $4 WHERE id = $1 AND workspace = $2 AND version = $3 - 1 RETURNING id`,
    removeEndpoint: `DELETE FROM ${endpoints} WHERE workspace = $1 AND id = $2 RETURNING id`,
    forget: `DELETE FROM ${deliveries} WHERE id IN (SELECT id FROM ${deliveries} WHERE endpoint_id = $1 LIMIT $2) RETURNING id`,
    // An endpoint that has something new is looked at at once, whatever its turn was.
    enqueue: `WITH given AS (
        SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::bigint[], $5::text[], $6::text[], $7::text[], $8::bigint[])
          AS g (id, endpoint_id, workspace, created_at, state, record, attempts, due_at)
      ), added AS (
        INSERT INTO ${deliveries} (id, endpoint_id, workspace, created_at, state, record, attempts, due_at)
        SELECT g.id, g.endpoint_id, g.workspace, g.created_at, g.state, g.record::json, g.attempts::json, g.due_at
        FROM given g JOIN ${endpoints} e ON e.id = g.endpoint_id AND e.workspace = g.workspace
        ON CONFLICT (id) DO NOTHING RETURNING id, endpoint_id
      ), locked AS (
        SELECT id FROM ${endpoints} WHERE id IN (SELECT endpoint_id FROM added) ORDER BY id FOR NO KEY UPDATE
      ), told AS (
        UPDATE ${endpoints} e SET turn_at = 0 FROM locked WHERE e.id = locked.id
      )
      SELECT id FROM added`,
    getDelivery: `SELECT ${COLUMNS} FROM ${deliveries} d WHERE workspace = $1 AND endpoint_id = $2 AND id = $3`,
    /** Endpoints whose turn it is; until $2 it is nobody else's. */
    turns: `UPDATE ${endpoints} e SET turn_at = $2 FROM (
        SELECT id FROM ${endpoints} WHERE turn_at <= $1 AND id <> ALL ($4::text[]) ORDER BY turn_at LIMIT $3 FOR NO KEY UPDATE SKIP LOCKED) due
      WHERE e.id = due.id RETURNING e.id`,
    take: `UPDATE ${deliveries} d SET due_at = $3 FROM (
        SELECT due.id FROM unnest($1::text[]) AS lane (id) CROSS JOIN LATERAL (
          SELECT id FROM ${deliveries} WHERE endpoint_id = lane.id AND due_at <= $2 ORDER BY due_at, id LIMIT $4 FOR NO KEY UPDATE SKIP LOCKED) due
        LIMIT $5) taken
      WHERE d.id = taken.id RETURNING ${COLUMNS}`,
    /** Their next turns, after those who wait; unless something new has come meanwhile. */
    pass: `UPDATE ${endpoints} e SET turn_at = (SELECT greatest(due_at, $3) FROM ${deliveries} WHERE endpoint_id = e.id AND due_at IS NOT NULL ORDER BY due_at LIMIT 1)
      WHERE e.id = ANY ($1::text[]) AND e.turn_at = $2`,
    next: `SELECT min(turn_at) AS next FROM ${endpoints} WHERE turn_at IS NOT NULL AND id <> ALL ($1::text[])`,
    nextOf: `SELECT min(due_at) AS next FROM ${deliveries} WHERE endpoint_id = $1 AND due_at IS NOT NULL`,
    lane: `SELECT id FROM ${endpoints} WHERE workspace = $1 AND id = $2`,
    settle: `WITH settled AS (
        UPDATE ${deliveries} SET state = $4, attempts = $5, due_at = $6 WHERE id = $2 AND endpoint_id = $1 AND due_at = $3 RETURNING endpoint_id
      ), told AS (
        UPDATE ${endpoints} e SET turn_at = least(turn_at, $6) FROM settled WHERE $6::bigint IS NOT NULL AND e.id = settled.endpoint_id
      )
      SELECT 1 FROM settled`,
    prune: `DELETE FROM ${deliveries} WHERE id IN (SELECT id FROM ${deliveries} WHERE due_at IS NULL AND created_at < $1 ORDER BY created_at LIMIT $2) RETURNING id`,
    /** Filters are written into the statement only where they are asked for, so that an index serves each. */
    listing (filters: { state: boolean, after: boolean }) {
      const state = filters.state ? ' AND state = $4' : ''
      const [at, id] = filters.state ? ['$5', '$6'] : ['$4', '$5']
      const after = filters.after ? ` AND (created_at, id) < (${at}::bigint, ${id})` : ''
      return `SELECT ${COLUMNS} FROM ${deliveries} d WHERE workspace = $1 AND endpoint_id = $2${state}${after} ORDER BY created_at DESC, id DESC LIMIT $3`
    }
  }
}
