/** µs by which an offset follows a smaller estimate: a delayed answer must not pull it down at once. */
const DRIFT = 10
/** An estimate that is smaller by more µs than this means that the clock was set. */
const STEP = 1_000_000

/**
 * How far Redis' clock is ahead of ours, in µs. Estimates are made when an answer arrives, so they are never too
 * large: an instant that Redis gets by them never lies after the one that was meant.
 */
export function nextOffset (before: number | undefined, estimate: number): number {
  if (before === undefined || estimate > before || estimate < before - STEP) return estimate
  return Math.max(estimate, before - DRIFT)
}
