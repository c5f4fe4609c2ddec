import type { Attempt, AttemptOutcome, Delivery, WebhookEndpoint } from './endpoint.js'
import { nextAttempt, readRetryAfter } from './schedule.js'
import type { Settled } from './store.js'

/** How an attempt ended: with an answer of which only this is kept, or without one. */
export type Answer =
  | { readonly status: number, readonly retryAfter?: string | undefined }
  | { readonly failure: Extract<AttemptOutcome, 'timeout' | 'unreachable' | 'forbidden-address' | 'insecure' | 'disabled'> }

export interface Tried {
  readonly answer: Answer
  /** Milliseconds since the epoch, both. */
  readonly began: number
  readonly now: number
}

export interface Patience {
  /** Seconds between attempts. */
  readonly schedule: readonly number[]
  /** Seconds of failures after which an endpoint is disabled. */
  readonly disableAfter: number
}

/** What becomes of a delivery. Only a 2xx is a success; 410 ends it; a test is tried once. @param random from 0 to less than 1 */
export function settledBy ({ answer, began, now }: Tried, { type, attempts }: Pick<Delivery, 'type' | 'attempts'>, { schedule }: Patience, random: number): Settled {
  const outcome = outcomeOf(answer)
  const attempt: Attempt = { at: new Date(began), took: Math.max(0, now - began), outcome, ...'status' in answer && { status: answer.status } }
  if (outcome === 'delivered') return { attempt, state: 'delivered' }
  if (outcome === 'gone' || outcome === 'disabled' || type === 'webhook.test') return { attempt, state: 'failed' }
  const nextAt = nextAttempt({ schedule, made: attempts.length + 1, now, random, retryAfter: askedFor(answer, now) })
  return nextAt === undefined ? { attempt, state: 'failed' } : { attempt, state: 'pending', nextAt }
}

function outcomeOf (answer: Answer): AttemptOutcome {
  if ('failure' in answer) return answer.failure
  const { status } = answer
  if (status >= 200 && status < 300) return 'delivered'
  if (status >= 300 && status < 400) return 'redirected'
  return status === 410 ? 'gone' : 'refused'
}

/** Of a receiver that has too much to do. */
function askedFor (answer: Answer, now: number): number | undefined {
  return 'status' in answer && (answer.status === 429 || answer.status === 503) ? readRetryAfter(answer.retryAfter, now) : undefined
}

/** An endpoint as an attempt leaves it; undefined where it stays as it is, which is so for every further success. */
export function endpointAfter (endpoint: WebhookEndpoint, { at, outcome }: Attempt, { disableAfter }: Patience): WebhookEndpoint | undefined {
  const { failingSince, disabledAt, ...rest } = endpoint
  if (disabledAt !== undefined || outcome === 'disabled') return undefined
  const version = endpoint.version + 1
  if (outcome === 'delivered') return failingSince && { ...rest, version }
  if (outcome === 'gone') return { ...endpoint, disabledAt: at, disabledReason: 'gone', version }
  if (failingSince === undefined) return { ...endpoint, failingSince: at, version }
  return at.getTime() - failingSince.getTime() < disableAfter * 1000 ? undefined : { ...endpoint, disabledAt: at, disabledReason: 'failing', version }
}
