import type { RefusalCode } from '../core/errors.js'
import { challenge, noStore, retryAfter, type Json } from './document-parts.js'

/** One response that several refusals share. */
export interface Refusals {
  readonly name: string
  readonly description: string
  readonly codes: readonly RefusalCode[]
  readonly headers: Readonly<Record<string, Json>>
}

type RefusalsByStatus = Readonly<Record<string, Refusals>>

/** @param fields the RateLimit fields of a context */
export function refusalsByStatus (fields: Refusals['headers']): RefusalsByStatus {
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
export function publicRefusalsByStatus (fields: Refusals['headers']): RefusalsByStatus {
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
