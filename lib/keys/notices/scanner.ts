import { setTimeout as pause } from 'node:timers/promises'
import { withTimeout, type Clock } from '../../core/clock.js'
import { createClockCache, type CacheEntry } from '../../core/clock-cache.js'
import { createFailureLog } from '../../core/failure-log.js'
import type { OnBroken } from '../../core/stored-record.js'
import type { AccessEvent, Emitter, EventType } from '../../events/index.js'
import type { ApiKey } from '../record.js'
import type { DueKey, KeyNotices } from '../store.js'
import { noticesOf, type NoticeRules } from './notices.js'

export interface ScannerDeps {
  readonly notices: KeyNotices
  readonly rules: NoticeRules
  readonly events: Pick<Emitter, 'emit' | 'hasListeners' | 'hasDurableListeners'>
  readonly clock: Clock
  /** Seconds between two scans. */
  readonly interval: number
  /** Seconds that the store may take. */
  readonly deadline: number
  readonly log: (reason: string, message: string) => void
  readonly inform: (message: string) => void
  readonly onBroken: OnBroken
}

/**
 * Emits notices of keys that are about to expire, have expired, or need a new secret, and events of changes that were
 * stored and not emitted yet. Processes share the work.
 */
export interface NoticeScanner {
  /**
   * Emits the event of a change, which the store has written with it where durable listeners are there. Never rejects.
   */
  emitStored (event: AccessEvent, key: Pick<ApiKey, 'workspace' | 'id'>): Promise<void>
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
/** How long after a durable listener failed it gets an event again; if it fails then too, a scan tries again. */
const RETRY_AFTER_MS = 1_000

/** Lease → emit → settle: what a crash leaves in between is emitted again, with the same id. */
export function createNoticeScanner (deps: ScannerDeps): NoticeScanner {
  const { notices, rules, events, clock, interval, deadline, log, inform, onBroken } = deps
  /** Emitted here, though the store could not settle them: not to be emitted again when their lease has run out. */
  const unsettled = createClockCache<CacheEntry>(MAX_UNSETTLED)
  const failures = createFailureLog(
    { log, inform }, 'notices of keys could not be emitted; they are tried again', 'notices of keys are emitted again'
  )
  const emitting = new Map<string, Promise<boolean>>()
  let scanning: Promise<void> | undefined
  let timer: NodeJS.Timeout | undefined
  let closed = false

  async function emitAll (): Promise<void> {
    for (let more = true; more;) {
      const now = clock()
      if (!Number.isFinite(now)) throw new TypeError('the clock does not answer a number of milliseconds')
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
    const { due, noticed, next = Infinity } = noticesOf(leased.key, leased.noticed, now, rules)
    // Those that only another process can store stay where they are, and that process looks for them later.
    const changes = events.hasDurableListeners() ? leased.events : []
    const again = changes.length < leased.events.length ? now + LEASE : Infinity
    const all = [...changes, ...due]
    for (const event of all) {
      if (clock() >= leased.leasedUntil) throw new LeaseExpired()
      if (!await emitOnce(event)) throw new NotStored()
    }
    if (changes.length > 0) await inTime(notices.emitted(leased.key, changes.map(({ id }) => id)))
    await inTime(notices.settle(leased, noticed, earliest(next, again)))
    for (const { id } of all) unsettled.delete(id)
  }

  /** A scan may find an event that is being emitted. @returns whether all durable listeners have it */
  function emitOnce (event: AccessEvent): Promise<boolean> {
    const running = emitting.get(event.id)
    if (running !== undefined) return running
    if (unsettled.get(event.id) !== undefined) return Promise.resolve(true)
    const emitted = events.emit(event).then((stored) => {
      emitting.delete(event.id)
      if (stored) unsettled.set(event.id, { used: false })
      return stored
    })
    emitting.set(event.id, emitted)
    return emitted
  }

  async function emitLater (event: AccessEvent): Promise<boolean> {
    await pause(RETRY_AFTER_MS, undefined, { ref: false })
    return await emitOnce(event)
  }

  async function emitStored (event: AccessEvent, key: Pick<ApiKey, 'workspace' | 'id'>): Promise<void> {
    const isStored = events.hasDurableListeners()
    if (!await emitOnce(event) && !await emitLater(event)) return
    await failures.tried(async () => {
      if (isStored) await inTime(notices.emitted(key, [event.id]))
      unsettled.delete(event.id)
    })
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
    emitStored,
    scan,
    start: () => schedule(0),
    async close () {
      closed = true
      clearTimeout(timer)
      await scanning
    }
  }
}

/** @returns undefined for never */
function earliest (...instants: readonly number[]): number | undefined {
  const first = Math.min(...instants)
  return first === Infinity ? undefined : first
}

class NotStored extends Error {
  override readonly name = 'NotStored'
}

class LeaseExpired extends Error {
  override readonly name = 'LeaseExpired'
}
