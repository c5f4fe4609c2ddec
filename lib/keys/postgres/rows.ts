import { readKey } from '../codec.js'
import type { ApiKey } from '../record.js'
import type { Row } from '../../postgres/sql.js'

/** Drivers read JSON and big integers each in their own way, so JSON comes as text. */
export const COLUMNS = 'record::text AS record, created_at, last_used_at, scopes_used::text AS scopes_used'

/** @param row of `COLUMNS` */
export function keyOf ({ record, created_at: createdAt, last_used_at: lastUsedAt, scopes_used: scopesUsed }: Row): ApiKey {
  return readKey(String(record), Number(createdAt), lastUsedAt === null ? undefined : { lastUsedAt: Number(lastUsedAt), scopesUsedAt: JSON.parse(String(scopesUsed)) })
}
