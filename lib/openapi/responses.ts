import type { RouteAccess } from '../core/route-access.js'
import type { AccessError, RefusalCode } from '../core/errors.js'
import { render, rendererOf } from '../core/error-formats.js'
import type { AccessContext } from '../core/access-context.js'
import type { Principal } from '../core/principal.js'
import { insufficientScope } from '../scopes/require.js'
import { bodies, challenge, noStore, rateLimit, retryAfter, type Json } from './document-parts.js'

/** What a context says of its refusals. */
export type Refusing = Pick<AccessContext, 'errors' | 'rateLimitFields' | 'refusal'>

/** Reusable parts that the responses refer to; they hold what was referred to, and nothing else. */
export interface Components {
  readonly responses: Record<string, Json>
  readonly headers: Record<string, Json>
  readonly schemas: Record<string, Json>
}

export interface Responses {
  /** The refusals of a guarded operation by status, without those that it declares itself. */
  of (access: Pick<RouteAccess, 'alternatives'>, declared: Json): Record<string, Json>
  readonly components: Components
}

interface Answer {
  readonly name: string
  readonly description: string
  readonly codes: readonly RefusalCode[]
  readonly headers: Readonly<Record<string, Json>>
}

/** Who has no scope at all, in examples. */
const NOBODY: Principal = { kind: 'api-key', id: 'example', workspace: 'example', environment: 'example', scopes: [] }

/** Responses and their parts, in the error format and with the RateLimit fields of a context. */
export function createResponses (ground: Refusing): Responses {
  const { errors, rateLimitFields, refusal } = ground
  const components: Components = { responses: {}, headers: {}, schemas: {} }
  const renderer = rendererOf(errors)
  const body = typeof errors === 'string' && errors !== 'throw' ? bodies[errors] : { type: 'object' }
  const fields: Answer['headers'] = Object.assign({}, ...rateLimitFields.map((format) => rateLimit[format]))

  const answers: Readonly<Record<string, Answer>> = {
    400: {
      name: 'BadRequest',
      description: 'The Authorization header could not be read.',
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
      description: 'Whether the request may pass can not be decided at the moment.',
      codes: ['AUTHENTICATION_UNAVAILABLE', 'LIMITER_UNAVAILABLE'],
      headers: { ...retryAfter, ...noStore }
    }
  }

  function refer (kind: keyof Components, name: string, make: () => Json): Json {
    components[kind][name] ??= make()
    return { $ref: `#/components/${kind}/${name}` }
  }

  function responseOf (description: string, headers: Answer['headers'], refusals: readonly AccessError[]): Json {
    return {
      description,
      headers: Object.fromEntries(Object.entries(headers).map(([name, header]) => [name, refer('headers', name, () => header)])),
      content: contentOf(refusals)
    }
  }

  /** Examples come from the renderer that answers requests, so they are what is sent. */
  function contentOf (refusals: readonly AccessError[]): Json {
    const schema = refer('schemas', 'AccessRefusal', () => body)
    if (renderer === undefined) return { 'application/json': { schema } }
    const content: Record<string, { schema: Json, examples: Record<string, Json> }> = {}
    for (const error of refusals) {
      const { text, type } = render(renderer, error)
      const { examples } = content[type.replace(/;.*/, '')] ??= { schema, examples: {} }
      examples[error.code] = { value: JSON.parse(text) }
    }
    return content
  }

  return {
    components,
    of ({ alternatives }, declared) {
      const wanted = wantedOf(alternatives)
      const missing = Object.entries(answers).filter(([status]) => !Object.hasOwn(declared, status))
      return Object.fromEntries(missing.map(([status, { name, description, headers, codes }]) => [status, status === '403' && wanted !== undefined
        ? responseOf(`Requires ${wanted}.`, { ...challenge, ...headers }, [insufficientScope(ground, alternatives, NOBODY)])
        : refer('responses', name, () => responseOf(description, headers, codes.map((code) => refusal(code))))]))
    }
  }
}

/** The scopes as a sentence has them; nothing where any credential will do. */
function wantedOf (alternatives: RouteAccess['alternatives']): string | undefined {
  if (alternatives.every(({ scopes }) => scopes.length === 0)) return undefined
  const wanted = alternatives.map(({ scheme, scopes }) => scopes.join(' and ') || `any credential of ${scheme}`)
  return [...new Set(wanted)].join(', or ')
}
