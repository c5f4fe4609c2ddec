import type { RouteAccess } from '../access.js'
import { AccessError, type RefusalCode } from '../errors.js'
import type { FieldFormat } from '../fields.js'
import { render, rendererOf, type ErrorFormat, type renderers } from '../formats.js'

export type Json = Readonly<Record<string, unknown>>

/** Reusable parts that the responses refer to; they hold what was referred to, and nothing else. */
export interface Components {
  readonly responses: Record<string, Json>
  readonly headers: Record<string, Json>
  readonly schemas: Record<string, Json>
}

export interface Responses {
  /** The refusals of a guarded operation, by status. */
  of (access: RouteAccess): Record<string, Json>
  readonly components: Components
}

interface Answer {
  readonly name: string
  readonly description: string
  readonly codes: readonly RefusalCode[]
  readonly headers: readonly string[]
}

const word = (description: string): Json => ({ schema: { type: 'string' }, description })
const number = (description: string): Json => ({ schema: { type: 'integer', minimum: 0 }, description })

const three = (prefix: string): Record<string, Json> => ({
  [`${prefix}-Limit`]: number('Quota of the policy that has the least left.'),
  [`${prefix}-Remaining`]: number('What is left of it.'),
  [`${prefix}-Reset`]: number('Seconds until more quota comes back.')
})

const fieldHeaders: Record<FieldFormat, Record<string, Json>> = {
  draft: {
    RateLimit: word('What is left of each policy: `"name";r=<remaining>;t=<seconds until more comes back>`.'),
    'RateLimit-Policy': word('Each policy: `"name";q=<quota>;w=<window in seconds>`.')
  },
  trio: three('RateLimit'),
  'x-ratelimit': three('X-RateLimit')
}

const headers: Record<string, Json> = {
  'WWW-Authenticate': word('The challenge: scheme, realm and, where a credential came, what was wrong with it (RFC 9110 §11.6.1, RFC 6750 §3).'),
  'Cache-Control': { schema: { type: 'string', enum: ['no-store'] }, description: 'A refusal is never cached.' },
  'Retry-After': { schema: { type: 'integer', minimum: 1 }, description: 'Seconds to wait before the next attempt.' },
  ...fieldHeaders.draft,
  ...fieldHeaders.trio,
  ...fieldHeaders['x-ratelimit']
}

const text = { type: 'string' }
const closed = (properties: Record<string, Json>): Json => ({ type: 'object', required: Object.keys(properties), properties })

const bodies: Record<keyof typeof renderers, Json> = {
  problem: {
    type: 'object',
    required: ['type', 'title', 'status', 'detail', 'code'],
    properties: {
      type: text,
      title: text,
      status: { type: 'integer' },
      detail: { type: 'string', description: 'What to do about it, for people.' },
      code: { type: 'string', description: 'What was refused, for programs.' },
      required: { type: 'array', items: { type: 'array', items: text }, description: 'Scopes that would do: one of these lists, all of it.' },
      granted: { type: 'array', items: text, description: 'Scopes of the credential.' }
    },
    description: 'Problem details (RFC 9457).'
  },
  error: closed({ error: { type: 'string', description: 'What was refused, for programs.' } }),
  detail: closed({ detail: { type: 'string', description: 'What was refused, for people.' } }),
  'error-message': closed({
    error: { type: 'string', description: 'What was refused, for programs.' },
    message: { type: 'string', description: 'The same for people.' }
  })
}

/** Responses and their parts, for the error format and RateLimit fields of a context. */
export function createResponses (errors: ErrorFormat, fields: readonly FieldFormat[]): Responses {
  const components: Components = { responses: {}, headers: {}, schemas: {} }
  const renderer = rendererOf(errors)
  const body = typeof errors === 'string' && errors !== 'throw' ? bodies[errors] : { type: 'object' }
  const limits = fields.flatMap((field) => Object.keys(fieldHeaders[field]))
  const challenged = ['WWW-Authenticate', 'Cache-Control']

  const answers: Record<string, Answer> = {
    400: { name: 'BadRequest', description: 'The Authorization header could not be read.', codes: ['CREDENTIAL_MALFORMED'], headers: challenged },
    401: { name: 'Unauthorized', description: 'No credential, or one that is not valid.', codes: ['CREDENTIAL_MISSING', 'CREDENTIAL_INVALID'], headers: challenged },
    403: { name: 'Forbidden', description: 'The credential is good, but not here.', codes: ['WRONG_ENVIRONMENT'], headers: ['Cache-Control'] },
    429: { name: 'TooManyRequests', description: 'The quota is used up, or too many attempts to authenticate failed.', codes: ['RATE_LIMITED', 'TOO_MANY_FAILURES'], headers: ['Retry-After', ...limits, 'Cache-Control'] },
    503: { name: 'ServiceUnavailable', description: 'Whether the request may pass could not be decided.', codes: ['AUTHENTICATION_UNAVAILABLE', 'LIMITER_UNAVAILABLE'], headers: ['Retry-After', 'Cache-Control'] }
  }

  function refer (kind: keyof Components, name: string, part: Json): Json {
    components[kind][name] ??= part
    return { $ref: `#/components/${kind}/${name}` }
  }

  function responseOf ({ description, codes, headers: names }: Omit<Answer, 'name'>): Json {
    return {
      description,
      headers: Object.fromEntries(names.map((name) => [name, refer('headers', name, headers[name] ?? word(name))])),
      content: contentOf(codes)
    }
  }

  /** Examples come from the renderer that answers requests, so they are what is sent. */
  function contentOf (codes: readonly RefusalCode[]): Json {
    const schema = refer('schemas', 'AccessRefusal', body)
    if (renderer === undefined) return { 'application/json': { schema } }
    const content: Record<string, { schema: Json, examples: Record<string, Json> }> = {}
    for (const code of codes) {
      const { text, type } = render(renderer, new AccessError(code))
      const [media = type] = type.split(';')
      const { examples } = content[media] ??= { schema, examples: {} }
      examples[code] = { value: JSON.parse(text) }
    }
    return content
  }

  return {
    components,
    of ({ alternatives }) {
      const wanted = wantedOf(alternatives)
      return Object.fromEntries(Object.entries(answers).map(([status, answer]) => [status, status === '403' && wanted !== undefined
        ? responseOf({ description: `Requires ${wanted}.`, codes: ['INSUFFICIENT_SCOPE', ...answer.codes], headers: challenged })
        : refer('responses', answer.name, responseOf(answer))]))
    }
  }
}

/** The scopes as a sentence has them; nothing where any credential will do. */
function wantedOf (alternatives: RouteAccess['alternatives']): string | undefined {
  if (alternatives.every(({ scopes }) => scopes.length === 0)) return undefined
  const wanted = alternatives.map(({ scheme, scopes }) => scopes.join(' and ') || `any credential of ${scheme}`)
  return [...new Set(wanted)].join(', or ')
}
