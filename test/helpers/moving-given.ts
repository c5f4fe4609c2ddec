/** What the code of docs/moving.md takes for granted where it moves a table of 10,000 keys: an old table, and Postgres. */
import { allowPlainHttp } from 'fastify-latchkey'
import { createPgliteKeyStore } from 'fastify-latchkey/keys/postgres'
import t from 'tap'
import { openDatabase } from './pglite.js'
import { options as given } from './readme-given.js'

export { Fastify, sha256 } from './readme-given.js'

export const ROWS = 10_000
export const secretOf = (row: number): string => `old_secret_${row}`

export const db = await openDatabase(t)
await db.exec(`CREATE TABLE old_keys (id int PRIMARY KEY, company text, rights text, hash text UNIQUE, created_at timestamptz);
  INSERT INTO old_keys SELECT i, 'company_' || i % 50, CASE i % 2 WHEN 0 THEN 'read' ELSE 'read write' END,
    encode(sha256(('old_secret_' || i)::bytea), 'hex'), '2025-01-01Z'::timestamptz + i * interval '1 second'
  FROM generate_series(0, ${ROWS - 1}) AS i`)

export const store = createPgliteKeyStore({ db })
export const options = { ...given, transport: allowPlainHttp }

interface OldRow { id: number, company: string, rights: string, hash: string, created_at: Date }

export const table = {
  async page (from: number, limit: number) {
    const { rows } = await db.query<OldRow>('SELECT * FROM old_keys ORDER BY id OFFSET $1 LIMIT $2', [from, limit])
    return rows.map(({ created_at: createdAt, ...row }) => ({ ...row, user: undefined, label: `key ${row.id}`, start: 'old_secr', createdAt }))
  },
  async findByHash (hash: string) {
    const { rows: [row] } = await db.query<OldRow>('SELECT * FROM old_keys WHERE hash = $1', [hash])
    return row && { ...row, user: 'u_1', mayWrite: row.rights.includes('write'), revokedAt: null }
  }
}
