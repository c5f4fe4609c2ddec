/** A pool of `pg`, or a PGlite. */
interface Database { query (text: string, values?: unknown[]): Promise<unknown> }

/** The hash of key number `i` of a filled table. */
export const hashOf = (i: number): string => `hash-${i}`

/** Adds keys by the thousand, past the store: of ten workspaces, each of ten owners and with a fifth of its keys in the sandbox. */
export async function fillPostgres (database: Database, count: number, workspaces = 10): Promise<void> {
  await database.query(`
    INSERT INTO latchkey.keys (id, workspace, environment, owner, created_at, version, record)
    SELECT 'key-' || i, w, e, o, 1767225600000 + i / 3, 1, json_build_object('id', 'key-' || i, 'workspace', w, 'environment', e, 'owner', o,
      'scopes', json_build_array('devices:read'), 'secrets', json_build_array(json_build_object('generation', 1, 'hint', 'aBc9', 'createdAt', '2026-01-01T00:00:00.000Z')), 'version', 1)
    FROM generate_series(1, $1::int) i,
      LATERAL (SELECT 'w' || i % $2::int AS w, 'o' || i / $2::int % 10 AS o, CASE WHEN i % 50 < 10 THEN 'sandbox' ELSE 'production' END AS e) one`, [count, workspaces])
  await database.query('INSERT INTO latchkey.secrets (hash, key_id, generation) SELECT \'hash-\' || i, \'key-\' || i, 1 FROM generate_series(1, $1::int) i', [count])
  await database.query('ANALYZE latchkey.keys, latchkey.secrets')
}
