import { createBoundedMap, type Kept } from '../bounded.js'
import type { Clock } from '../time.js'

/** Whether this is the first time for so many seconds that something with this name happens. */
export type Firsts = (name: string, seconds: number) => boolean

interface Period extends Kept { readonly from: number, readonly until: number }

/** Names that are known at once. One that has to go may be a first again. */
const MOST = 10_000

/** A clock that steps back begins a period anew. */
export function createFirsts (clock: Clock): Firsts {
  const periods = createBoundedMap<Period>(MOST)
  return function isFirst (name, seconds) {
    const now = clock()
    const known = periods.get(name)
    if (known !== undefined && known.from <= now && now < known.until) {
      known.used = true
      return false
    }
    periods.set(name, { from: now, until: now + seconds * 1000, used: false })
    return true
  }
}
