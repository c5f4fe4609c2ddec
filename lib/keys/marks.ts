import { describeFault } from '../errors.js'
import { within } from '../time.js'
import type { ApiKey } from './record.js'

export interface Marks {
  /**
   * Tells every process of a key's version.
   * @returns seconds within which all of them have it
   */
  spread (key: ApiKey): Promise<number>
  close (): void
}

/** Tells every process of a key's version. */
export type Mark = (key: Pick<ApiKey, 'id' | 'workspace' | 'environment'>, version: number) => Promise<void>

interface Parts {
  readonly mark: Mark | undefined
  /** Seconds. */
  readonly cacheBound: number
  /** Seconds. */
  readonly deadline: number
  readonly log: (reason: string, message: string) => void
}

/** Attempts after the first; the pauses between them double from 0.1 s, so the last is made after less than a minute. */
const RETRIES = 8
const FIRST_PAUSE = 100
/** Markers that wait to be written; what is beyond holds within the bound all the same. */
const MAX_WAITING = 10_000

/** Where a marker can't be written the change stands, and holds when caches have let go of what they knew. */
export function createMarks ({ mark, cacheBound, deadline, log }: Parts): Marks {
  const timers = new Set<NodeJS.Timeout>()
  let closed = false

  async function write (mark: Mark, key: ApiKey, attempt: number): Promise<number> {
    try {
      await within(mark(key, key.version), deadline, 'the store of markers')
      return 0
    } catch (fault) {
      log(describeFault(fault), `the change of key ${key.id} was not marked; it holds within ${cacheBound} s`)
      if (!closed && attempt < RETRIES && timers.size < MAX_WAITING) retry(mark, key, attempt)
      return cacheBound
    }
  }

  /** A marker only grows, so one that comes late does no harm. */
  function retry (mark: Mark, key: ApiKey, attempt: number): void {
    const timer = setTimeout(() => {
      timers.delete(timer)
      write(mark, key, attempt + 1)
    }, FIRST_PAUSE * 2 ** attempt)
    timer.unref()
    timers.add(timer)
  }

  return {
    async spread (key) {
      return mark === undefined ? cacheBound : await write(mark, key, 0)
    },
    close () {
      closed = true
      for (const timer of timers) clearTimeout(timer)
      timers.clear()
    }
  }
}
