import type { Row } from '../../postgres/database.js'
import { readKey } from '../codec.js'
import type { ApiKey } from '../record.js'

export const COLUMNS = 'record, created_at, last_used_at, scopes_used'

/** @param row of `COLUMNS` */
export function keyOf (row: Row): ApiKey {
  const use = row.last_used_at === null
    ? undefined
    : { lastUsedAt: Number(row.last_used_at), scopesUsedAt: JSON.parse(String(row.scopes_used)) }
  return readKey(String(row.record), Number(row.created_at), use)
}
