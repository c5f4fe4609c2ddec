import { createClockCache, type CacheEntry } from './clock-cache.js'
import { describeFault } from './errors.js'
import type { OnBroken } from './stored-record.js'

/** Broken records that are remembered as logged. */
const MAX_LOGGED = 10_000

/** Logs each broken record once in this process, however often scans pass over it. */
export function createBrokenLog (log: (reason: string, message: string) => void): OnBroken {
  const logged = createClockCache<CacheEntry>(MAX_LOGGED)
  return function logOnce (fault) {
    const reason = describeFault(fault)
    if (logged.get(reason) !== undefined) return
    logged.set(reason, { used: false })
    log(reason, 'a stored record is passed over')
  }
}
