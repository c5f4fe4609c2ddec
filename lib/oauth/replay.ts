import { OptionError, show } from '../core/options.js'

/** Remembers used proofs. */
export interface ReplayStore {
  /**
   * @param proof unique to one proof
   * @param until milliseconds since the epoch, from which on the proof need not be remembered
   * @returns true the first time and false from then on; an error is an outage (503)
   */
  use (proof: string, until: number, now: number): boolean | PromiseLike<boolean>
}

/** The store has no room for another proof: none of those that it has may be forgotten yet. */
export class ReplayStoreFull extends Error {
  override readonly name = 'ReplayStoreFull'
}

/**
 * Used proofs in this process's memory.
 * @param size the most proofs at once; a full store lets nobody in (503), rather than a proof twice
 * @throws OptionError
 */
export function createMemoryReplayStore (size = 100_000): ReplayStore {
  if (!Number.isSafeInteger(size) || size < 1) {
    throw new OptionError(`the size of a replay store must be a whole number of at least 1, not ${show(size)}`)
  }
  const used = new Map<string, number>()
  let nextExpiry = 0

  /** Reads all proofs, but only once one of them has expired. */
  function sweep (now: number): void {
    if (now < nextExpiry) return
    nextExpiry = Infinity
    for (const [proof, until] of used) {
      if (until <= now) used.delete(proof)
      else nextExpiry = Math.min(nextExpiry, until)
    }
  }

  return {
    use (proof, until, now) {
      if (used.has(proof)) return false
      if (used.size >= size) sweep(now)
      if (used.size >= size) throw new ReplayStoreFull('too many proofs at once')
      used.set(proof, until)
      nextExpiry = Math.min(nextExpiry, until)
      return true
    }
  }
}
