import { createError } from '@fastify/error'
import { redact } from './redact.js'
import { StoreError } from './store-error.js'

interface Refusal {
  readonly statusCode: number
  /** Public and constant: says nothing of the request. */
  readonly message: string
  /** The `error` parameter of the challenge (RFC 6750 §3.1); '' is a challenge without one. */
  readonly challenge?: '' | 'invalid_request' | 'invalid_token' | 'insufficient_scope'
}

/** Every way of saying no, a row each. The README explains each code to callers. */
export const refusals = {
  CREDENTIAL_MISSING: { statusCode: 401, challenge: '', message: 'Authentication credentials were not provided.' },
  CREDENTIAL_MALFORMED: { statusCode: 400, challenge: 'invalid_request', message: 'The Authorization header must be "Bearer", a space and one credential, sent once.' },
  CREDENTIAL_INVALID: { statusCode: 401, challenge: 'invalid_token', message: 'The credential is not valid.' },
  INSECURE_TRANSPORT: { statusCode: 403, message: 'This API answers over HTTPS only.' },
  WRONG_ENVIRONMENT: { statusCode: 403, message: 'The credential belongs to another environment.' },
  INSUFFICIENT_SCOPE: { statusCode: 403, challenge: 'insufficient_scope', message: 'The credential lacks a scope that this operation requires.' },
  ROUTE_UNDECLARED: { statusCode: 403, message: 'This operation does not state who may use it.' },
  COST_ABOVE_QUOTA: { statusCode: 403, message: 'This operation costs more than the quota of the credential; waiting does not help.' },
  RATE_LIMITED: { statusCode: 429, message: 'Too many requests; retry later.' },
  TOO_MANY_FAILURES: { statusCode: 429, message: 'Too many failed attempts to authenticate; retry later.' },
  AUTHENTICATION_UNAVAILABLE: { statusCode: 503, message: 'Authentication is temporarily unavailable; retry after a short backoff.' },
  LIMITER_UNAVAILABLE: { statusCode: 503, message: 'Rate limiting is temporarily unavailable; retry after a short backoff.' },
  KEYS_UNAVAILABLE: { statusCode: 503, message: 'Keys are temporarily unavailable; retry after a short backoff.' },
  KEY_INPUT_INVALID: { statusCode: 400, message: 'The description of the key is not valid.' },
  KEY_NOT_FOUND: { statusCode: 404, message: 'There is no such key.' },
  KEY_CONFLICT: { statusCode: 409, message: 'The key is not in the state that this change needs.' },
  WEBHOOKS_UNAVAILABLE: { statusCode: 503, message: 'Webhooks are temporarily unavailable; retry after a short backoff.' },
  WEBHOOK_INPUT_INVALID: { statusCode: 400, message: 'The description of the webhook is not valid.' },
  WEBHOOK_NOT_FOUND: { statusCode: 404, message: 'There is no such webhook.' },
  WEBHOOK_CONFLICT: { statusCode: 409, message: 'The webhook is not in the state that this change needs.' },
  NOT_FOUND: { statusCode: 404, message: 'There is nothing here.' },
  BAD_REQUEST: { statusCode: 400, message: 'The request could not be read.' },
  REQUEST_TIMEOUT: { statusCode: 408, message: 'The request did not arrive in time.' },
  URI_TOO_LONG: { statusCode: 414, message: 'A part of the path is too long.' },
  HEADERS_TOO_LARGE: { statusCode: 431, message: 'The header of the request is too large.' },
  SERVER_FAULT: { statusCode: 500, message: 'The server failed to handle the request.' }
} as const satisfies Record<string, Refusal>

/** A stable word for a refusal, made for programs to compare. */
export type RefusalCode = keyof typeof refusals

/** What the challenges of one context have in common. */
export interface ChallengeParameters {
  /** Protection space (RFC 9110 §11.5). */
  realm?: string
  /** Where the protected resource says how to get a token (RFC 9728 §5.1). */
  resourceMetadata?: string
  /** Algorithms of DPoP proofs: with them there is a second challenge (RFC 9449 §7.1). */
  dpop?: readonly string[]
}

export interface RefusalDetails extends ChallengeParameters {
  /** For the log only; never sent. What a store threw comes here through `describeFault`. */
  reason?: string
  /** Public, about this request: sent as `detail` of a problem. */
  detail?: string
  /** Further public members of the body, such as `required` and `granted`. */
  extensions?: Record<string, unknown>
  /** The scheme that the credential came by, where it was not Bearer: its challenge says what was wrong. */
  scheme?: 'DPoP'
  /** What was wrong with the proof of possession, in the place of the row's error. */
  error?: string
  /** Scopes that would have sufficed, space-separated in the challenge (RFC 6750 §3). */
  scope?: readonly string[]
  /** Whole seconds, at least 1 (RFC 9110 §10.2.3). */
  retryAfter?: number
  /** Further response headers, such as the RateLimit fields. */
  headers?: Readonly<Record<string, string>>
}

const Refused = createError<string, number>('ACCESS_REFUSED', 'Refused', 500, Error, false)

/**
 * A refusal: what is said to the caller (`code`, `statusCode`, `headers`, `message`, `detail`, `extensions`)
 * beside what only the log hears (`reason`).
 */
export class AccessError extends Refused {
  readonly #refusal = true
  override readonly code: RefusalCode
  override readonly statusCode: number
  readonly headers: Readonly<Record<string, string>>
  readonly reason: string | undefined
  readonly detail: string | undefined
  readonly extensions: Readonly<Record<string, unknown>>

  /** By a field that nobody else can set, and without a walk: requests are asked for it that are not refused. */
  static override [Symbol.hasInstance] (value: unknown): boolean {
    return typeof value === 'object' && value !== null && #refusal in value
  }

  constructor (code: RefusalCode, details: RefusalDetails = {}) {
    super()
    const row: Refusal = refusals[code]
    this.name = 'AccessError'
    this.code = code
    this.statusCode = row.statusCode
    this.message = row.message
    this.reason = details.reason === undefined ? undefined : redact(details.reason)
    this.detail = details.detail
    this.extensions = details.extensions ?? {}
    this.headers = headersOf(row, details)
  }
}

function headersOf (row: Refusal, details: RefusalDetails): Record<string, string> {
  const headers: Record<string, string> = { ...details.headers, 'cache-control': 'no-store' }
  if (row.challenge !== undefined) {
    headers['www-authenticate'] = challenges(row.challenge, details)
  }
  if (details.retryAfter !== undefined) headers['retry-after'] = delaySeconds(details.retryAfter)
  return headers
}

/** RFC 9110 §10.2.3: whole seconds; never 0, which would invite a client to try again at once. */
function delaySeconds (seconds: number): string {
  const whole = Math.ceil(seconds)
  return String(Number.isSafeInteger(whole) ? Math.max(1, whole) : 1)
}

/**
 * The challenges of a refusal (RFC 9110 §11.6.1): that of RFC 6750 §3 and, where proofs are taken, that of RFC 9449 §7.1.
 * What was wrong stands with the scheme that was used.
 */
function challenges (given: string, { realm = 'api', scope = [], resourceMetadata, dpop, scheme, error = given }: RefusalDetails): string {
  const fault = (error === '' ? '' : `, error="${error}"`) + (scope.length > 0 ? `, scope="${scope.join(' ')}"` : '')
  const metadata = resourceMetadata === undefined ? '' : `, resource_metadata="${resourceMetadata}"`
  const bearer = `Bearer realm="${realm}"${scheme === undefined ? fault : ''}${metadata}`
  if (dpop === undefined) return bearer
  return `${bearer}, DPoP realm="${realm}"${scheme === undefined ? '' : fault}, algs="${dpop.join(' ')}"${metadata}`
}

/**
 * What may be logged of something that was thrown: the message of a `StoreError`, and of all else its name and code.
 * Messages and other properties of a client's errors carry the arguments of the failed command.
 */
export function describeFault (fault: unknown): string {
  try {
    if (fault instanceof StoreError) return fault.message
    if (!(fault instanceof Error)) return `a thrown ${fault === null ? 'null' : typeof fault}`
    const code = 'code' in fault && typeof fault.code === 'string' && CODE.test(fault.code) ? ` ${fault.code}` : ''
    return `${NAME.test(fault.name) ? fault.name : 'Error'}${code}`
  } catch {
    return 'something thrown that can\'t be read'
  }
}

/** Names and codes are such words; what is longer, or looks otherwise, is content. */
const NAME = /^[A-Za-z][A-Za-z0-9]{0,39}$/
const CODE = /^[A-Z0-9_]{1,40}$/
