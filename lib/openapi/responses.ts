import type { AccessError } from '../core/errors.js'
import { render, rendererOf } from '../core/error-formats.js'
import type { AccessContext } from '../core/access-context.js'
import { describeMissingScopes } from '../core/missing-scopes.js'
import { scopesInWords } from './access-lines.js'
import { bodies, challenge, isRecord, rateLimit, recordOf, type Json } from './document-parts.js'
import type { Refer } from './references.js'
import { publicRefusalsByStatus, refusalsByStatus, type Refusals } from './refusals-by-status.js'
import type { OperationAccess } from './security.js'

/** How a context answers what it refuses. */
export type RefusalRendering = Pick<AccessContext, 'errors' | 'limitAnonymous' | 'rateLimitFields' | 'refusal'>

export interface Responses {
  /** The refusals of an operation by status, without those that it declares itself. */
  refusalsOf (access: OperationAccess, declared: Json): Record<string, Json>
  /** The declared 2xx responses of a counted operation with the RateLimit fields; header objects of the host stay. */
  withRateLimitFields (declared: Json): Record<string, Json>
}

/**
 * Responses in the error format and with the RateLimit fields of one context.
 * @param refer adds the parts that the responses refer to
 */
export function createResponses (rendering: RefusalRendering, refer: Refer): Responses {
  const { errors, limitAnonymous, rateLimitFields, refusal } = rendering
  const renderer = rendererOf(errors)
  const body = typeof errors === 'string' && errors !== 'throw' ? bodies[errors] : { type: 'object' }
  const fields: Refusals['headers'] = Object.assign({}, ...rateLimitFields.map((format) => rateLimit[format]))
  const refusals = refusalsByStatus(fields)
  const publicRefusals = limitAnonymous === undefined ? {} : publicRefusalsByStatus(fields)

  function referTo (headers: Refusals['headers']): Json {
    return Object.fromEntries(Object.entries(headers)
      .map(([name, header]) => [name, refer('headers', name, () => header)]))
  }

  function responseOf (description: string, headers: Refusals['headers'], errors: readonly AccessError[]): Json {
    return { description, headers: referTo(headers), content: contentOf(errors) }
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
  function scopesResponse (wanted: string, { headers }: Refusals, { alternatives }: OperationAccess): Json {
    const example = refusal('INSUFFICIENT_SCOPE', describeMissingScopes(alternatives, { scopes: [] }))
    return responseOf(`Requires ${wanted}.`, { ...challenge, ...headers }, [example])
  }

  return {
    refusalsOf (access, declared) {
      const wanted = scopesInWords(access.alternatives, (name) => name)
      const all = access.mode !== 'public' ? refusals : access.countsAnonymous ? publicRefusals : {}
      const missing = Object.entries(all).filter(([status]) => !Object.hasOwn(declared, status))
      return Object.fromEntries(missing.map(([status, one]) => [
        status,
        status === '403' && wanted !== undefined ? scopesResponse(wanted, one, access) : sharedResponse(one)
      ]))
    },
    withRateLimitFields (declared) {
      const described: Record<string, Json> = {}
      for (const [status, response] of Object.entries(declared)) {
        if (!status.startsWith('2') || !isRecord(response) || '$ref' in response) continue
        const own = recordOf(response.headers)
        const names = new Set(Object.keys(own).map((name) => name.toLowerCase()))
        const missing = Object.entries(fields).filter(([name]) => !names.has(name.toLowerCase()))
        if (missing.length === 0) continue
        described[status] = { ...response, headers: { ...referTo(Object.fromEntries(missing)), ...own } }
      }
      return described
    }
  }
}
