import { Type } from '@sinclair/typebox'
import { Value } from '@sinclair/typebox/value'
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

interface Known { readonly now: number, readonly scopes: readonly string[], readonly environments: readonly string[] }

const word = (what: string) => Type.String({ minLength: 1, maxLength: 256, pattern: '^[^\\x00-\\x1f\\x7f]+$', description: `${what} of 1 to 256 characters without control characters` })

const schema = Type.Object({
  workspace: word('a workspace'),
  scopes: Type.Array(Type.String(), { description: 'an array of scopes' }),
  environment: Type.Optional(Type.String({ description: 'an environment' })),
  name: Type.Optional(word('a name')),
  owner: Type.Optional(word('an owner')),
  tier: Type.Optional(word('a tier')),
  expiresAt: Type.Optional(Type.Date({ description: 'a valid Date' }))
}, { additionalProperties: false })

/** The last instant that all stores and formats can hold. */
const LAST_INSTANT = Date.UTC(9999, 11, 31)

/** @throws AccessError `KEY_INPUT_INVALID` */
export function readIssueInput (input: IssueInput, { now, scopes, environments }: Known): IssueFields {
  const error = Value.Errors(schema, input).First()
  if (error !== undefined) {
    const field = error.path.slice(1).replaceAll('/', '.') || 'the key'
    throw invalid(error.schema === schema && field !== 'the key' ? `${field} is not a field of a key` : `${field} must be ${error.schema.description ?? 'given'}, not ${show(error.value)}`)
  }
  const unknown = input.scopes.find((scope) => !scopes.includes(scope))
  if (unknown !== undefined) throw invalid(`scopes has ${show(unknown)}, which is not declared; declared: ${scopes.join(', ')}`)
  const environment = input.environment ?? environments[0] ?? ''
  if (!environments.includes(environment)) throw invalid(`environment must be one of ${environments.join(', ')}, not ${show(environment)}`)
  checkExpiry(input.expiresAt, now)
  const { workspace, name, owner, tier, expiresAt } = input
  return {
    workspace,
    environment,
    scopes: Object.freeze([...new Set(input.scopes)]),
    ...name !== undefined && { name },
    ...owner !== undefined && { owner },
    ...tier !== undefined && { tier },
    ...expiresAt !== undefined && { expiresAt: new Date(expiresAt) }
  }
}

function checkExpiry (expiresAt: Date | undefined, now: number): void {
  if (expiresAt === undefined) return
  if (expiresAt.getTime() <= now) throw invalid('expiresAt must be in the future')
  if (expiresAt.getTime() > LAST_INSTANT) throw invalid('expiresAt must be before the year 10000; leave it out for a key that does not expire')
}

function invalid (detail: string): AccessError {
  return new AccessError('KEY_INPUT_INVALID', { detail, reason: detail })
}
