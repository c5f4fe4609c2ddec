/** Numbers that an algorithm keeps of one partition; instants are microseconds since the epoch. */
export type State = readonly number[]

/** What an algorithm needs to know of a policy; `window` is in seconds. */
export interface Terms {
  readonly quota: number
  readonly window: number
  readonly burst?: number
}

/** What one policy says of one take. Nothing has been counted yet. */
export interface Verdict {
  readonly admitted: boolean
  /** The state to keep if the take goes through. */
  readonly next: State
  /** Whole units that could be had now, before this take. */
  readonly available: number
  /** Microseconds until more quota comes back: after this take if admitted, else until it could be admitted. */
  readonly reset: number
}

/** A pure decision: equal arguments give equal answers, on every store. `now` is in microseconds. */
export interface Algorithm {
  decide (terms: Terms, state: State | undefined, now: number, cost: number): Verdict
  /** From this instant on the state says no more than no state at all. */
  expiry (terms: Terms, state: State): number
}

const SECOND = 1_000_000
/** A sliding window is counted in this many slices, and one more so that none of its requests is missed. */
const SLICES = 10

/**
 * Opens with the first request and counts until it closes; a clock that was set back leaves it open from now on.
 * State: [opened at, units taken].
 */
const fixedWindow: Algorithm = {
  decide ({ quota, window }, state, now, cost) {
    const length = window * SECOND
    const openedAt = Math.min(state?.[0] ?? now, now)
    const closed = now >= openedAt + length
    const taken = closed ? 0 : state?.[1] ?? 0
    const start = closed ? now : openedAt
    return {
      admitted: quota > 0 && taken + cost <= quota,
      next: [start, taken + cost],
      available: Math.max(0, quota - taken),
      reset: start + length - now
    }
  },
  expiry: ({ window }, [openedAt = 0]) => openedAt + window * SECOND
}

/**
 * GCRA: a bucket of `burst` units that fills at quota / window. State: [instant at which the bucket is full again].
 * The time of one unit is rounded up to whole microseconds, so the rate is never exceeded.
 */
const tokenBucket: Algorithm = {
  decide ({ quota, window, burst = quota }, state, now, cost) {
    const unit = Math.ceil(window * SECOND / quota)
    const capacity = burst * unit
    const fullAt = Math.min(Math.max(state?.[0] ?? now, now), now + capacity)
    const free = capacity - (fullAt - now)
    const admitted = cost * unit <= free
    const missing = admitted ? unit - ((free - cost * unit) % unit) : cost * unit - free
    return {
      admitted,
      next: [fullAt + cost * unit],
      available: Math.floor(free / unit),
      reset: missing
    }
  },
  expiry: (_terms, [fullAt = 0]) => fullAt
}

/**
 * Counts by slices of a tenth of the window and looks back over ten whole slices and the one that runs, so that no
 * window of any position holds more than the quota. State: [number of the newest slice, units of it, of the one before, …].
 */
const slidingWindow: Algorithm = {
  decide ({ quota, window }, state, now, cost) {
    const length = window * SECOND / SLICES
    const slice = newestSlice(state, Math.floor(now / length))
    const counts = shifted(state, slice)
    const taken = counts.reduce((sum, count) => sum + count, 0)
    const admitted = taken + cost <= quota
    const after = admitted ? [(counts[0] ?? 0) + cost, ...counts.slice(1)] : counts
    const wanted = admitted ? 1 : taken + cost - quota
    return {
      admitted,
      next: [slice, ...after],
      available: Math.max(0, quota - taken),
      reset: Math.max(0, (slice + slicesUntilFreed(after, wanted)) * length - now)
    }
  },
  expiry: ({ window }, [slice = 0]) => (slice + SLICES + 1) * window * SECOND / SLICES
}

/** A clock that went back a little does not make requests older; one that was set back far brings them along. */
function newestSlice (state: State | undefined, slice: number): number {
  const newest = state?.[0] ?? slice
  return newest > slice && newest - slice <= SLICES ? newest : slice
}

/** The counts as seen from `slice`; older ones have left. */
function shifted (state: State | undefined, slice: number): number[] {
  const [newest = slice, ...counts] = state ?? []
  const passed = Math.min(Math.max(0, slice - newest), SLICES + 1)
  return [...Array<number>(passed).fill(0), ...counts, ...Array<number>(SLICES + 1).fill(0)].slice(0, SLICES + 1)
}

/** How many slices must pass until `wanted` units have left; all of them when there are not that many. */
function slicesUntilFreed (counts: readonly number[], wanted: number): number {
  let freed = 0
  for (let age = SLICES; age >= 0; age--) {
    freed += counts[age] ?? 0
    if (freed >= wanted) return SLICES + 1 - age
  }
  return freed === 0 ? 0 : SLICES + 1
}

export const algorithms = { window: fixedWindow, bucket: tokenBucket, sliding: slidingWindow } as const satisfies Record<string, Algorithm>
