import { createClockCache, type CacheEntry } from '../../core/clock-cache.js'
import { isPrincipal } from '../../core/principal.js'
import { isThenable, withTimeout, type Clock } from '../../core/clock.js'
import { createChangeLog, type KeyChanges } from './change-bus.js'
import type { LoadedKey } from '../record.js'
import type { KeyStore } from '../store.js'

export interface RecordCacheOptions {
  /** Records to be held at most; 10,000 by default. A key of several secrets in use counts once for each. */
  maxRecords?: number | undefined
  /** Seconds for which a record is held, from when the store was asked; 30 by default. */
  maxAge?: number | undefined
  /** Milliseconds since the epoch; the system's clock by default. */
  clock?: Clock | undefined
  /** Tells others of changes made here, and this cache of theirs. */
  changes?: KeyChanges | undefined
  /** Seconds that the store may take for a look-up, and the bus for a change; 1 by default. */
  deadline?: number | undefined
  /** Hears when the bus could not be told of a change, which stands all the same. */
  onFault?: ((fault: unknown) => void) | undefined
}

export interface RecordCache extends KeyStore {
  recall (hash: string): LoadedKey | undefined
  /** Seconds. */
  readonly maxAge: number
  /** Ends the subscription to `changes`; the store itself stays open. */
  release (): void
}

/** Is the loaded key itself, not beside it: what a request looks at lies in one place. */
interface Held extends LoadedKey, CacheEntry {
  readonly version: number
  /** When the store was asked for it. */
  readonly at: number
  readonly turn: number
}

/** Questions to a store whose answers are outdated each time, before it counts as broken. */
const MAX_ATTEMPTS = 3

/**
 * Holds what a store has answered. A look-up that is under way is shared; an answer that a change has overtaken is asked
 * for again; of unknown keys nothing is held, so that a key created a moment later is found.
 */
export function createRecordCache (store: KeyStore, { maxRecords = 10_000, maxAge = 30, clock = Date.now, changes, deadline = 1, onFault = () => {} }: RecordCacheOptions = {}): RecordCache {
  const span = maxAge * 1000
  const records = createClockCache<Held>(maxRecords)
  const log = createChangeLog(Math.max(maxAge, deadline) * 1000, maxRecords)
  const flights = new Map<string, Promise<LoadedKey | undefined>>()
  /** Flights that ask the store in a moment, so that whoever wants a fresh answer now may share it. */
  const departing = new Map<string, Promise<LoadedKey | undefined>>()
  const release = changes?.subscribe((change) => log.hear(change, clock())) ?? (() => {})

  /** A clock that steps back makes nothing younger. */
  function isGood ({ principal, version, at, turn }: Held): boolean {
    const age = clock() - at
    return age >= 0 && age < span && !log.outdates(principal.id, version, turn)
  }

  function recall (hash: string): LoadedKey | undefined {
    const held = records.get(hash)
    if (held === undefined || !isGood(held)) return undefined
    held.used = true
    return held
  }

  async function load (hash: string, fresh: boolean): Promise<LoadedKey | undefined> {
    for (let attempt = 0; attempt < MAX_ATTEMPTS; attempt++) {
      const at = clock()
      const turn = log.turn(at)
      const asked = store.findByHash(hash, fresh || attempt > 0)
      const loaded = isThenable(asked) ? await withTimeout(asked, deadline, 'the key store') : asked
      if (loaded === undefined) {
        if ((records.get(hash)?.turn ?? turn) < turn) records.delete(hash)
        return undefined
      }
      const answer = heldOf(loaded, at, turn)
      if (keep(hash, answer)) return answer
    }
    throw new Error('the key store answers older records than it has')
  }

  /** False for an answer that is older than what is known of the key. */
  function keep (hash: string, answer: Held): boolean {
    if (log.outdates(answer.principal.id, answer.version, answer.turn)) return false
    const held = records.get(hash)
    if (held !== undefined && isGood(held) && held.version > answer.version) return false
    records.set(hash, answer)
    return true
  }

  function share (hash: string, flight: Promise<LoadedKey | undefined>): Promise<LoadedKey | undefined> {
    const land = (): void => { if (flights.get(hash) === flight) flights.delete(hash) }
    flights.set(hash, flight)
    flight.then(land, land)
    return flight
  }

  function reload (hash: string): Promise<LoadedKey | undefined> {
    const others = departing.get(hash)
    if (others !== undefined) return others
    const flight = Promise.resolve().then(() => {
      departing.delete(hash)
      return load(hash, true)
    })
    departing.set(hash, flight)
    return share(hash, flight)
  }

  async function tell (id: string, version: number): Promise<void> {
    try {
      const told = changes?.publish({ id, version })
      if (isThenable(told)) await withTimeout(told, deadline, 'the bus of key changes')
    } catch (fault) {
      onFault(fault)
    }
  }

  return {
    maxAge,
    recall,
    release,
    notices: store.notices,
    findByHash: (hash, fresh = false) => fresh ? reload(hash) : recall(hash) ?? flights.get(hash) ?? share(hash, load(hash, false)),
    get: (workspace, id) => store.get(workspace, id),
    list: (workspace, page) => store.list(workspace, page),
    recordUse: (uses) => store.recordUse(uses),
    async insert (key, hash) {
      try {
        await store.insert(key, hash)
      } finally {
        flights.delete(hash)
      }
    },
    async update (key, hash) {
      let updated = false
      try {
        updated = await store.update(key, hash)
      } finally {
        log.note(key.id, updated ? key.version : 0, clock())
        if (hash !== undefined) flights.delete(hash)
      }
      if (updated) await tell(key.id, key.version)
      return updated
    },
    close () {
      release()
      return store.close?.()
    }
  }
}

/** @throws TypeError when a store has answered something else than a loaded key, which must let nobody in */
function heldOf (loaded: LoadedKey, at: number, turn: number): Held {
  const { principal, generation, goodUntil, refusal, startsGrace } = loaded
  if (isPrincipal(principal) && Number.isSafeInteger(principal.version) && typeof goodUntil === 'number' && typeof refusal === 'string') {
    return { principal, generation, goodUntil, refusal, startsGrace, version: Number(principal.version), at, turn, used: false }
  }
  throw new TypeError('the key store answered something else than a loaded key')
}
