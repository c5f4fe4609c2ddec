import type { Row } from '../../postgres/database.js'
import { readKey, readScopesUsed, type StoredKey } from '../codec.js'
import type { ApiKey } from '../record.js'

export const COLUMNS = 'id, workspace, version, record, created_at, last_used_at, scopes_used'

/** @param row of `COLUMNS` @throws RecordError */
export function keyOf (row: Row): ApiKey {
  return readKey({
    ...storedKeyOf(row),
    use: row.last_used_at === null
      ? undefined
      : { lastUsedAt: Number(row.last_used_at), scopesUsedAt: readScopesUsed(String(row.id), String(row.scopes_used)) }
  })
}

/** A key without its uses, which verification does not need. @throws RecordError */
export function verifiedKeyOf (row: Row): ApiKey {
  return readKey(storedKeyOf(row))
}

function storedKeyOf ({ id, workspace, version, record, created_at: createdAt }: Row): StoredKey {
  return {
    id: String(id),
    workspace: String(workspace),
    version: Number(version),
    record: String(record),
    createdAt: Number(createdAt)
  }
}
