import { readKey, writeKey, type StoredUse } from '../codec.js'
import type { ApiKey } from '../record.js'
import type { KeyUse } from '../store.js'

/** A record as it is kept, with the hashes of its secrets by which it can be opened. */
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

/** Names of notices that a key has had. */
export function noticedIn (fields: ReadonlyMap<string, string>): readonly string[] {
  return JSON.parse(fields.get('noticed') ?? '[]')
}

export function textsOf (reply: unknown): readonly string[] {
  if (!Array.isArray(reply)) throw new TypeError('Redis has answered something else than a list')
  return reply.map(String)
}

function useOf (fields: ReadonlyMap<string, string>): StoredUse | undefined {
  const lastUsedAt = fields.get('lastUsedAt')
  if (lastUsedAt === undefined) return undefined
  const scopes = [...fields].filter(([name]) => name.startsWith(USED)).map(([name, at]) => [name.slice(USED.length), Number(at)] as const)
  return { lastUsedAt: Number(lastUsedAt), scopesUsedAt: Object.fromEntries(scopes) }
}

/** Fields that a use moves forwards, and where to. */
export function marksOf ({ lastUsedAt, scopesUsedAt }: KeyUse): string[] {
  const scopes = Object.entries(scopesUsedAt).flatMap(([scope, at]) => [USED + scope, String(at.getTime())])
  return ['lastUsedAt', String(lastUsedAt.getTime()), ...scopes]
}
