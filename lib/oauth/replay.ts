import { OptionError, show } from '../core/options.js'

/** Remembers proofs that were used. */
export interface ReplayStore {
  /**
   * @param proof what tells one proof from all others
   * @param until milliseconds since the epoch; nothing needs to be remembered longer
   * @returns true the first time and false from then on; what it throws is an outage (503)
   */
  use (proof: string, until: number, now: number): boolean | PromiseLike<boolean>
}

/** The store is full of proofs that are all still good. */
export class ReplayStoreFull extends Error {
  override readonly name = 'ReplayStoreFull'
}

/**
 * In this process's memory.
 * @param size proofs held at once; when it is full of good ones nobody is let in (503), rather than a proof twice
 * @throws OptionError
 */
export function createMemoryReplayStore (size = 100_000): ReplayStore {
  if (!Number.isSafeInteger(size) || size < 1) throw new OptionError(`the size of a replay store must be a whole number of at least 1, not ${show(size)}`)
  const used = new Map<string, number>()
  let nextOver = 0

  /** Looks through all of them only when one of them is over. */
  function sweep (now: number): void {
    if (now < nextOver) return
    nextOver = Infinity
    for (const [proof, until] of used) {
      if (until <= now) used.delete(proof)
      else nextOver = Math.min(nextOver, until)
    }
  }

  return {
    use (proof, until, now) {
      if (used.has(proof)) return false
      if (used.size >= size) sweep(now)
      if (used.size >= size) throw new ReplayStoreFull('too many proofs at once')
      used.set(proof, until)
      nextOver = Math.min(nextOver, until)
      return true
    }
  }
}
