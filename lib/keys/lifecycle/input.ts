import type { TSchema } from '@sinclair/typebox'
import { Value, ValueErrorType, type ValueError } from '@sinclair/typebox/value'
import { readCursor } from '../../core/cursor.js'
import { AccessError } from '../../core/errors.js'
import { show } from '../../core/options.js'
import type { Principal } from '../../core/principal.js'
import type { ApiKey } from '../record.js'
import type { KeyPage } from '../store.js'
import { readMetadata } from './metadata.js'
import {
  issueSchema, listSchema, revokeSchema, rotateSchema, updateSchema,
  type IssueInput, type ListInput, type RevokeInput, type RotateInput, type UpdateInput
} from './record-schema.js'
import type { Grace, KeyChange } from './transitions.js'

/** The fields of a record that its issuer chooses. */
export type IssueFields =
  Pick<ApiKey, 'workspace' | 'environment' | 'scopes' | 'name' | 'owner' | 'tier' | 'expiresAt' | 'metadata'>

/** What inputs are checked against. */
export interface InputContext {
  readonly now: number
  /** Declared scopes. */
  readonly scopes: readonly string[]
  /** Environment → tag. */
  readonly tagOf: ReadonlyMap<string, string>
  /** The host's schema of metadata. */
  readonly metadata: TSchema | undefined
  /** A new key gets the environment, owner and tier of this caller where the input names none. */
  readonly by?: Pick<Principal, 'environment' | 'owner' | 'tier'> | undefined
}

/**
 * A copy of an input's own properties: what it inherits was not stated by the caller.
 * @throws AccessError `KEY_INPUT_INVALID`
 */
export function readOwn<T> (schema: TSchema, input: T): T {
  const own: T = Object.assign(Object.create(null), input)
  const error = Value.Errors(schema, own).First()
  if (error !== undefined) throw invalid(explain(error))
  return own
}

/** @throws AccessError `KEY_INPUT_INVALID`, as all functions here */
export function readIssueInput (input: IssueInput, context: InputContext): { fields: IssueFields, tag: string } {
  const { by, tagOf } = context
  const given = readOwn(issueSchema, input)
  const [defaultEnvironment = ''] = tagOf.keys()
  const { workspace, name, expiresAt } = given
  const { environment = by?.environment ?? defaultEnvironment, owner = by?.owner, tier = by?.tier } = given
  const scopes = readScopes(given.scopes, context)
  const tag = tagOf.get(environment)
  if (tag === undefined) {
    throw invalid(`environment must be one of ${[...tagOf.keys()].join(', ')}, not ${show(environment)}`)
  }
  checkExpiry(expiresAt, context)
  const metadata = readMetadata(given.metadata, context.metadata, invalid)
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

interface ReadUpdate { readonly change: KeyChange, readonly version: number | undefined }

export function readUpdateInput (input: UpdateInput, context: InputContext): ReadUpdate {
  const { version, scopes, metadata, ...given } = readOwn(updateSchema, input)
  checkExpiry(given.expiresAt ?? undefined, context)
  const notes = metadata === undefined
    ? undefined
    : readMetadata(metadata ?? undefined, context.metadata, invalid) ?? null
  return { change: { ...given, scopes: scopes && readScopes(scopes, context), metadata: notes }, version }
}

export function readRotateInput (input: RotateInput): { grace: Grace, version: number | undefined } {
  const { grace = 0, graceFrom = 'now', version } = readOwn(rotateSchema, input)
  return { grace: { seconds: grace, from: graceFrom }, version }
}

export function readRevokeInput (input: RevokeInput): RevokeInput {
  return readOwn(revokeSchema, input)
}

export function readListInput (input: ListInput): KeyPage {
  const { limit = 50, cursor, owner, environment } = readOwn(listSchema, input)
  const after = cursor === undefined ? undefined : readCursor(cursor)
  if (cursor !== undefined && after === undefined) throw invalid('cursor must be `next` of the page before')
  return { limit, after, owner, environment }
}

function readScopes (scopes: readonly string[], { scopes: declared }: InputContext): readonly string[] {
  const unknown = scopes.find((scope) => !declared.includes(scope))
  if (unknown === undefined) return Object.freeze([...new Set(scopes)])
  throw invalid(`scopes has ${show(unknown)}, which is not declared; declared: ${declared.join(', ')}`)
}

/** The year 10000: stores and date formats can't hold later dates. */
const END_OF_DATES = Date.UTC(10_000, 0, 1)

function checkExpiry (expiresAt: Date | undefined, { now }: InputContext): void {
  if (expiresAt === undefined) return
  if (!(expiresAt.getTime() > now)) throw invalid('expiresAt must be in the future')
  if (expiresAt.getTime() < END_OF_DATES) return
  throw invalid('expiresAt must be before the year 10000; leave it out for a key that does not expire')
}

/** What is wrong with a field, and what it must be. */
function explain ({ type, path, schema, value }: ValueError): string {
  const field = path.slice(1).replaceAll('/', '.')
  return type === ValueErrorType.ObjectAdditionalProperties
    ? `${show(field)} is not a field of a key`
    : `${field} must be ${schema.description}, not ${show(value)}`
}

export function invalid (detail: string): AccessError {
  return new AccessError('KEY_INPUT_INVALID', { detail, reason: detail })
}
