import { withTimeout, type Clock } from '../../core/clock.js'
import { createClockCache, type CacheEntry } from '../../core/clock-cache.js'
import { createFailureLog } from '../../core/failure-log.js'
import type { OnBroken } from '../../core/stored-record.js'
import type { Emitter, EventType } from '../../events/index.js'
import type { DueKey, KeyNotices } from '../store.js'
import { noticesOf, type NoticeRules } from './notices.js'

export interface ScannerDeps {
  readonly notices: KeyNotices
  readonly rules: NoticeRules
  readonly events: Pick<Emitter, 'emit' | 'hasListeners'>
  readonly clock: Clock
  /** Seconds between two scans. */
  readonly interval: number
  /** Seconds that the store may take. */
  readonly deadline: number
  readonly log: (reason: string, message: string) => void
  readonly inform: (message: string) => void
  readonly onBroken: OnBroken
}

/** Emits notices of keys that are about to expire, have expired, or need a new secret. Processes share the work. */
export interface NoticeScanner {
  /** Scans at once, and again after each interval. */
  start (): void
  /** Emits all notices that are due. Never rejects. */
  scan (): Promise<void>
  /** Scans no more, and waits for what is being emitted. */
  close (): Promise<void>
}

const TYPES: readonly EventType[] = ['key.expiring', 'key.expired', 'key.rotation_due']
/** Keys that are leased at once. */
const BATCH_SIZE = 100
/** Milliseconds: more than the notices of a key may take, and so the wait after a crash. */
const LEASE = 60_000
/** Events that were emitted and could not be settled yet. */
const MAX_UNSETTLED = 10_000

/** Lease → emit → settle: what a crash leaves in between is emitted again, with the same id. */
export function createNoticeScanner (deps: ScannerDeps): NoticeScanner {
  const { notices, rules, events, clock, interval, deadline, log, inform, onBroken } = deps
  /** Emitted here, though the store could not settle them: not to be emitted again when their lease has run out. */
  const unsettled = createClockCache<CacheEntry>(MAX_UNSETTLED)
  const failures = createFailureLog(
    { log, inform }, 'notices of keys could not be emitted; they are tried again', 'notices of keys are emitted again'
  )
  let scanning: Promise<void> | undefined
  let timer: NodeJS.Timeout | undefined
  let closed = false

  async function emitAll (): Promise<void> {
    for (let more = true; more;) {
      const now = clock()
      if (!Number.isFinite(now)) throw new TypeError('the clock does not tell the time')
      let passedOver = 0
      const leased = await inTime(notices.due(now, LEASE, BATCH_SIZE, (fault) => {
        passedOver++
        onBroken(fault)
      }))
      const results = await Promise.allSettled(leased.map((one) => emitFor(one, now)))
      for (const result of results) if (result.status === 'rejected') throw result.reason
      more = leased.length + passedOver >= BATCH_SIZE && !closed
    }
  }

  async function emitFor (leased: DueKey, now: number): Promise<void> {
    const { due, noticed, next } = noticesOf(leased.key, leased.noticed, now, rules)
    for (const event of due) {
      if (clock() >= leased.leasedUntil) throw new LeaseExpired()
      if (unsettled.get(event.id) === undefined && !await events.emit(event)) throw new NotStored()
      unsettled.set(event.id, { used: false })
    }
    await inTime(notices.settle(leased, noticed, next))
    for (const { id } of due) unsettled.delete(id)
  }

  async function inTime<T> (work: T | Promise<T>): Promise<T> {
    return await withTimeout(Promise.resolve(work), deadline, 'the key store')
  }

  async function scan (): Promise<void> {
    // Without listeners nothing is leased: a notice without a receiver must not count as emitted.
    if (closed || !TYPES.some(events.hasListeners)) return
    scanning ??= failures.tried(emitAll).finally(() => { scanning = undefined })
    await scanning
  }

  function schedule (seconds: number): void {
    timer = setTimeout(async () => {
      await scan()
      if (!closed) schedule(interval)
    }, seconds * 1000).unref()
  }

  return {
    scan,
    start: () => schedule(0),
    async close () {
      closed = true
      clearTimeout(timer)
      await scanning
    }
  }
}

class NotStored extends Error {
  override readonly name = 'NotStored'
}

class LeaseExpired extends Error {
  override readonly name = 'LeaseExpired'
}
