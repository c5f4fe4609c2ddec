import { createBoundedMap, type Kept } from '../bounded.js'
import type { Clock } from '../time.js'

/** What happens once in a while is told apart from its repetitions, by name. */
export interface Firsts {
  /** Whether this is the first time for so many seconds that something with this name happens. */
  isFirst (name: string, seconds: number): boolean
  /** From so many seconds on, the next time is a first again. */
  again (name: string, seconds: number): void
}

interface Period extends Kept { readonly from: number, readonly until: number }

/** Names that are known at once. One that has to go may be a first again. */
const MOST = 10_000

/** A clock that steps back begins a period anew. */
export function createFirsts (clock: Clock): Firsts {
  const periods = createBoundedMap<Period>(MOST)

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
