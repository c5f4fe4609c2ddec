import type { Clock } from './clock.js'

/** Milliseconds between the first failure and the next attempt; each further pause is twice as long. */
const FIRST_PAUSE = 100
const LONGEST_PAUSE = 5_000

/** When to try again what fails, where requests would otherwise each try it. */
export interface Backoff {
  /** False until the pause after a failure is over. */
  isOver (): boolean
  failed (): void
  worked (): void
}

/** @param clock milliseconds; a clock that steps back makes no pause longer than it is */
export function createBackoff (clock: Clock): Backoff {
  let failedAt: number | undefined
  let pause = 0
  return {
    isOver () {
      if (failedAt === undefined) return true
      const waited = clock() - failedAt
      return waited < 0 || waited >= pause
    },
    failed () {
      failedAt = clock()
      pause = Math.min(Math.max(2 * pause, FIRST_PAUSE), LONGEST_PAUSE)
    },
    worked () {
      failedAt = undefined
      pause = 0
    }
  }
}
