import { isThenable, withTimeout, type Clock } from '../../core/clock.js'
import { describeFault } from '../../core/errors.js'
import type { Principal } from '../../core/principal.js'
import type { KeyStore, KeyUse } from '../store.js'

export interface UsageRecorderDeps {
  readonly store: Pick<KeyStore, 'recordUse'>
  readonly clock: Clock
  /** Seconds between two writes of one key, at least. */
  readonly interval: number
  /** Seconds that the store may take for each batch. */
  readonly deadline: number
  readonly log: (reason: string, message: string) => void
  /** Keys whose uses wait to be written at most; 100,000 by default. */
  readonly maxKeys?: number | undefined
}

/** Collects uses of keys in memory, and writes them to the store in batches. */
export interface UsageRecorder {
  /** @param scopes that the request has used; equal lists should be the same list (`intern`) */
  record (principal: Principal, scopes: readonly string[]): void
  /** Writes what was recorded so far. Never rejects. @returns whether the store has taken all of it */
  flush (): Promise<boolean>
  /** Writes what is left; what the store does not take is lost, and logged. */
  close (): Promise<void>
}

/** When a list of scopes was last used. */
interface ScopeUse { readonly scopes: readonly string[], at: number }

/** Uses of one key that wait to be written. */
interface PendingUse {
  readonly workspace: string
  readonly byScopes: ScopeUse[]
  last: ScopeUse
}

const BATCH_SIZE = 1_000

export function createUsageRecorder (deps: UsageRecorderDeps): UsageRecorder {
  const { store, clock, interval, deadline, log, maxKeys = 100_000 } = deps
  /** By the keys' ids. */
  const pending = new Map<string, PendingUse>()
  let timer: NodeJS.Timeout | undefined
  let flushing: Promise<boolean> | undefined
  let dropped = 0

  function add ({ id, workspace }: Principal, scopes: readonly string[], at: number): void {
    if (pending.size >= maxKeys) flush()
    if (pending.size >= maxKeys) {
      dropped++
      return
    }
    const last = { scopes, at }
    pending.set(id, { workspace, byScopes: [last], last })
    schedule()
  }

  function schedule (): void {
    timer ??= setTimeout(() => {
      timer = undefined
      flush()
    }, interval * 1000).unref()
  }

  function flush (): Promise<boolean> {
    flushing ??= write().finally(() => {
      flushing = undefined
      if (pending.size > 0) schedule()
    })
    return flushing
  }

  /** Writes as many keys as are pending now; what is recorded meanwhile waits for the next flush. */
  async function write (): Promise<boolean> {
    if (dropped > 0) log('too many keys wait for their uses to be written', `${dropped} uses of keys were dropped`)
    dropped = 0
    for (let left = pending.size; left > 0; left -= BATCH_SIZE) {
      const batch = takeBatch()
      try {
        const written = store.recordUse(batch.map(([id, use]) => keyUseOf(id, use)))
        if (isThenable(written)) await withTimeout(written, deadline, 'the key store')
      } catch (fault) {
        for (const [id, use] of batch) putBack(id, use)
        log(describeFault(fault), `uses of ${pending.size} keys could not be written; they wait for the next attempt`)
        return false
      }
    }
    return true
  }

  function takeBatch (): Array<[string, PendingUse]> {
    const batch: Array<[string, PendingUse]> = []
    for (const entry of pending) {
      if (batch.length === BATCH_SIZE) break
      batch.push(entry)
      pending.delete(entry[0])
    }
    return batch
  }

  function putBack (id: string, use: PendingUse): void {
    const newer = pending.get(id)
    if (newer === undefined) pending.set(id, use)
    else newer.byScopes.push(...use.byScopes.filter(({ scopes }) => findUse(newer.byScopes, scopes) === undefined))
  }

  return {
    flush,
    record (principal, scopes) {
      const now = clock()
      if (!Number.isFinite(now)) return
      const use = pending.get(principal.id)
      if (use === undefined) return add(principal, scopes, now)
      if (use.last.scopes !== scopes) use.last = findUse(use.byScopes, scopes) ?? addUse(use.byScopes, scopes)
      use.last.at = now
    },
    async close () {
      await flushing
      const all = await flush()
      clearTimeout(timer)
      if (!all) log('the key store did not take them before the end', `uses of ${pending.size} keys are lost`)
    }
  }
}

function findUse (uses: readonly ScopeUse[], scopes: readonly string[]): ScopeUse | undefined {
  return uses.find((use) => use.scopes === scopes)
}

function addUse (uses: ScopeUse[], scopes: readonly string[]): ScopeUse {
  const use = { scopes, at: 0 }
  uses.push(use)
  return use
}

function keyUseOf (id: string, { workspace, byScopes }: PendingUse): KeyUse {
  const scopesUsedAt = new Map<string, Date>()
  let last = -Infinity
  for (const { scopes, at } of byScopes.toSorted((a, b) => a.at - b.at)) {
    for (const scope of scopes) scopesUsedAt.set(scope, new Date(at))
    last = at
  }
  return { workspace, id, lastUsedAt: new Date(last), scopesUsedAt: Object.fromEntries(scopesUsedAt) }
}
