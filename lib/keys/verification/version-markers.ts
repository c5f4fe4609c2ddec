import { withTimeout } from '../../core/clock.js'
import { describeFault } from '../../core/errors.js'
import type { ApiKey } from '../record.js'

/** Names a key to a store of version markers. */
type MarkedKey = Pick<ApiKey, 'id' | 'workspace' | 'environment'>

/** Writes the marker that makes every process reload a key of an older version. */
export type PublishVersion = (key: MarkedKey, version: number) => Promise<void>

export interface VersionMarkersDeps {
  readonly publishVersion: PublishVersion
  /** The key's version in the key store; undefined where the key is gone. */
  readonly versionOf: (key: MarkedKey) => Promise<number | undefined>
  /** Seconds that a process may use a cached record without its marker. */
  readonly maxAge: number
  /** Seconds that either store may take. */
  readonly deadline: number
  readonly log: (reason: string, message: string) => void
}

export interface VersionMarkers {
  /** Writes a key's version marker. @returns seconds after which every process uses this version at the latest */
  publish (key: ApiKey): Promise<number>
  /** Gives up all retries. */
  close (): void
}

/** Milliseconds before the first retry; each further pause is twice as long, up to the longest. */
const FIRST_PAUSE = 100
const LONGEST_PAUSE = 5_000
/** Milliseconds that retries go on at least: other processes may cache records for longer than this one. */
const MIN_SPAN = 30_000
/** Keys whose markers wait for a retry. Changes of further keys are effective once caches have expired. */
const MAX_RETRIES = 10_000

/** A marker that could not be written: the latest of its key. */
interface Retry {
  readonly key: MarkedKey
  readonly version: number
  timer?: NodeJS.Timeout
}

/**
 * Where a marker can't be written, the change stands and is effective once caches have expired; until then the write is
 * retried. A retry writes the version that the key has meanwhile: an older marker, where a newer one was lost, would
 * make an outdated record valid again.
 */
export function createVersionMarkers (deps: VersionMarkersDeps): VersionMarkers {
  const { publishVersion, versionOf, maxAge, deadline, log } = deps
  const span = Math.max(maxAge * 1000, MIN_SPAN)
  const retries = new Map<string, Retry>()
  let closed = false

  async function write (key: MarkedKey, version: number): Promise<void> {
    await withTimeout(publishVersion(key, version), deadline, 'the store of version markers')
  }

  async function writeLatest ({ key, version }: Retry): Promise<void> {
    const latest = await withTimeout(versionOf(key), deadline, 'the key store')
    await write(key, Math.max(version, latest ?? 0))
  }

  function retryLater (retry: Retry): void {
    const { key, version } = retry
    const waiting = retries.get(key.id)
    if (closed || (waiting === undefined ? retries.size >= MAX_RETRIES : waiting.version >= version)) return
    clearTimeout(waiting?.timer)
    retries.set(key.id, retry)
    schedule(retry, FIRST_PAUSE, 0)
  }

  /** @param waited milliseconds since the change, at least */
  function schedule (retry: Retry, pause: number, waited: number): void {
    retry.timer = setTimeout(async () => {
      const done = await writeLatest(retry).then(() => true, () => false)
      if (retries.get(retry.key.id) !== retry) return
      if (done || waited + pause >= span) retries.delete(retry.key.id)
      else schedule(retry, Math.min(2 * pause, LONGEST_PAUSE), waited + pause)
    }, pause).unref()
  }

  return {
    async publish ({ id, workspace, environment, version }) {
      const key = { id, workspace, environment }
      try {
        await write(key, version)
        return 0
      } catch (fault) {
        log(describeFault(fault), `the version of key ${id} could not be published; it is effective within ${maxAge} s`)
        retryLater({ key, version })
        return maxAge
      }
    },
    close () {
      closed = true
      for (const { timer } of retries.values()) clearTimeout(timer)
      retries.clear()
    }
  }
}
