import { createClockCache, type CacheEntry } from '../core/clock-cache.js'
import type { Clock } from '../core/clock.js'

/** Lets an occurrence through once in a window of time, by its name. */
export interface OncePerWindow {
  /** True for the first occurrence of this name within so many seconds. */
  isFirst (name: string, seconds: number): boolean
}

interface Window extends CacheEntry { readonly from: number, readonly until: number }

/** Names remembered at once. A name that has to make room may be a first again. */
const MAX_NAMES = 10_000

/** For events that requests would otherwise repeat. A clock that steps back opens a new window. */
export function createOncePerWindow (clock: Clock): OncePerWindow {
  const windows = createClockCache<Window>(MAX_NAMES)

  return {
    isFirst (name, seconds) {
      const now = clock()
      const open = windows.get(name)
      if (open !== undefined && open.from <= now && now < open.until) {
        open.used = true
        return false
      }
      windows.set(name, { from: now, until: now + seconds * 1000, used: false })
      return true
    }
  }
}
