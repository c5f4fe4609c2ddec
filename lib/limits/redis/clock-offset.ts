/** µs by which an estimate follows a smaller one: answers that were delayed must not pull it down at once. */
const DRIFT = 10
/** µs beyond which a smaller one is a clock that was set. */
const STEP = 1_000_000

/**
 * How far Redis' clock is ahead of ours. Estimates are made when an answer arrives, so they are never too large: an
 * instant told to Redis by them never lies behind ours.
 */
export function nextOffset (before: number | undefined, estimate: number): number {
  if (before === undefined || estimate > before || estimate < before - STEP) return estimate
  return Math.max(estimate, before - DRIFT)
}
