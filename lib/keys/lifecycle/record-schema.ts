import { Type, type TSchema } from '@sinclair/typebox'
import { accepted } from '../../core/options.js'
import { MAX_NAME_LENGTH, NAME_PATTERN } from '../../core/name.js'
import type { ScopeName } from '../../core/scope-registry.js'
import type { KeyMetadata } from '../record.js'
import type { Grace } from './transitions.js'

/** What a new key is made of. */
export interface IssueInput {
  workspace: string
  /** Declared scopes; an empty array grants nothing. */
  scopes: readonly ScopeName[]
  /** One of the environments of `keys.tags`; the caller's by default, or the first of them. */
  environment?: string | undefined
  name?: string | undefined
  owner?: string | undefined
  tier?: string | undefined
  /** Not valid from this instant on. Left out, the key does not expire by itself. */
  expiresAt?: Date | undefined
  /** Notes of the host: at most 32, with names of up to 64 characters; strings up to 512, numbers, booleans, null. */
  metadata?: KeyMetadata | undefined
}

/** What of a key is to be changed; null removes it. */
export interface UpdateInput {
  name?: string | null | undefined
  owner?: string | null | undefined
  tier?: string | null | undefined
  scopes?: readonly ScopeName[] | undefined
  /** In the future. */
  expiresAt?: Date | null | undefined
  /** Replaces all notes. */
  metadata?: KeyMetadata | null | undefined
  /** Only if this is still the key's version. */
  version?: number | undefined
}

/** How a key gets a new secret. */
export interface RotateInput {
  /** Seconds that the present secret stays valid: 0 by default, which ends it at once; at most a year. */
  grace?: number | undefined
  /** What the seconds count from: the rotation, which is the default, or the first use of the new secret. */
  graceFrom?: Grace['from'] | undefined
  /** Only if this is still the key's version. */
  version?: number | undefined
}

/** Why a key is revoked. */
export interface RevokeInput {
  /** For people. */
  reason?: string | undefined
}

/** Which page of a list of keys is wanted. */
export interface ListInput {
  /** Most keys of the page; 50 by default, at most 200. */
  limit?: number | undefined
  /** `next` of the previous page. */
  cursor?: string | undefined
  owner?: string | undefined
  environment?: string | undefined
}

const word = (what: string) => Type.String({
  minLength: 1,
  maxLength: MAX_NAME_LENGTH,
  pattern: NAME_PATTERN,
  description: `${what} of 1 to 256 characters without control characters`
})
const orNull = (schema: TSchema) =>
  Type.Optional(Type.Union([schema, Type.Null()], { description: `${schema.description}, or null` }))
const scopeList = Type.Array(Type.String({ description: 'a scope' }), { description: 'an array of scopes' })
const date = Type.Date({ description: 'a valid Date' })
/** Checked by `readMetadata`. */
const metadata = accepted(() => true, 'a plain object')
const version = Type.Optional(Type.Integer({ minimum: 1, description: 'a whole number of at least 1' }))
const strict = { additionalProperties: false }

export const issueSchema = Type.Object({
  workspace: word('a workspace'),
  scopes: scopeList,
  environment: Type.Optional(Type.String({ description: 'an environment' })),
  name: Type.Optional(word('a name')),
  owner: Type.Optional(word('an owner')),
  tier: Type.Optional(word('a tier')),
  expiresAt: Type.Optional(date),
  metadata: Type.Optional(metadata)
}, strict)

/** Scopes are mapped first, and the other fields checked as those of a new key are. */
export const importRowSchema = Type.Object({
  ...issueSchema.properties,
  hash: Type.String({ minLength: 1, maxLength: 256, description: 'the stored hash of a secret' }),
  id: Type.Optional(word('an id')),
  hint: Type.Optional(Type.String({ maxLength: 16, description: 'the first characters of the secret, 16 at most' })),
  createdAt: Type.Optional(date),
  lastUsedAt: Type.Optional(date)
}, strict)

export const updateSchema = Type.Object({
  name: orNull(word('a name')),
  owner: orNull(word('an owner')),
  tier: orNull(word('a tier')),
  scopes: Type.Optional(scopeList),
  expiresAt: orNull(date),
  metadata: Type.Optional(metadata),
  version
}, strict)

/** A year, in seconds. */
const MAX_GRACE = 31_536_000

const graceFrom = Type.Union([Type.Literal('now'), Type.Literal('first-use')], {
  description: '\'now\' or \'first-use\''
})

export const rotateSchema = Type.Object({
  grace: Type.Optional(Type.Number({ minimum: 0, maximum: MAX_GRACE, description: `seconds from 0 to ${MAX_GRACE}` })),
  graceFrom: Type.Optional(graceFrom),
  version
}, strict)

export const revokeSchema = Type.Object({ reason: Type.Optional(word('a reason')) }, strict)

export const listSchema = Type.Object({
  limit: Type.Optional(Type.Integer({ minimum: 1, maximum: 200, description: 'a whole number from 1 to 200' })),
  cursor: Type.Optional(Type.String({ description: '`next` of the page before' })),
  owner: Type.Optional(word('an owner')),
  environment: Type.Optional(word('an environment'))
}, strict)
