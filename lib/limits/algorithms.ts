/** The numbers that an algorithm stores for one partition; instants are whole microseconds since the epoch. */
export type State = readonly number[]

/** What an algorithm reads of a policy. */
export interface Quota {
  readonly quota: number
  /** Seconds. */
  readonly window: number
  /** The most units that one take can get. */
  readonly capacity: number
}

/** What one policy decides about one take. Nothing is counted yet. */
export interface Verdict {
  readonly admitted: boolean
  /** The state to store if the take is counted. */
  readonly next: State
  /** Whole units that are left now, before this take. */
  readonly available: number
  /** Microseconds until more quota comes back: after this take if admitted, else until it could be admitted. */
  readonly reset: number
}

/**
 * Pure functions: equal arguments give equal results, on every store. `now` is in whole microseconds.
 *
 * A clock may step back. `settle` then moves instants that lie in the future to `now`, so that the step frees no unit
 * and locks nobody out for longer than the policy does. Bounds hold for the time in which the clock went forward.
 */
export interface Algorithm {
  /** The state at `now`, to be stored whatever is decided. It is the same object unless the clock stepped back. */
  settle (policy: Quota, state: State, now: number): State
  /** @param state settled at `now`; undefined for a partition without one */
  decide (policy: Quota, state: State | undefined, now: number, cost: number): Verdict
  /** From this instant on the state can be dropped: it decides as no state does. */
  expiry (policy: Quota, state: State): number
}

const SECOND = 1_000_000
/** Slices of a sliding window. Windows are whole seconds, so a slice is a whole number of microseconds. */
const SLICES = 10
const sliceTime = (window: number): number => window * SECOND / SLICES

/** A window that opens with its first request. State: [instant of opening, units taken]. */
const fixedWindow: Algorithm = {
  settle: (_policy, state, now) => at(state, 0) > now ? [now, at(state, 1)] : state,
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
 * The time of one unit is rounded up to whole microseconds, so that the rate is never exceeded.
 */
const tokenBucket: Algorithm = {
  settle (policy, state, now) {
    const latest = now + fillTime(policy)
    return at(state, 0) > latest ? [latest] : state
  },
  decide (policy, state, now, cost) {
    const unit = unitTime(policy)
    const capacity = fillTime(policy)
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
  expiry: (_policy, state) => at(state, 0)
}

/** Microseconds until one unit comes back. */
export function unitTime ({ quota, window }: Pick<Quota, 'quota' | 'window'>): number {
  return Math.ceil(window * SECOND / quota)
}

/** Microseconds until an empty bucket is full. */
export function fillTime (policy: Quota): number {
  return policy.capacity * unitTime(policy)
}

/**
 * Counts in slices of a tenth of the window. A slice counts until its last instant is a window old, so that no window
 * at any position admits more than the quota, and a unit comes back up to a tenth of the window late.
 * State: [last instant of the newest slice, units of it, of the one before, …]. A first request ends its slice.
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

/** The slices at `now`; those that ended a window ago are empty. */
function slide (state: State | undefined, now: number, length: number): number[] {
  const before = state === undefined ? now : at(state, 0)
  const passed = Math.max(0, Math.ceil((now - before) / length))
  const end = passed > SLICES ? now : before + passed * length
  const oldest = end > now ? SLICES : SLICES - 1
  const slid = [end]
  for (let age = 0; age <= SLICES; age++) {
    const isEmpty = state === undefined || age < passed || age > oldest
    slid.push(isEmpty ? 0 : at(state, 1 + age - passed))
  }
  return slid
}

/** Microseconds until the oldest slices with `units` units have ended; until all have, where there are fewer units. */
function untilFreed (state: State, units: number, now: number, length: number): number {
  let freed = 0
  let until = 0
  for (let age = SLICES; age >= 0 && freed < units; age--) {
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

export const algorithms = {
  window: fixedWindow,
  bucket: tokenBucket,
  sliding: slidingWindow
} as const satisfies Record<string, Algorithm>
