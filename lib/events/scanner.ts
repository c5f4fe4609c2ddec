import { createClockCache, type CacheEntry } from '../core/clock-cache.js'
import type { DueKey, KeyNotices } from '../keys/index.js'
import { createFailureLog } from '../core/failure-log.js'
import { withTimeout, type Clock } from '../core/clock.js'
import type { AccessEvent } from './event.js'
import { noticesOf, type NoticeTerms } from './notices.js'

/** Calls `work` once, in so many seconds. @returns forgets it */
export type Timer = (work: () => void, seconds: number) => () => void

export interface ScannerDeps {
  readonly notices: KeyNotices
  readonly terms: NoticeTerms
  readonly clock: Clock
  readonly timer: Timer
  /** Seconds between two looks. */
  readonly interval: number
  /** Seconds that the store may take. */
  readonly deadline: number
  /** Whether anybody wants to hear of notices: nothing is looked for otherwise, and so nothing counts as told. */
  readonly isHeard: () => boolean
  /** @returns whether all who keep events have it */
  readonly emit: (event: AccessEvent) => Promise<boolean>
  readonly log: (reason: string, message: string) => void
  readonly inform: (message: string) => void
}

/** Tells of keys that are about to expire, have expired, or are old. Several share the work. */
export interface Scanner {
  start (): void
  /** Tells of all that is due. Never rejects. */
  look (): Promise<void>
  /** Looks no more, and waits for what is being told. */
  close (): Promise<void>
}

/** Keys that are told of at once. */
const BATCH = 100
/** Milliseconds that nobody else tells of a key: longer than its telling may take, and so the wait after a crash. */
const LEASE = 60_000
/** Facts that were told and are not noted yet. */
const REMEMBERED = 10_000

/** claim → tell → settle: what a crash leaves in between is told again, with the same id. */
export function createScanner ({ notices, terms, clock, timer, interval, deadline, isHeard, emit, log, inform }: ScannerDeps): Scanner {
  /** Told here, though the store has not taken it: not to be told a second time when the hold has run out. */
  const told = createClockCache<CacheEntry>(REMEMBERED)
  const outage = createFailureLog({ log, inform }, 'notices of keys could not be told; they are tried again', 'notices of keys are told again')
  let looking: Promise<void> | undefined
  let forget = (): void => {}
  let closed = false

  async function tellAll (): Promise<void> {
    for (let more = true; more;) {
      const now = clock()
      if (!Number.isFinite(now)) throw new TypeError('the clock does not tell the time')
      const held = await inTime(notices.due(now, LEASE, BATCH))
      const results = await Promise.allSettled(held.map((one) => tellOf(one, now)))
      for (const result of results) if (result.status === 'rejected') throw result.reason
      more = held.length === BATCH && !closed
    }
  }

  /** Whoever was held up until its hold ran out leaves the key to who has it now. */
  async function tellOf (held: DueKey, now: number): Promise<void> {
    const { due, noticed, next } = noticesOf(held.key, held.noticed, now, terms)
    for (const event of due) {
      if (clock() >= held.heldUntil) throw new Late()
      if (told.get(event.id) === undefined && !await emit(event)) throw new NotKept()
      told.set(event.id, { used: false })
    }
    await inTime(notices.settle(held, noticed, next))
    for (const { id } of due) told.delete(id)
  }

  async function inTime<T> (work: T | Promise<T>): Promise<T> {
    return await withTimeout(Promise.resolve(work), deadline, 'the key store')
  }

  async function look (): Promise<void> {
    if (closed || !isHeard()) return
    looking ??= outage.tried(tellAll).finally(() => { looking = undefined })
    await looking
  }

  async function run (): Promise<void> {
    await look()
    if (!closed) forget = timer(run, interval)
  }

  return {
    look,
    start () { forget = timer(run, 0) },
    async close () {
      closed = true
      forget()
      await looking
    }
  }
}

class NotKept extends Error {
  override readonly name = 'NotKept'
}

class Late extends Error {
  override readonly name = 'Late'
}

/** Holds up no process that wants to end. */
export const systemTimer: Timer = (work, seconds) => {
  const timeout = setTimeout(work, seconds * 1000).unref()
  return () => clearTimeout(timeout)
}
