import type { TSchema } from '@sinclair/typebox'
import { Value, ValueErrorType, type ValueError } from '@sinclair/typebox/value'
import { AccessError } from '../../core/errors.js'
import { show } from '../../core/options.js'
import type { Principal } from '../../core/principal.js'
import { readCursor } from '../../core/cursor.js'
import type { Grace, KeyChange } from './transitions.js'
import { readMetadata } from './metadata.js'
import type { ApiKey } from '../record.js'
import { issueSchema, listSchema, revokeSchema, rotateSchema, updateSchema, type IssueInput, type ListInput, type RevokeInput, type RotateInput, type UpdateInput } from './record-schema.js'
import type { KeyPage } from '../store.js'

/** The part of a record that its issuer chooses. */
export type IssueFields = Pick<ApiKey, 'workspace' | 'environment' | 'scopes' | 'name' | 'owner' | 'tier' | 'expiresAt' | 'metadata'>

export interface Known {
  readonly now: number
  readonly scopes: readonly string[]
  /** Environment → tag. */
  readonly tagOf: ReadonlyMap<string, string>
  /** What the host's metadata look like. */
  readonly metadata: TSchema | undefined
  /** Whose environment, owner and tier a new key has where nothing else is said. */
  readonly by?: Pick<Principal, 'environment' | 'owner' | 'tier'> | undefined
}

/**
 * Reads own properties only: what an input inherits, nobody has stated.
 * @throws AccessError `KEY_INPUT_INVALID`
 */
function own<T> (schema: TSchema, input: T): T {
  const stated: T = Object.assign(Object.create(null), input)
  const error = Value.Errors(schema, stated).First()
  if (error !== undefined) throw invalid(explain(error))
  return stated
}

/** @throws AccessError `KEY_INPUT_INVALID`, as the others here */
export function readIssueInput (input: IssueInput, known: Known): { fields: IssueFields, tag: string } {
  const given = own(issueSchema, input)
  const [first = ''] = known.tagOf.keys()
  const { workspace, environment = known.by?.environment ?? first, name, owner = known.by?.owner, tier = known.by?.tier, expiresAt } = given
  const scopes = readScopes(given.scopes, known)
  const tag = known.tagOf.get(environment)
  if (tag === undefined) throw invalid(`environment must be one of ${[...known.tagOf.keys()].join(', ')}, not ${show(environment)}`)
  checkExpiry(expiresAt, known)
  const metadata = readMetadata(given.metadata, known.metadata, invalid)
  const fields = {
    workspace,
    environment,
    scopes,
    ...name !== undefined && { name },
    ...owner !== undefined && { owner },
    ...tier !== undefined && { tier },
    ...expiresAt !== undefined && { expiresAt: new Date(expiresAt) },
    ...metadata !== undefined && { metadata }
  }
  return { fields, tag }
}

export function readUpdateInput (input: UpdateInput, known: Known): { change: KeyChange, version: number | undefined } {
  const { version, scopes, metadata, ...given } = own(updateSchema, input)
  checkExpiry(given.expiresAt ?? undefined, known)
  const change = {
    ...given,
    scopes: scopes && readScopes(scopes, known),
    metadata: metadata === undefined ? undefined : readMetadata(metadata ?? undefined, known.metadata, invalid) ?? null
  }
  return { change, version }
}

export function readRotateInput (input: RotateInput): { grace: Grace, version: number | undefined } {
  const { grace = 0, graceFrom = 'now', version } = own(rotateSchema, input)
  return { grace: { seconds: grace, from: graceFrom }, version }
}

export function readRevokeInput (input: RevokeInput): RevokeInput {
  return own(revokeSchema, input)
}

export function readListInput (input: ListInput): KeyPage {
  const { limit = 50, cursor, owner, environment } = own(listSchema, input)
  const after = cursor === undefined ? undefined : readCursor(cursor)
  if (cursor !== undefined && after === undefined) throw invalid('cursor must be `next` of the page before')
  return { limit, after, owner, environment }
}

function readScopes (scopes: readonly string[], known: Known): readonly string[] {
  const unknown = scopes.find((scope) => !known.scopes.includes(scope))
  if (unknown !== undefined) throw invalid(`scopes has ${show(unknown)}, which is not declared; declared: ${known.scopes.join(', ')}`)
  return Object.freeze([...new Set(scopes)])
}

/** The year 10000: stores and formats can't hold what lies beyond. */
const BEYOND = Date.UTC(10_000, 0, 1)

function checkExpiry (expiresAt: Date | undefined, { now }: Known): void {
  if (expiresAt === undefined) return
  if (!(expiresAt.getTime() > now)) throw invalid('expiresAt must be in the future')
  if (expiresAt.getTime() >= BEYOND) throw invalid('expiresAt must be before the year 10000; leave it out for a key that does not expire')
}

/** What is wrong with a field, and what it must be. */
export function explain ({ type, path, schema, value }: ValueError): string {
  const field = path.slice(1).replaceAll('/', '.')
  return type === ValueErrorType.ObjectAdditionalProperties
    ? `${show(field)} is not a field of a key`
    : `${field} must be ${schema.description}, not ${show(value)}`
}

/** Of a part of a request. Descriptions of its schemas are for the document, so the message is the validator's. */
export function explainPart (error: ValueError, httpPart: string | undefined): string {
  if (error.type === ValueErrorType.ObjectAdditionalProperties) return explain(error)
  return `${error.path.slice(1).replaceAll('/', '.') || String(httpPart)}: ${error.message}`
}

export function invalid (detail: string): AccessError {
  return new AccessError('KEY_INPUT_INVALID', { detail, reason: detail })
}
