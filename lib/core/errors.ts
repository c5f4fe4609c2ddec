import { createError } from '@fastify/error'
import type { Principal } from './principal.js'
import { challenges, type ChallengeFault, type ChallengeParameters, type UsedPlace } from './challenges.js'
import { redact } from './redact.js'
import { refusals, type Refusal, type RefusalCode } from './refusals.js'
import { StoreError } from './store-error.js'

export interface RefusalDetails extends ChallengeParameters, UsedPlace {
  /** For the log only, never sent. `describeFault` makes it of what a store threw. */
  reason?: string
  /** Whose valid credential is refused, where `request.principal` can't say so. */
  principal?: Principal
  /** Public, about this request: sent as `detail` of a problem. */
  detail?: string
  /** Further public members of the body, such as `required` and `granted`. */
  extensions?: Record<string, unknown>
  /** What was wrong with the proof of possession; replaces the error of the table. */
  error?: string
  /** Scopes that would suffice, for the challenge (RFC 6750 §3). */
  scope?: readonly string[]
  /** Whole seconds, at least 1 (RFC 9110 §10.2.3). */
  retryAfter?: number
  /** Further response headers, such as the RateLimit fields. */
  headers?: Readonly<Record<string, string>>
}

const Refused = createError<string, number>('ACCESS_REFUSED', 'Refused', 500, Error, false)

/**
 * A refusal. The caller gets `code`, `statusCode`, `headers`, `message`, `detail` and `extensions`; the log alone gets
 * `reason`.
 */
export class AccessError extends Refused {
  override readonly code: RefusalCode
  override readonly statusCode: number
  readonly headers: Readonly<Record<string, string>>
  readonly reason: string | undefined
  readonly detail: string | undefined
  readonly extensions: Readonly<Record<string, unknown>>
  readonly #principal: Principal | undefined
  readonly #challenge: ChallengeFault | undefined

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
    this.headers = headersOf(details)
    const error = row.challenge === undefined ? undefined : details.error ?? row.challenge
    this.#challenge = error === undefined ? undefined : { ...details, error }
    this.challenge({})
    this.#principal = details.principal
  }

  /** No property of its own, so that logs of the error do not show it. */
  get principal (): Principal | undefined {
    return this.#principal
  }

  /**
   * Writes the challenge by what the request of the refusal used. Who throws one without knowing the request, such as
   * `app.latchkey.keys`, can't say it; the plugin `auth` does, before the error handler is called.
   */
  challenge (used: ChallengeParameters & UsedPlace): void {
    if (this.#challenge === undefined) return
    Object.assign(this.headers, { 'www-authenticate': challenges({ ...used, ...this.#challenge }) })
  }
}

function headersOf (details: RefusalDetails): Record<string, string> {
  const headers: Record<string, string> = { ...details.headers, 'cache-control': 'no-store' }
  if (details.retryAfter !== undefined) headers['retry-after'] = delaySeconds(details.retryAfter)
  return headers
}

/** RFC 9110 §10.2.3: whole seconds; never 0, which would invite a client to try again at once. */
function delaySeconds (seconds: number): string {
  const whole = Math.ceil(seconds)
  return String(Number.isSafeInteger(whole) ? Math.max(1, whole) : 1)
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

/** Anything longer, or with other characters, may be content and is not shown. */
const NAME = /^[A-Za-z][A-Za-z0-9]{0,39}$/
const CODE = /^[A-Z0-9_]{1,40}$/

export type { ChallengeParameters, UsedPlace } from './challenges.js'
export { refusals, type RefusalCode } from './refusals.js'
