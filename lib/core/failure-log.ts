import { describeFault } from './errors.js'

export interface FailureLogDeps {
  readonly log: (reason: string, message: string) => void
  readonly inform: (message: string) => void
}

/** Logs an outage as two lines: one when it begins and one when it is over, however often it fails in between. */
export interface FailureLog {
  /** The outage is not over. */
  lasts (): boolean
  /** @param part what failed, where several things can; the outage is over when all of them work again */
  failed (fault: unknown, part?: string): void
  worked (part?: string): void
  /** Does the work and logs its failure. Never rejects. @returns undefined where the work fails */
  tried<T> (work: () => Promise<T>): Promise<T | undefined>
}

/**
 * @param begins the line that is logged when it fails
 * @param ends the line that is logged when it works again
 */
export function createFailureLog ({ log, inform }: FailureLogDeps, begins: string, ends: string): FailureLog {
  const failing = new Set<string>()

  function failed (fault: unknown, part = ''): void {
    if (failing.size === 0) log(describeFault(fault), begins)
    failing.add(part)
  }

  function worked (part = ''): void {
    if (failing.delete(part) && failing.size === 0) inform(ends)
  }

  return {
    lasts: () => failing.size > 0,
    failed,
    worked,
    async tried (work) {
      try {
        const result = await work()
        worked()
        return result
      } catch (fault) {
        failed(fault)
        return undefined
      }
    }
  }
}
