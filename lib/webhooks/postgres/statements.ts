const COLUMNS = 'd.id, d.workspace, d.endpoint_id, d.created_at, d.record, d.attempts, d.state, d.due_at'

/** @param schema its name is part of the statements, so it must have been checked */
export function createStatements (schema: string) {
  const [endpoints, deliveries] = [`${schema}.webhook_endpoints`, `${schema}.webhook_deliveries`]
  return {
    /** Until the end of the transaction, nobody else adds an endpoint to the workspace: what is counted stays true. */
    lockWorkspace: 'SELECT pg_advisory_xact_lock($1, $2)',
    insertEndpoint: `INSERT INTO ${endpoints} (id, workspace, created_at, version, record)
      SELECT $1::text, $2::text, $3::bigint, $4::bigint, $5::json
      WHERE (SELECT count(*) FROM ${endpoints} WHERE workspace = $2) < $6::bigint RETURNING id`,
    getEndpoint: `SELECT id, workspace, record FROM ${endpoints} WHERE workspace = $1 AND id = $2`,
    listEndpoints: `SELECT id, workspace, record FROM ${endpoints} WHERE workspace = $1
      ORDER BY created_at DESC, id DESC`,
    updateEndpoint: `UPDATE ${endpoints} SET version = $3, record = $4
      WHERE id = $1 AND workspace = $2 AND version = $3 - 1 RETURNING id`,
    removeEndpoint: `DELETE FROM ${endpoints} WHERE workspace = $1 AND id = $2 RETURNING id`,
    removeDeliveries: `DELETE FROM ${deliveries} WHERE id IN (
        SELECT id FROM ${deliveries} WHERE endpoint_id = $1 LIMIT $2) RETURNING id`,

    // claimable_at = 0: a new delivery is claimed at once, whenever the endpoint was claimable before. Endpoints are
    // locked in the order of their ids, so that two processes cannot deadlock; and before anything is added, so that
    // nothing is added to one that is being removed.
    enqueue: `WITH given AS (
        SELECT * FROM unnest(
          $1::text[], $2::text[], $3::text[], $4::bigint[], $5::text[], $6::text[], $7::text[], $8::bigint[]
        ) AS g (id, endpoint_id, workspace, created_at, state, record, attempts, due_at)
      ), locked AS (
        SELECT id, workspace FROM ${endpoints} WHERE id = ANY ($2) ORDER BY id FOR NO KEY UPDATE
      ), added AS (
        INSERT INTO ${deliveries} (id, endpoint_id, workspace, created_at, state, record, attempts, due_at)
        SELECT g.id, g.endpoint_id, g.workspace, g.created_at, g.state, g.record::json, g.attempts::json, g.due_at
        FROM given g JOIN locked e ON e.id = g.endpoint_id AND e.workspace = g.workspace
        ON CONFLICT (id) DO NOTHING RETURNING id, endpoint_id
      ), claimable AS (
        UPDATE ${endpoints} e SET claimable_at = 0 WHERE e.id IN (SELECT endpoint_id FROM added)
      )
      SELECT id FROM added`,
    getDelivery: `SELECT ${COLUMNS} FROM ${deliveries} d WHERE workspace = $1 AND endpoint_id = $2 AND id = $3`,

    /** Leases endpoints until $2, those first that have waited longest. */
    leaseEndpoints: `UPDATE ${endpoints} e SET claimable_at = $2 FROM (
        SELECT id FROM ${endpoints} WHERE claimable_at <= $1 AND id <> ALL ($4::text[])
        ORDER BY claimable_at LIMIT $3 FOR NO KEY UPDATE SKIP LOCKED
      ) due WHERE e.id = due.id RETURNING e.id`,
    findEndpoint: `SELECT id FROM ${endpoints} WHERE workspace = $1 AND id = $2`,
    claim: `UPDATE ${deliveries} d SET due_at = $3 FROM (
        SELECT due.id FROM unnest($1::text[], $4::int[]) AS endpoint (id, wanted) CROSS JOIN LATERAL (
          SELECT id FROM ${deliveries} WHERE endpoint_id = endpoint.id AND due_at <= $2
          ORDER BY due_at, id LIMIT endpoint.wanted FOR NO KEY UPDATE SKIP LOCKED
        ) due LIMIT $5
      ) claimed WHERE d.id = claimed.id RETURNING ${COLUMNS}`,
    /** Ends the lease of endpoints, unless a new delivery ended it before. Those that wait since longer come first. */
    releaseEndpoints: `UPDATE ${endpoints} e SET claimable_at = (
        SELECT greatest(due_at, $3) FROM ${deliveries} WHERE endpoint_id = e.id AND due_at IS NOT NULL
        ORDER BY due_at LIMIT 1)
      WHERE e.id = ANY ($1::text[]) AND e.claimable_at = $2`,
    nextOfAll: `SELECT min(claimable_at) AS next FROM ${endpoints}
      WHERE claimable_at IS NOT NULL AND id <> ALL ($1::text[])`,
    nextOfOne: `SELECT min(due_at) AS next FROM ${deliveries} WHERE endpoint_id = $1 AND due_at IS NOT NULL`,
    settle: `WITH settled AS (
        UPDATE ${deliveries} SET state = $4, attempts = $5, due_at = $6
        WHERE id = $2 AND endpoint_id = $1 AND due_at = $3 RETURNING endpoint_id
      ), claimable AS (
        UPDATE ${endpoints} e SET claimable_at = least(claimable_at, $6)
        FROM settled WHERE $6::bigint IS NOT NULL AND e.id = settled.endpoint_id
      )
      SELECT 1 FROM settled`,
    prune: `DELETE FROM ${deliveries} WHERE id IN (
        SELECT id FROM ${deliveries} WHERE due_at IS NULL AND created_at < $1 ORDER BY created_at LIMIT $2
      ) RETURNING id`,
    /** What a process that ended while it removed an endpoint has left: nobody claims it. */
    pruneOrphans: `DELETE FROM ${deliveries} WHERE id IN (
        SELECT id FROM ${deliveries} d WHERE due_at IS NOT NULL
          AND NOT EXISTS (SELECT FROM ${endpoints} e WHERE e.id = d.endpoint_id) LIMIT $1
      ) RETURNING id`,

    /** Has only the filters that are asked for: Postgres would use no index for an optional one. */
    listDeliveries (filters: { state: boolean, after: boolean }) {
      const state = filters.state ? ' AND state = $4' : ''
      const [at, id] = filters.state ? ['$5', '$6'] : ['$4', '$5']
      const after = filters.after ? ` AND (created_at, id) < (${at}::bigint, ${id})` : ''
      return `SELECT ${COLUMNS} FROM ${deliveries} d WHERE workspace = $1 AND endpoint_id = $2${state}${after}
        ORDER BY created_at DESC, id DESC LIMIT $3`
    }
  }
}
