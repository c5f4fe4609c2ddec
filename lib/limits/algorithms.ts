/** Numbers that an algorithm keeps of one partition; instants are whole microseconds since the epoch. */
export type State = readonly number[]

/** What an algorithm needs to know of a policy; `window` is in seconds. */
export interface Terms {
  readonly quota: number
  readonly window: number
  /** Most units that can be had at once. */
  readonly capacity: number
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

/**
 * A pure decision: equal arguments give equal answers, on every store. `now` is in whole microseconds.
 *
 * Clocks may step. What a state says lies ahead of `now` begins at `now` instead (`settle`), so a step back neither frees
 * a unit nor locks anybody out for longer than the policy itself does; bounds hold in the time that the clock went forward.
 */
export interface Algorithm {
  /** The state as it stands at `now`, to be kept whatever is decided; the very same state unless the clock was set back. */
  settle (terms: Terms, state: State, now: number): State
  /** @param state settled at `now`; undefined for a partition without one */
  decide (terms: Terms, state: State | undefined, now: number, cost: number): Verdict
  /** From this instant on the state says no more than no state at all. */
  expiry (terms: Terms, state: State): number
}

const SECOND = 1_000_000
/** Slices of a sliding window; whole microseconds, since windows are whole seconds. */
const SLICES = 10
const sliceTime = (window: number): number => window * SECOND / SLICES

/** Opens with the first request and counts until it closes. State: [opened at, units taken]. */
const fixedWindow: Algorithm = {
  settle: (_terms, state, now) => at(state, 0) > now ? [now, at(state, 1)] : state,
  decide ({ quota, window }, state, now, cost) {
    const length = window * SECOND
    const open = state !== undefined && now < at(state, 0) + length
    const openedAt = open ? at(state, 0) : now
    const taken = open ? at(state, 1) : 0
    return {
      admitted: quota > 0 && taken + cost <= quota,
      next: [openedAt, taken + cost],
      available: quota - taken,
      reset: openedAt + length - now
    }
  },
  expiry: ({ window }, state) => at(state, 0) + window * SECOND
}

/**
 * GCRA: a bucket of `capacity` units that fills at quota / window. State: [instant at which the bucket is full again].
 * The time of one unit is rounded up to whole microseconds, so the rate is never exceeded.
 */
const tokenBucket: Algorithm = {
  settle (terms, state, now) {
    const latest = now + fillTime(terms)
    return at(state, 0) > latest ? [latest] : state
  },
  decide (terms, state, now, cost) {
    const unit = unitTime(terms)
    const capacity = fillTime(terms)
    const fullAt = state === undefined ? now : Math.max(at(state, 0), now)
    const free = capacity - (fullAt - now)
    const left = free - cost * unit
    return {
      admitted: left >= 0,
      next: [fullAt + cost * unit],
      available: Math.floor(free / unit),
      reset: left < 0 ? -left : Math.min(capacity - left, unit - left % unit)
    }
  },
  expiry: (_terms, state) => at(state, 0)
}

/** Microseconds in which one unit comes back. */
export function unitTime ({ quota, window }: Pick<Terms, 'quota' | 'window'>): number {
  return Math.ceil(window * SECOND / quota)
}

/** Microseconds in which an empty bucket fills. */
export function fillTime (terms: Terms): number {
  return terms.capacity * unitTime(terms)
}

/**
 * Counts by slices of a tenth of the window, each kept until its last instant is a window old: no window of any position
 * holds more than the quota, and a unit comes back a window after it was taken, or up to a tenth of a window later.
 * State: [last instant of the newest slice, units of it, of the one before, …]. The first request ends its slice.
 */
const slidingWindow: Algorithm = {
  settle ({ window }, state, now) {
    const latest = now + sliceTime(window) - 1
    return at(state, 0) > latest ? [latest, ...state.slice(1)] : state
  },
  decide ({ quota, window }, state, now, cost) {
    const length = sliceTime(window)
    const next = slide(state, now, length)
    const taken = next.reduce((sum, count, i) => i === 0 ? 0 : sum + count, 0)
    const missing = taken + cost - quota
    const admitted = missing <= 0
    if (admitted) next[1] = at(next, 1) + cost
    return { admitted, next, available: quota - taken, reset: untilFreed(next, admitted ? 1 : missing, now, length) }
  },
  expiry: ({ window }, state) => at(state, 0) + window * SECOND
}

/** The slices as they lie at `now`; those that ended a window ago are empty. */
function slide (state: State | undefined, now: number, length: number): number[] {
  const before = state === undefined ? now : at(state, 0)
  const passed = Math.max(0, Math.ceil((now - before) / length))
  const end = passed > SLICES ? now : before + passed * length
  const oldest = end > now ? SLICES : SLICES - 1
  const slid = [end]
  for (let age = 0; age <= SLICES; age++) slid.push(state === undefined || age < passed || age > oldest ? 0 : at(state, 1 + age - passed))
  return slid
}

/** Microseconds until the oldest slices that hold `wanted` units are gone; until all are, when there are fewer. */
function untilFreed (state: State, wanted: number, now: number, length: number): number {
  let freed = 0
  let until = 0
  for (let age = SLICES; age >= 0 && freed < wanted; age--) {
    const count = at(state, 1 + age)
    if (count === 0) continue
    freed += count
    until = at(state, 0) + (SLICES - age) * length - now
  }
  return until
}

function at (state: State, i: number): number {
  return state[i] ?? 0
}

export const algorithms = { window: fixedWindow, bucket: tokenBucket, sliding: slidingWindow } as const satisfies Record<string, Algorithm>
