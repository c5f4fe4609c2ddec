import { createClockCache, type CacheEntry } from '../core/clock-cache.js'
import type { Clock } from '../core/clock.js'

/** What happens once in a while is told apart from its repetitions, by name. */
export interface OncePerWindow {
  /** Whether this is the first time for so many seconds that something with this name happens. */
  isFirst (name: string, seconds: number): boolean
  /** From so many seconds on, the next time is a first again. */
  again (name: string, seconds: number): void
}

interface Period extends CacheEntry { readonly from: number, readonly until: number }

/** Names that are known at once. One that has to go may be a first again. */
const MOST = 10_000

/** A clock that steps back begins a period anew. */
export function createOncePerWindow (clock: Clock): OncePerWindow {
  const periods = createClockCache<Period>(MOST)

  function begin (name: string, now: number, seconds: number): void {
    periods.set(name, { from: now, until: now + seconds * 1000, used: false })
  }

  return {
    isFirst (name, seconds) {
      const now = clock()
      const known = periods.get(name)
      if (known !== undefined && known.from <= now && now < known.until) {
        known.used = true
        return false
      }
      begin(name, now, seconds)
      return true
    },
    again: (name, seconds) => begin(name, clock(), seconds)
  }
}
