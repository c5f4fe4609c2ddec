import { describeFault } from '../../core/errors.js'
import { besideOf, type Principal } from '../../core/principal.js'
import { isThenable, withTimeout, type Clock } from '../../core/clock.js'
import type { KeyStore, KeyUse } from '../store.js'

export interface UsageRecorderDeps {
  readonly store: Pick<KeyStore, 'recordUse'>
  readonly clock: Clock
  /** Seconds between two writes of one key, at least. */
  readonly interval: number
  /** Seconds that the store may take for each batch. */
  readonly deadline: number
  readonly log: Log
  /** Keys whose uses wait to be written at most; 100,000 by default. */
  readonly most?: number | undefined
}

/** Takes what went wrong beside requests. */
export type Log = (reason: string, message: string) => void

/** Collects uses of keys while requests run, and writes them in batches while none waits for it. */
export interface UsageRecorder {
  /** @param needed scopes that the request has used; lists of equal content should be one list */
  note (principal: Principal, needed: readonly string[]): void
  /** Writes what has been noted so far. Never rejects. @returns whether the store has taken all of it */
  flush (): Promise<boolean>
  /** Writes all that is left; what the store does not take is lost, and logged. */
  close (): Promise<void>
}

/** When a list of scopes was last needed; overwritten in place, so that a request leaves nothing to collect. */
interface Need { readonly scopes: readonly string[], at: number }

interface Used {
  readonly workspace: string
  readonly needs: Need[]
  last: Need
  /** Where it waits to be written; undefined once it has been taken out. */
  waitsIn: Pending | undefined
}

/** By the keys' ids. */
type Pending = Map<string, Used>

const kUsed = Symbol('latchkey.used')

declare module '../../core/principal.js' {
  interface Beside { [kUsed]?: Used | undefined }
}

/** Uses in one write. */
const BATCH = 1_000

export function createUsageRecorder ({ store, clock, interval, deadline, log, most = 100_000 }: UsageRecorderDeps): UsageRecorder {
  const pending: Pending = new Map()
  let timer: NodeJS.Timeout | undefined
  let flushing: Promise<boolean> | undefined
  let missed = 0

  /** What waits for this key; one principal after another can stand for it. */
  function find (principal: Principal): Used | undefined {
    const beside = besideOf(principal)
    const held = beside?.[kUsed]
    if (held?.waitsIn === pending) return held
    const used = pending.get(principal.id)
    if (beside !== undefined) beside[kUsed] = used
    return used
  }

  function begin ({ id, workspace }: Principal, scopes: readonly string[], at: number): void {
    if (pending.size >= most) flush()
    if (pending.size >= most) {
      missed++
      return
    }
    const last = { scopes, at }
    pending.set(id, { workspace, needs: [last], last, waitsIn: pending })
    arm()
  }

  function arm (): void {
    timer ??= setTimeout(() => {
      timer = undefined
      flush()
    }, interval * 1000).unref()
  }

  function flush (): Promise<boolean> {
    flushing ??= write().finally(() => {
      flushing = undefined
      if (pending.size > 0) arm()
    })
    return flushing
  }

  /** As many as there are now: what is noted meanwhile goes with the next. */
  async function write (): Promise<boolean> {
    if (missed > 0) log('too many keys wait for theirs to be written', `${missed} uses of keys were not noted`)
    missed = 0
    for (let left = pending.size; left > 0; left -= BATCH) {
      const batch = take()
      try {
        const written = store.recordUse(batch.map(([id, used]) => useOf(id, used)))
        if (isThenable(written)) await withTimeout(written, deadline, 'the key store')
      } catch (fault) {
        for (const [id, used] of batch) putBack(id, used)
        log(describeFault(fault), `uses of ${pending.size} keys could not be written; they wait for the next time`)
        return false
      }
    }
    return true
  }

  function take (): Array<[string, Used]> {
    const batch: Array<[string, Used]> = []
    for (const entry of pending) {
      if (batch.length === BATCH) break
      batch.push(entry)
      pending.delete(entry[0])
      entry[1].waitsIn = undefined
    }
    return batch
  }

  function putBack (id: string, used: Used): void {
    const newer = pending.get(id)
    if (newer === undefined) {
      pending.set(id, used)
      used.waitsIn = pending
    } else {
      newer.needs.push(...used.needs.filter(({ scopes }) => newer.needs.every((need) => need.scopes !== scopes)))
    }
  }

  return {
    flush,
    note (principal, scopes) {
      const now = clock()
      if (!Number.isFinite(now)) return
      const used = find(principal)
      if (used === undefined) return begin(principal, scopes, now)
      if (used.last.scopes !== scopes) used.last = needIn(used.needs, scopes)
      used.last.at = now
    },
    async close () {
      await flushing
      const all = await flush()
      clearTimeout(timer)
      if (!all) log('the key store did not take them before the end', `uses of ${pending.size} keys are lost`)
    }
  }
}

function needIn (needs: Need[], scopes: readonly string[]): Need {
  const known = needs.find((need) => need.scopes === scopes)
  if (known !== undefined) return known
  const need = { scopes, at: 0 }
  needs.push(need)
  return need
}

function useOf (id: string, { workspace, needs }: Used): KeyUse {
  const scopesUsedAt = new Map<string, Date>()
  let last = -Infinity
  for (const { scopes, at } of needs.toSorted((a, b) => a.at - b.at)) {
    for (const scope of scopes) scopesUsedAt.set(scope, new Date(at))
    last = at
  }
  return { workspace, id, lastUsedAt: new Date(last), scopesUsedAt: Object.fromEntries(scopesUsedAt) }
}
