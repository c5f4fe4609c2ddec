import { describeFault } from './errors.js'

export interface FailureLogDeps {
  readonly log: (reason: string, message: string) => void
  readonly inform: (message: string) => void
}

/** Something that may fail for a while: one line when it begins to, one when it works again, and none in between. */
export interface FailureLog {
  lasts (): boolean
  /** @param part what of it failed; it works again when all that failed does */
  failed (fault: unknown, part?: string): void
  worked (part?: string): void
  /** Never rejects. @returns undefined where the work fails */
  tried<T> (work: () => Promise<T>): Promise<T | undefined>
}

/** @param begins,ends the lines */
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
