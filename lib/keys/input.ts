import { Type } from '@sinclair/typebox'
import { Value, ValueErrorType, type ValueError } from '@sinclair/typebox/value'
import { AccessError } from '../errors.js'
import { show } from '../options.js'
import type { ScopeName } from '../register.js'
import type { ApiKey } from './record.js'

/** What a new key is made of. */
export interface IssueInput {
  workspace: string
  /** Declared scopes; an empty array grants nothing. */
  scopes: readonly ScopeName[]
  /** One of the environments of `keys.tags`; the first of them by default. */
  environment?: string | undefined
  name?: string | undefined
  owner?: string | undefined
  tier?: string | undefined
  /** Not valid from this instant on. Left out, the key does not expire by itself. */
  expiresAt?: Date | undefined
}

/** The part of a record that its issuer chooses. */
export type IssueFields = Pick<ApiKey, 'workspace' | 'environment' | 'scopes' | 'name' | 'owner' | 'tier' | 'expiresAt'>

interface Known {
  readonly now: number
  readonly scopes: readonly string[]
  /** Environment → tag. */
  readonly tagOf: ReadonlyMap<string, string>
}

const word = (what: string) => Type.String({ minLength: 1, maxLength: 256, pattern: '^[^\\x00-\\x1f\\x7f-\\x9f]+$', description: `${what} of 1 to 256 characters without control characters` })

const schema = Type.Object({
  workspace: word('a workspace'),
  scopes: Type.Array(Type.String({ description: 'a scope' }), { description: 'an array of scopes' }),
  environment: Type.Optional(Type.String({ description: 'an environment' })),
  name: Type.Optional(word('a name')),
  owner: Type.Optional(word('an owner')),
  tier: Type.Optional(word('a tier')),
  expiresAt: Type.Optional(Type.Date({ description: 'a valid Date' }))
}, { additionalProperties: false })

/** The year 10000: stores and formats can't hold what lies beyond. */
const BEYOND = Date.UTC(10_000, 0, 1)

/**
 * Reads own properties only: what an input inherits, nobody has stated.
 * @throws AccessError `KEY_INPUT_INVALID`
 */
export function readIssueInput (input: IssueInput, { now, scopes, tagOf }: Known): { fields: IssueFields, tag: string } {
  const own: IssueInput = Object.assign(Object.create(null), input)
  const error = Value.Errors(schema, own).First()
  if (error !== undefined) throw invalid(explain(error))
  const unknown = own.scopes.find((scope) => !scopes.includes(scope))
  if (unknown !== undefined) throw invalid(`scopes has ${show(unknown)}, which is not declared; declared: ${scopes.join(', ')}`)
  const [first = ''] = tagOf.keys()
  const { workspace, environment = first, name, owner, tier, expiresAt } = own
  const tag = tagOf.get(environment)
  if (tag === undefined) throw invalid(`environment must be one of ${[...tagOf.keys()].join(', ')}, not ${show(environment)}`)
  checkExpiry(expiresAt, now)
  const fields = {
    workspace,
    environment,
    scopes: Object.freeze([...new Set(own.scopes)]),
    ...name !== undefined && { name },
    ...owner !== undefined && { owner },
    ...tier !== undefined && { tier },
    ...expiresAt !== undefined && { expiresAt: new Date(expiresAt) }
  }
  return { fields, tag }
}

function explain ({ type, path, schema, value }: ValueError): string {
  const field = path.slice(1).replaceAll('/', '.')
  return type === ValueErrorType.ObjectAdditionalProperties
    ? `${show(field)} is not a field of a key`
    : `${field} must be ${schema.description}, not ${show(value)}`
}

function checkExpiry (expiresAt: Date | undefined, now: number): void {
  if (expiresAt === undefined) return
  if (!(expiresAt.getTime() > now)) throw invalid('expiresAt must be in the future')
  if (expiresAt.getTime() >= BEYOND) throw invalid('expiresAt must be before the year 10000; leave it out for a key that does not expire')
}

function invalid (detail: string): AccessError {
  return new AccessError('KEY_INPUT_INVALID', { detail, reason: detail })
}
