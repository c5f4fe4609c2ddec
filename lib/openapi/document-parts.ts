import type { RateLimitFormat } from '../core/rate-limit-headers.js'
import type { renderers } from '../core/error-formats.js'

/** A JSON object of a document. */
export type Json = Readonly<Record<string, unknown>>
type Headers = Readonly<Record<string, Json>>

const textHeader = (description: string): Json => ({ schema: { type: 'string' }, description })
const integerHeader = (description: string, minimum = 0): Json =>
  ({ schema: { type: 'integer', minimum }, description })

export const challenge: Headers = {
  'WWW-Authenticate': textHeader(
    'The challenge: scheme, realm and, where a credential came, what was wrong with it (RFC 9110 §11.6.1, RFC 6750 §3).'
  )
}

export const noStore: Headers = {
  'Cache-Control': { schema: { type: 'string', enum: ['no-store'] }, description: 'A refusal is never cached.' }
}

export const retryAfter: Headers = {
  'Retry-After': integerHeader('Seconds to wait before the next attempt.', 1)
}

const three = (prefix: string): Headers => ({
  [`${prefix}-Limit`]: integerHeader('Quota of the policy that has the least left.'),
  [`${prefix}-Remaining`]: integerHeader('What is left of it.'),
  [`${prefix}-Reset`]: integerHeader('Seconds until more quota comes back.')
})

/** Header objects of the RateLimit fields. */
export const rateLimit: Readonly<Record<RateLimitFormat, Headers>> = {
  draft: {
    RateLimit: textHeader('What is left of each policy: `"name";r=<remaining>;t=<seconds until more comes back>`.'),
    'RateLimit-Policy': textHeader('Each policy: `"name";q=<quota>;w=<window in seconds>`.')
  },
  trio: three('RateLimit'),
  'x-ratelimit': three('X-RateLimit')
}

// Each schema is an object of its own: YAML would write one that stands in two places as an anchor and an alias.
const text = (): Json => ({ type: 'string' })
const list = (items: Json, description: string): Json => ({ type: 'array', items, description })
const code = (): Json => ({ type: 'string', description: 'What was refused, for programs.' })
const message = (): Json => ({ type: 'string', description: 'What was refused, for people.' })
const object = (properties: Json): Json => ({ type: 'object', required: Object.keys(properties), properties })

/** Schemas of the bodies that the error formats render. */
export const bodies: Readonly<Record<keyof typeof renderers, Json>> = {
  problem: {
    type: 'object',
    required: ['type', 'title', 'status', 'detail', 'code'],
    properties: {
      type: text(),
      title: text(),
      status: { type: 'integer' },
      detail: message(),
      code: code(),
      required: list({ type: 'array', items: text() }, 'Scopes that would do: one of these lists, all of it.'),
      granted: list(text(), 'Scopes of the credential.')
    },
    description: 'Problem details (RFC 9457).'
  },
  error: object({ error: code() }),
  detail: object({ detail: message() }),
  'error-message': object({ error: code(), message: message() })
}

export function isRecord (value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

export function recordOf (value: unknown): Record<string, unknown> {
  return isRecord(value) ? value : {}
}
