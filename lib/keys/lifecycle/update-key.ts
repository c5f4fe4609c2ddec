import { setTimeout as pause } from 'node:timers/promises'
import { AccessError, describeFault } from '../../core/errors.js'
import type { Principal } from '../../core/principal.js'
import { withTimeout } from '../../core/clock.js'
import type { Changed } from '../keys.js'
import { isVisible } from './privilege.js'
import { copyKey, type ApiKey } from '../record.js'
import type { KeyStore } from '../store.js'
import { createTurns, type Turn } from '../turns.js'

/** Which key, and who asks for it. */
export interface Target {
  readonly workspace: string
  readonly id: string
  readonly by: Principal | undefined
}

/** What becomes of a key, and the hash of the secret that it gains by that. The very key given: nothing. */
export type Next = (key: ApiKey) => { readonly key: ApiKey, readonly hash?: string }

/** What follows from a change that the store has taken, or from none. @returns seconds within which all go by the key */
export type OnUpdated = (before: ApiKey, key: ApiKey) => number | Promise<number>

/** Changes a key. @param first whether it goes before all others, and goes on until its deadline: a revocation */
export type UpdateKey = (target: Target, next: Next, landed: OnUpdated, first?: boolean) => Promise<Changed>

/** Changes of one key by other processes that a change yields to before it gives up. */
const MAX_ATTEMPTS = 10
/** Milliseconds that one waits at most before it tries again, so that somebody gets through. */
const LONGEST_PAUSE = 10
/** The same of a revocation, which presses on. */
const LONGEST_PAUSE_OF_FIRST = 2

/** @param deadline seconds that the store may take @throws AccessError */
export function createUpdateKey (store: KeyStore, deadline: number): UpdateKey {
  const turns = createTurns()

  /** Reads a key, asks what becomes of it, and writes that unless somebody was faster; then all of it again. */
  async function write (target: Target, next: Next, turn: Turn, first: boolean, isAwaited: () => boolean): Promise<{ before: ApiKey, key: ApiKey }> {
    async function look () {
      const before = await findKey(store, target)
      return { before, ...next(before) }
    }
    // Seen before its turn: a rotation replaces the secret that was in force when it was asked for.
    let seen = await look()
    if (await turn.begun) seen = await look()
    const last = first ? Infinity : MAX_ATTEMPTS
    for (let tried = 1; tried <= last; tried++) {
      const { before, key: wanted, hash } = seen
      if (wanted === before) return { before, key: before }
      const key = copyKey({ ...wanted, version: before.version + 1 })
      if (!isAwaited()) throw new Error('nobody waits for the change any more')
      if (await store.update(key, hash)) return { before, key }
      await pause(Math.random() * Math.min(tried, first ? LONGEST_PAUSE_OF_FIRST : LONGEST_PAUSE))
      seen = await look()
    }
    throw new Error('the key store refuses every update')
  }

  return async function change (target, next, landed, first = false) {
    const turn = turns.take(JSON.stringify([target.workspace, target.id]), first)
    let awaited = true
    // Follows also where the store has taken it after the deadline: the change stands, whatever its caller was told.
    const work = write(target, next, turn, first, () => awaited).then(({ before, key }) => ({ key, holdsWithin: landed(before, key) }))
    const { key, holdsWithin } = await inTime(work, deadline).finally(() => {
      awaited = false
      turn.end()
    })
    return { key, effectiveWithin: await holdsWithin }
  }
}

/** @throws AccessError `KEY_NOT_FOUND`, also for keys that are none to who asks */
export async function findKey (store: KeyStore, { workspace, id, by }: Target): Promise<ApiKey> {
  const key = isName(workspace) && isName(id) ? await store.get(workspace, id) : undefined
  if (key === undefined || !isVisible(key, by)) throw new AccessError('KEY_NOT_FOUND')
  return key
}

/** What stores can be asked for: a database refuses a NUL, and that is no outage. */
export function isName (value: unknown): boolean {
  return typeof value === 'string' && /^\P{Cc}{1,256}$/u.test(value)
}

/** Errors of stores carry the arguments of the failed command, so they stay behind. */
export async function inTime<T> (work: Promise<T>, deadline: number): Promise<T> {
  try {
    return await withTimeout(work, deadline, 'the key store')
  } catch (fault) {
    if (fault instanceof AccessError) throw fault
    throw new AccessError('KEYS_UNAVAILABLE', { reason: describeFault(fault), retryAfter: 1 })
  }
}
