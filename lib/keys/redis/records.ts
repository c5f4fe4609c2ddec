import { textsOf } from '../../redis/commands.js'
import { readKey, writeKey, type StoredUse } from '../codec.js'
import type { ApiKey } from '../record.js'
import type { KeyUse } from '../store.js'

/** A record with the hashes of the secrets that open it. */
export interface StoredRecord {
  readonly key: ApiKey
  /** Hash → generation. */
  readonly hashes: ReadonlyMap<string, number>
}

const USED = 'used:'

/** Fields of a record that an update writes. @param hashes of the secrets that it lists */
export function fieldsOf (key: ApiKey, hashes: ReadonlyMap<string, number>): string[] {
  return ['version', String(key.version), 'record', writeKey(key), 'hashes', JSON.stringify([...hashes])]
}

/** @param reply of READ: names and values in turn; none where there is no record */
export function recordOf (reply: unknown): StoredRecord | undefined {
  const fields = fieldsIn(textsOf(reply))
  const record = fields.get('record')
  if (record === undefined) return undefined
  return {
    key: readKey(record, Number(fields.get('createdAt')), useOf(fields)),
    hashes: new Map<string, number>(JSON.parse(String(fields.get('hashes'))))
  }
}

/** @param texts names and values in turn */
export function fieldsIn (texts: readonly string[]): ReadonlyMap<string, string> {
  return new Map(texts.flatMap((name, i) => i % 2 === 0 ? [[name, String(texts[i + 1])] as const] : []))
}

/** Names of the notices that a key has had. */
export function noticedIn (fields: ReadonlyMap<string, string>): readonly string[] {
  return JSON.parse(fields.get('noticed') ?? '[]')
}

function useOf (fields: ReadonlyMap<string, string>): StoredUse | undefined {
  const lastUsedAt = fields.get('lastUsedAt')
  if (lastUsedAt === undefined) return undefined
  const scopes = [...fields].filter(([name]) => name.startsWith(USED))
  return {
    lastUsedAt: Number(lastUsedAt),
    scopesUsedAt: Object.fromEntries(scopes.map(([name, at]) => [name.slice(USED.length), Number(at)]))
  }
}

/** Fields of a use, each with the time that it is raised to. */
export function useFieldsOf ({ lastUsedAt, scopesUsedAt }: KeyUse): string[] {
  const scopes = Object.entries(scopesUsedAt).flatMap(([scope, at]) => [USED + scope, String(at.getTime())])
  return ['lastUsedAt', String(lastUsedAt.getTime()), ...scopes]
}
