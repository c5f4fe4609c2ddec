import type { Attempt, AttemptOutcome, Delivery, WebhookEndpoint } from './endpoint.js'
import { nextAttempt, readRetryAfter } from './schedule.js'
import type { Settled } from './store.js'

/** How a request to an endpoint ended: with a response, of which this is all that is used, or without one. */
export type SendResult =
  | { readonly status: number, readonly retryAfter?: string | undefined }
  | { readonly failure: Exclude<AttemptOutcome, 'delivered' | 'refused' | 'redirected' | 'gone'> }

export interface FinishedAttempt {
  readonly result: SendResult
  /** Milliseconds since the epoch. */
  readonly startedAt: number
  /** Milliseconds since the epoch. */
  readonly now: number
}

export interface RetryPolicy {
  /** Seconds between attempts. */
  readonly schedule: readonly number[]
  /** Seconds of nothing but failures after which an endpoint is disabled. */
  readonly disableAfter: number
}

/**
 * What an attempt changes in its delivery. Only a 2xx is a success; a 410 ends it; a test is tried once.
 * @param random from 0 to less than 1
 */
export function settle (
  { result, startedAt, now }: FinishedAttempt,
  { type, attempts }: Pick<Delivery, 'type' | 'attempts'>,
  { schedule }: Pick<RetryPolicy, 'schedule'>,
  random: number
): Settled {
  const outcome = outcomeOf(result)
  const took = Math.max(0, now - startedAt)
  const status = 'status' in result ? { status: result.status } : {}
  const attempt: Attempt = { at: new Date(startedAt), took, outcome, ...status }
  if (outcome === 'delivered') return { attempt, state: 'delivered' }
  if (outcome === 'gone' || outcome === 'disabled' || type === 'webhook.test') return { attempt, state: 'failed' }
  const retryAfter = retryAfterOf(result, now)
  const nextAt = nextAttempt({ schedule, attemptsMade: attempts.length + 1, now, random, retryAfter })
  return nextAt === undefined ? { attempt, state: 'failed' } : { attempt, state: 'pending', nextAt }
}

function outcomeOf (result: SendResult): AttemptOutcome {
  if ('failure' in result) return result.failure
  const { status } = result
  if (status >= 200 && status < 300) return 'delivered'
  if (status >= 300 && status < 400) return 'redirected'
  return status === 410 ? 'gone' : 'refused'
}

/** Seconds that a receiver with too much to do asks for; other statuses say nothing about time. */
function retryAfterOf (result: SendResult, now: number): number | undefined {
  const isBusy = 'status' in result && (result.status === 429 || result.status === 503)
  return isBusy ? readRetryAfter(result.retryAfter, now) : undefined
}

/** Such attempts say nothing about the receiver. */
const SENT_NOTHING: ReadonlySet<AttemptOutcome> = new Set(['disabled', 'undecryptable'])

/** The endpoint after an attempt; undefined where nothing changes, as with every further success. */
export function endpointAfter (
  endpoint: WebhookEndpoint,
  { at, outcome }: Attempt,
  { disableAfter }: Pick<RetryPolicy, 'disableAfter'>
): WebhookEndpoint | undefined {
  const { failingSince, updatedBy: _by, ...rest } = endpoint
  if (endpoint.disabledAt !== undefined || SENT_NOTHING.has(outcome)) return undefined
  const after = { ...rest, updatedAt: at, version: endpoint.version + 1 }
  if (outcome === 'delivered') return failingSince && after
  const failing = failingSince && { failingSince }
  if (outcome === 'gone') return { ...after, ...failing, disabledAt: at, disabledReason: 'gone' }
  if (failingSince === undefined) return { ...after, failingSince: at }
  if (at.getTime() - failingSince.getTime() < disableAfter * 1000) return undefined
  return { ...after, failingSince, disabledAt: at, disabledReason: 'failing' }
}
