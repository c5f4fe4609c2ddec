/** Seconds between attempts, as Standard Webhooks advises: ten attempts in about 75 hours. After the last it ends. */
export const defaultSchedule: readonly number[] = [5, 300, 1800, 7200, 18_000, 36_000, 50_400, 72_000, 86_400]

/** Part of a wait by which it may be longer, so that deliveries that failed together are not retried together. */
const JITTER = 0.2
/** The most seconds of a `Retry-After` that count: a receiver can't postpone a delivery for years. */
const MAX_RETRY_AFTER = 86_400

export interface Wait {
  readonly schedule: readonly number[]
  readonly attemptsMade: number
  /** Milliseconds since the epoch. */
  readonly now: number
  /** From 0 to less than 1. */
  readonly random: number
  /** Seconds that the receiver asked for. */
  readonly retryAfter?: number | undefined
}

/** When the next attempt is due, never earlier than the receiver asked for; undefined where the schedule has ended. */
export function nextAttempt ({ schedule, attemptsMade, now, random, retryAfter = 0 }: Wait): Date | undefined {
  const delay = schedule[attemptsMade - 1]
  if (delay === undefined) return undefined
  const seconds = Math.max(delay, Math.min(retryAfter, MAX_RETRY_AFTER)) * (1 + JITTER * random)
  return new Date(Math.ceil(now + seconds * 1000))
}

/**
 * Seconds of a `Retry-After` field (RFC 9110 §10.2.3); undefined where it is neither seconds nor a date.
 * @param now milliseconds since the epoch
 */
export function readRetryAfter (field: string | undefined, now: number): number | undefined {
  if (field === undefined) return undefined
  if (/^\d{1,15}$/.test(field)) return Number(field)
  const at = /GMT$/.test(field) ? Date.parse(field) : NaN
  return Number.isNaN(at) ? undefined : Math.max(0, (at - now) / 1000)
}
