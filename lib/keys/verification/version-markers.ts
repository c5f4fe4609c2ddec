import { describeFault } from '../../core/errors.js'
import { withTimeout } from '../../core/clock.js'
import type { ApiKey } from '../record.js'

export interface VersionMarkers {
  /**
   * Tells every process of a key's version.
   * @returns seconds within which all of them have it
   */
  publish (key: ApiKey): Promise<number>
  close (): void
}

/** Tells every process of a key's version. */
export type PublishVersion = (key: Pick<ApiKey, 'id' | 'workspace' | 'environment'>, version: number) => Promise<void>

interface Parts {
  readonly mark: PublishVersion | undefined
  /** The version of a key as the store of keys has it now; undefined where that has none. */
  readonly versionOf: (key: Parameters<PublishVersion>[0]) => Promise<number | undefined>
  /** Seconds. */
  readonly cacheBound: number
  /** Seconds. */
  readonly deadline: number
  readonly log: (reason: string, message: string) => void
}

/** Milliseconds before the second attempt; each further pause is twice as long, up to the longest. */
const FIRST_PAUSE = 100
const LONGEST_PAUSE = 5_000
/** Milliseconds that attempts go on at least: processes of another configuration may hold keys where this one does not. */
const SHORTEST_SPAN = 30_000
/** Keys whose markers wait to be written; what is beyond holds within the bound all the same. */
const MAX_WAITING = 10_000

/** A marker that is still to be written: the latest of its key. */
interface Waiting {
  readonly key: Parameters<PublishVersion>[0]
  readonly version: number
  timer?: NodeJS.Timeout
}

/**
 * Where a marker can't be written the change stands, and holds when caches have let go of what they knew. Until then it
 * is tried again. A marker only grows, so one that comes late does no harm where a newer one stands; where that was lost, it
 * would make an older record good again, so a later attempt marks what the key has become meanwhile.
 */
export function createVersionMarkers ({ mark, versionOf, cacheBound, deadline, log }: Parts): VersionMarkers {
  const span = Math.max(cacheBound * 1000, SHORTEST_SPAN)
  const waiting = new Map<string, Waiting>()
  let closed = false

  /** @returns what went wrong */
  async function write (mark: PublishVersion, { key, version }: Waiting, late: boolean): Promise<unknown> {
    try {
      const latest = late ? await withTimeout(versionOf(key), deadline, 'the key store') : version
      await withTimeout(mark(key, Math.max(version, latest ?? 0)), deadline, 'the store of markers')
      return undefined
    } catch (fault) {
      return fault ?? new Error('rejected with nothing')
    }
  }

  function wait (mark: PublishVersion, one: Waiting): void {
    const earlier = waiting.get(one.key.id)
    if (closed || (earlier === undefined ? waiting.size >= MAX_WAITING : earlier.version >= one.version)) return
    clearTimeout(earlier?.timer)
    waiting.set(one.key.id, one)
    retry(mark, one, FIRST_PAUSE, 0)
  }

  /** @param waited milliseconds since the change, at least */
  function retry (mark: PublishVersion, one: Waiting, pause: number, waited: number): void {
    one.timer = setTimeout(async () => {
      const fault = await write(mark, one, true)
      if (waiting.get(one.key.id) !== one) return
      if (fault === undefined || waited + pause >= span) waiting.delete(one.key.id)
      else retry(mark, one, Math.min(2 * pause, LONGEST_PAUSE), waited + pause)
    }, pause).unref()
  }

  return {
    async publish ({ id, workspace, environment, version }) {
      if (mark === undefined) return cacheBound
      const one = { key: { id, workspace, environment }, version }
      const fault = await write(mark, one, false)
      if (fault === undefined) return 0
      log(describeFault(fault), `the change of key ${id} was not marked; it holds within ${cacheBound} s`)
      wait(mark, one)
      return cacheBound
    },
    close () {
      closed = true
      for (const { timer } of waiting.values()) clearTimeout(timer)
      waiting.clear()
    }
  }
}
