import { randomUUID } from 'node:crypto'
import { withTimeout, type Clock } from '../core/clock.js'
import type { FailureLog } from '../core/failure-log.js'
import type { Counter } from './counter.js'
import { HOUR_MS } from './hours.js'
import type { UsageBatch, UsageStore } from './store.js'

export interface FlusherDeps {
  readonly store: UsageStore
  readonly counter: Counter
  readonly clock: Clock
  /** Seconds between two writes, at least. */
  readonly interval: number
  /** Seconds for which counts are kept. */
  readonly retention: number
  readonly failures: FailureLog
  readonly log: (reason: string, message: string) => void
  /** Called with each batch that the store has added. */
  readonly onAdded: ((batch: UsageBatch) => void) | undefined
}

export interface Flusher {
  /** Writes once `interval` is over. */
  schedule (): void
  /** Writes what was counted so far. Never rejects. @returns whether the store has taken all of it */
  flush (): Promise<boolean>
  /** Writes what is left; what the store does not take is lost, and logged. */
  close (): Promise<void>
}

/** Seconds that the store may take for a batch. */
const WRITE_TIMEOUT = 10

/** Writes counts to the store in batches, one after the other. */
export function createFlusher (deps: FlusherDeps): Flusher {
  const { store, counter, clock, interval, retention, failures, log, onAdded } = deps
  const writer = randomUUID()
  let sequence = 0
  /** A batch that the store has not confirmed: it is added again as it was, until it is. */
  let unconfirmed: UsageBatch | undefined
  let last: Promise<unknown> = Promise.resolve()
  let timer: NodeJS.Timeout | undefined
  let prunedAt = -Infinity

  function schedule (): void {
    timer ??= setTimeout(() => {
      timer = undefined
      inOrder(writeInTime)
    }, interval * 1000).unref()
  }

  function inOrder<T> (work: () => Promise<T>): Promise<T> {
    const result = last.then(work)
    last = result
    return result
  }

  const isDone = (): boolean => unconfirmed === undefined && counter.isEmpty()

  /** One write, and from time to time a second one that forgets old hours. */
  async function writeInTime (): Promise<void> {
    const written = await writeBatch()
    if (written) await tried('prune', pruneHourly)
    if (!isDone()) schedule()
  }

  async function writeBatch (): Promise<boolean> {
    return await tried('add', async () => {
      const batch = unconfirmed ??= nextBatch()
      await inTime(store.add(batch))
      unconfirmed = undefined
      onAdded?.(batch)
    })
  }

  function nextBatch (): UsageBatch {
    // Before the counts are taken, which a clock that throws must not lose.
    const madeAt = clock()
    const { counts, dropped } = counter.take()
    if (dropped > 0) log('too many keys wait for their counts to be written', `${dropped} requests were not counted`)
    sequence++
    return { writer, sequence, madeAt, retention, counts }
  }

  async function pruneHourly (): Promise<void> {
    const now = clock()
    if (!(now - prunedAt >= HOUR_MS)) return
    await inTime(store.prune(now - retention * 1000))
    prunedAt = now
  }

  async function inTime (work: void | Promise<void>): Promise<void> {
    await withTimeout(Promise.resolve(work), WRITE_TIMEOUT, 'the usage store')
  }

  /** Logs what the work throws, also by a clock of the host: nobody waits for a scheduled write. */
  async function tried (part: string, work: () => Promise<void>): Promise<boolean> {
    try {
      await work()
      failures.worked(part)
      return true
    } catch (fault) {
      failures.failed(fault, part)
      return false
    }
  }

  /** Not what is counted meanwhile: where requests go on, that would never end. */
  async function writeAll (): Promise<boolean> {
    if (unconfirmed !== undefined && !await writeBatch()) return false
    return counter.isEmpty() || await writeBatch()
  }

  return {
    schedule,
    flush: () => inOrder(writeAll),
    async close () {
      const all = await inOrder(writeAll)
      clearTimeout(timer)
      if (!all) log('the usage store did not take them before the end', 'counts of requests are lost')
    }
  }
}
