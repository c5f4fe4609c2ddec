import { isDeepStrictEqual } from 'node:util'
import type { RouteAccess } from '../core/route-access.js'
import type { AccessError, RefusalCode } from '../core/errors.js'
import { render, rendererOf } from '../core/error-formats.js'
import type { AccessContext } from '../core/access-context.js'
import { describeMissingScopes } from '../core/missing-scopes.js'
import { bodies, challenge, noStore, rateLimit, retryAfter, type Json } from './document-parts.js'

/** How a context answers what it refuses. */
export type RefusalRendering = Pick<AccessContext, 'errors' | 'limitAnonymous' | 'rateLimitFields' | 'refusal'>

/** Reusable parts of a document: those that its responses refer to. */
export interface Components {
  readonly responses: Record<string, Json>
  readonly headers: Record<string, Json>
  readonly schemas: Record<string, Json>
}

export interface Responses {
  /** The refusals of a guarded operation by status, without those that it declares itself. */
  of (access: Pick<RouteAccess, 'alternatives'>, declared: Json): Record<string, Json>
  /** Those of a public operation; undefined where nobody is refused. */
  ofPublic (declared: Json): Record<string, Json> | undefined
}

interface Refusals {
  readonly name: string
  readonly description: string
  readonly codes: readonly RefusalCode[]
  readonly headers: Readonly<Record<string, Json>>
}

/**
 * Responses in the error format and with the RateLimit fields of one context.
 * @param components gains the parts that the responses refer to
 */
export function createResponses (rendering: RefusalRendering, components: Components): Responses {
  const { errors, rateLimitFields, refusal } = rendering
  const references = new Map<string, string>()
  const renderer = rendererOf(errors)
  const body = typeof errors === 'string' && errors !== 'throw' ? bodies[errors] : { type: 'object' }
  const fields = Object.assign({}, ...rateLimitFields.map((format) => rateLimit[format]))
  const refusals = refusalsByStatus(fields)
  const publicRefusals = publicRefusalsByStatus(fields)

  /** Contexts of other error formats share a document: a part that differs from theirs gets a name of its own. */
  function refer (kind: keyof Components, name: string, make: () => Json): Json {
    const before = references.get(`${kind} ${name}`)
    if (before !== undefined) return { $ref: before }
    const part = make()
    let free = name
    for (let n = 2; isTaken(components[kind][free], part); n++) free = `${name}${n}`
    components[kind][free] = part
    const reference = `#/components/${kind}/${free}`
    references.set(`${kind} ${name}`, reference)
    return { $ref: reference }
  }

  function responseOf (description: string, headers: Refusals['headers'], errors: readonly AccessError[]): Json {
    const referred = Object.entries(headers).map(([name, header]) => [name, refer('headers', name, () => header)])
    return { description, headers: Object.fromEntries(referred), content: contentOf(errors) }
  }

  /** Examples come from the renderer that answers requests, so they are what is sent. */
  function contentOf (errors: readonly AccessError[]): Json {
    const schema = (): Json => refer('schemas', 'AccessRefusal', () => body)
    if (renderer === undefined) return { 'application/json': { schema: schema() } }
    const content: Record<string, { schema: Json, examples: Record<string, Json> }> = {}
    for (const error of errors) {
      const { text, type } = render(renderer, error)
      const { examples } = content[type.replace(/;.*/, '')] ??= { schema: schema(), examples: {} }
      examples[error.code] = { value: JSON.parse(text) }
    }
    return content
  }

  function sharedResponse ({ name, description, headers, codes }: Refusals): Json {
    return refer('responses', name, () => responseOf(description, headers, codes.map((code) => refusal(code))))
  }

  /** The 403 of an operation that requires scopes names them. */
  function scopesResponse (wanted: string, { headers }: Refusals, alternatives: RouteAccess['alternatives']): Json {
    const example = refusal('INSUFFICIENT_SCOPE', describeMissingScopes(alternatives, { scopes: [] }))
    return responseOf(`Requires ${wanted}.`, { ...challenge, ...headers }, [example])
  }

  return {
    of ({ alternatives }, declared) {
      const wanted = describeScopes(alternatives)
      return Object.fromEntries(without(declared, refusals).map(([status, one]) => [
        status,
        status === '403' && wanted !== undefined ? scopesResponse(wanted, one, alternatives) : sharedResponse(one)
      ]))
    },
    ofPublic (declared) {
      if (rendering.limitAnonymous === undefined) return undefined
      const missing = without(declared, publicRefusals)
      return Object.fromEntries(missing.map(([status, one]) => [status, sharedResponse(one)]))
    }
  }
}

type RefusalsByStatus = Readonly<Record<string, Refusals>>

function without (declared: Json, refusals: RefusalsByStatus): Array<[status: string, refusals: Refusals]> {
  return Object.entries(refusals).filter(([status]) => !Object.hasOwn(declared, status))
}

function isTaken (present: Json | undefined, part: Json): boolean {
  return present !== undefined && !isDeepStrictEqual(present, part)
}

/** @param fields the RateLimit fields of a context */
function refusalsByStatus (fields: Refusals['headers']): RefusalsByStatus {
  return {
    400: {
      name: 'BadRequest',
      description: 'The request does not carry exactly one credential in a form that can be read.',
      codes: ['CREDENTIAL_MALFORMED'],
      headers: { ...challenge, ...noStore }
    },
    401: {
      name: 'Unauthorized',
      description: 'There is no credential, or it is not valid.',
      codes: ['CREDENTIAL_MISSING', 'CREDENTIAL_INVALID'],
      headers: { ...challenge, ...noStore }
    },
    403: {
      name: 'Forbidden',
      description: 'The credential is valid, but not here.',
      codes: ['WRONG_ENVIRONMENT'],
      headers: noStore
    },
    429: {
      name: 'TooManyRequests',
      description: 'The quota is used up, or too many attempts to authenticate failed.',
      codes: ['RATE_LIMITED', 'TOO_MANY_FAILURES'],
      headers: { ...retryAfter, ...fields, ...noStore }
    },
    503: {
      name: 'ServiceUnavailable',
      description: 'The API cannot decide at the moment whether the request may pass.',
      codes: ['AUTHENTICATION_UNAVAILABLE', 'LIMITER_UNAVAILABLE'],
      headers: { ...retryAfter, ...noStore }
    }
  }
}

/** Of public operations, where callers without a credential are counted. */
function publicRefusalsByStatus (fields: Refusals['headers']): RefusalsByStatus {
  return {
    429: {
      name: 'PublicTooManyRequests',
      description: 'The quota of the address is used up.',
      codes: ['RATE_LIMITED'],
      headers: { ...retryAfter, ...fields, ...noStore }
    },
    503: {
      name: 'PublicServiceUnavailable',
      description: 'The API cannot decide at the moment whether the request may pass.',
      codes: ['LIMITER_UNAVAILABLE'],
      headers: { ...retryAfter, ...noStore }
    }
  }
}

/** The scopes in words; undefined where any credential will do. */
function describeScopes (alternatives: RouteAccess['alternatives']): string | undefined {
  if (alternatives.every(({ scopes }) => scopes.length === 0)) return undefined
  const wanted = alternatives.map(({ scheme, scopes }) => scopes.join(' and ') || `any credential of ${scheme}`)
  return [...new Set(wanted)].join(', or ')
}
