import type { CompiledPolicy } from 'fastify-latchkey/limits'

/** One counter in the plainest terms: units by instant. Microseconds; for clocks that never go back. */
export interface NaiveCounter {
  /** Whole units that could be had. */
  available (now: number): number
  count (cost: number, now: number): void
  live (now: number): boolean
}

/** What a policy promises, written down without regard to memory or speed. */
export function naiveCounter (policy: CompiledPolicy): NaiveCounter {
  if (policy.quota === 0) return { available: () => -1, count () {}, live: () => false }
  if (policy.burst !== undefined) return naiveBucket(policy, policy.burst)
  return policy.sliding === true ? naiveSlices(policy) : naiveWindow(policy)
}

function naiveWindow ({ quota, window }: CompiledPolicy): NaiveCounter {
  let opened: number | undefined
  let taken = 0
  const live = (now: number): boolean => opened !== undefined && now < opened + window * 1e6
  return {
    live,
    available: (now) => live(now) ? quota - taken : quota,
    count (cost, now) {
      if (!live(now)) {
        opened = now
        taken = 0
      }
      taken += cost
    },
  }
}

function naiveBucket ({ quota, window }: CompiledPolicy, burst: number): NaiveCounter {
  const unit = Math.ceil(window * 1e6 / quota)
  let level = burst * unit
  let filledAt = 0
  function fill (now: number): void {
    level = Math.min(burst * unit, level + now - filledAt)
    filledAt = now
  }
  return {
    available (now) {
      fill(now)
      return Math.floor(level / unit)
    },
    count (cost, now) {
      fill(now)
      level -= cost * unit
    },
    live (now) {
      fill(now)
      return level < burst * unit
    },
  }
}

function naiveSlices ({ quota, window }: CompiledPolicy): NaiveCounter {
  const slice = window * 1e5
  let takes: Array<{ end: number, cost: number }> = []
  let end: number | undefined
  const kept = (now: number) => takes.filter((one) => now < one.end + window * 1e6)
  return {
    live: (now) => kept(now).length > 0,
    available: (now) => kept(now).reduce((left, { cost }) => left - cost, quota),
    count (cost, now) {
      takes = kept(now)
      if (end === undefined || now > end + 10 * slice) end = now
      while (end < now) end += slice
      takes.push({ end, cost })
    },
  }
}
