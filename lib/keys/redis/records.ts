import { RecordError } from '../../core/store-error.js'
import { readEvents, writeEvent, type AccessEvent } from '../../events/index.js'
import { nameOfKey, readKey, readNoticed, writeKey, type StoredUse } from '../codec.js'
import type { ApiKey } from '../record.js'
import type { KeyUse } from '../store.js'

/** A record with the hashes of the secrets that open it. */
export interface StoredRecord {
  readonly key: ApiKey
  /** Hash → generation. */
  readonly hashes: ReadonlyMap<string, number>
}

const USED = 'used:'
const EVENT = 'event:'

/** Fields of a record that an update writes. @param hashes of the secrets that it lists */
export function fieldsOf (key: ApiKey, hashes: ReadonlyMap<string, number>): string[] {
  return ['version', String(key.version), 'record', writeKey(key), 'hashes', JSON.stringify([...hashes])]
}

/** @throws RecordError */
export function recordOf (workspace: string, id: string, fields: ReadonlyMap<string, string>): StoredRecord {
  return {
    key: readKey({
      id,
      workspace,
      version: Number(fields.get('version')),
      record: String(fields.get('record')),
      createdAt: Number(fields.get('createdAt')),
      use: useOf(fields)
    }),
    hashes: hashesOf(id, String(fields.get('hashes')))
  }
}

function hashesOf (id: string, text: string): ReadonlyMap<string, number> {
  try {
    return new Map<string, number>(JSON.parse(text))
  } catch {
    throw new RecordError(nameOfKey(id), 'its list of hashes is no JSON')
  }
}

/** @param texts names and values in turn */
export function fieldsIn (texts: readonly string[]): ReadonlyMap<string, string> {
  return new Map(texts.flatMap((name, i) => i % 2 === 0 ? [[name, String(texts[i + 1])] as const] : []))
}

/** Names of the notices that a key has had. */
export function noticedIn (id: string, fields: ReadonlyMap<string, string>): readonly string[] {
  return readNoticed(id, fields.get('noticed') ?? '[]')
}

/** Name of the field of an event that was not emitted yet. */
export const eventField = (eventId: string): string => EVENT + eventId

/** The field that a change of a key adds. */
export function eventFieldsOf (event: AccessEvent | undefined): string[] {
  return event === undefined ? [] : [eventField(event.id), writeEvent(event)]
}

/** Events of a key's changes that were not emitted yet. @throws RecordError */
export function eventsIn (id: string, fields: ReadonlyMap<string, string>): AccessEvent[] {
  return readEvents([...fields].flatMap(([name, text]) => name.startsWith(EVENT) ? [text] : []), nameOfKey(id))
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
