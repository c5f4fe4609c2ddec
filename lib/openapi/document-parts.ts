import type { RateLimitFormat } from '../core/rate-limit-headers.js'
import type { renderers } from '../core/error-formats.js'

export type Json = Readonly<Record<string, unknown>>
type Parts = Readonly<Record<string, Json>>

const word = (description: string): Json => ({ schema: { type: 'string' }, description })
const number = (description: string, minimum = 0): Json => ({ schema: { type: 'integer', minimum }, description })

export const challenge: Parts = {
  'WWW-Authenticate': word('The challenge: scheme, realm and, where a credential came, what was wrong with it (RFC 9110 §11.6.1, RFC 6750 §3).')
}

export const noStore: Parts = {
  'Cache-Control': { schema: { type: 'string', enum: ['no-store'] }, description: 'A refusal is never cached.' }
}

export const retryAfter: Parts = {
  'Retry-After': number('Seconds to wait before the next attempt.', 1)
}

const three = (prefix: string): Parts => ({
  [`${prefix}-Limit`]: number('Quota of the policy that has the least left.'),
  [`${prefix}-Remaining`]: number('What is left of it.'),
  [`${prefix}-Reset`]: number('Seconds until more quota comes back.')
})

/** Header objects of the RateLimit fields. */
export const rateLimit: Readonly<Record<RateLimitFormat, Parts>> = {
  draft: {
    RateLimit: word('What is left of each policy: `"name";r=<remaining>;t=<seconds until more comes back>`.'),
    'RateLimit-Policy': word('Each policy: `"name";q=<quota>;w=<window in seconds>`.')
  },
  trio: three('RateLimit'),
  'x-ratelimit': three('X-RateLimit')
}

const text = { type: 'string' }
const forPrograms = { type: 'string', description: 'What was refused, for programs.' }
const forPeople = { type: 'string', description: 'What was refused, for people.' }
const object = (properties: Parts): Json => ({ type: 'object', required: Object.keys(properties), properties })

/** Schemas of the bodies that the error formats render. */
export const bodies: Readonly<Record<keyof typeof renderers, Json>> = {
  problem: {
    type: 'object',
    required: ['type', 'title', 'status', 'detail', 'code'],
    properties: {
      type: text,
      title: text,
      status: { type: 'integer' },
      detail: forPeople,
      code: forPrograms,
      required: { type: 'array', items: { type: 'array', items: text }, description: 'Scopes that would do: one of these lists, all of it.' },
      granted: { type: 'array', items: text, description: 'Scopes of the credential.' }
    },
    description: 'Problem details (RFC 9457).'
  },
  error: object({ error: forPrograms }),
  detail: object({ detail: forPeople }),
  'error-message': object({ error: forPrograms, message: forPeople })
}
