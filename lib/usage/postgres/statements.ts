/** @param schema its name is part of the statements, so it must have been checked */
export function createStatements (schema: string) {
  const [counts, writers] = [`${schema}.usage_counts`, `${schema}.usage_writers`]
  return {
    // The row of the writer comes first: a batch that is added again waits there for the first attempt, and then adds
    // nothing. Rows are locked in the order of their key, so that two processes cannot deadlock.
    add: `WITH batch AS (
        INSERT INTO ${writers} AS w (writer, sequence, written_at) VALUES ($1, $2, $3)
        ON CONFLICT (writer) DO UPDATE SET sequence = excluded.sequence, written_at = excluded.written_at
        WHERE w.sequence < excluded.sequence RETURNING writer
      ), given AS (
        SELECT * FROM unnest($4::text[], $5::text[], $6::text[], $7::bigint[], $8::text[], $9::bigint[])
          AS g (workspace, environment, key_id, hour, outcome, requests)
      )
      INSERT INTO ${counts} AS c (workspace, environment, key_id, hour, outcome, requests)
      SELECT g.* FROM given g CROSS JOIN batch
      ORDER BY g.workspace COLLATE "C", g.environment COLLATE "C", g.key_id COLLATE "C", g.hour, g.outcome COLLATE "C"
      ON CONFLICT (workspace, environment, key_id, hour, outcome)
      DO UPDATE SET requests = c.requests + excluded.requests`,
    read: `SELECT key_id, hour - hour % $6::bigint AS at, outcome, sum(requests)::bigint AS requests FROM ${counts}
      WHERE workspace = $1 AND environment = $2 AND key_id = ANY ($3::text[]) AND hour >= $4 AND hour < $5
      GROUP BY 1, 2, 3`,
    prune: `DELETE FROM ${counts} WHERE ctid = ANY (ARRAY (
        SELECT ctid FROM ${counts} WHERE hour < $1 LIMIT $2 FOR UPDATE SKIP LOCKED
      )) RETURNING 1`,
    pruneWriters: `DELETE FROM ${writers} WHERE written_at < $1`
  }
}
