import { setTimeout as pause } from 'node:timers/promises'
import { withTimeout, type Clock } from '../../core/clock.js'
import { AccessError, describeFault } from '../../core/errors.js'
import { isId, isName } from '../../core/name.js'
import { actorOf, type Principal } from '../../core/principal.js'
import type { Changed, KeyCaller } from '../keys.js'
import { copyKey, type ApiKey } from '../record.js'
import type { KeyStore } from '../store.js'
import type { KeyAction, KeyEvents } from './events.js'
import { isVisible } from './privilege.js'

/** Which key, and who asks for it. */
export interface Target {
  readonly workspace: string
  readonly id: string
  readonly by?: Principal | undefined
}

/** What a key becomes. The key that was given means no change. */
export interface Decision {
  readonly key: ApiKey
  /** Hash of the secret that the key gains. */
  readonly hash?: string
}

export interface Update {
  readonly target: Target
  /** Called with the stored key before each attempt. What it throws ends the update. */
  readonly decide: (key: ApiKey) => Decision
  /** What the change is; nothing is emitted for an update without it. */
  readonly action?: (before: ApiKey, key: ApiKey) => KeyAction
  /** For the record and the event. */
  readonly caller?: KeyCaller
  /** Pauses shortly between attempts, and so gets ahead of other changes: for revocations. */
  readonly urgent?: boolean
}

export interface UpdateKeyDeps {
  readonly store: KeyStore
  readonly clock: Clock
  /** Seconds that the store may take. */
  readonly deadline: number
  readonly events: KeyEvents
  /** Makes every process use a key's version. @returns seconds after which they do at the latest */
  readonly publish: (key: ApiKey) => Promise<number>
}

/** Changes a key. @throws AccessError */
export type UpdateKey = (update: Update) => Promise<Changed>

/** Milliseconds between two attempts at most. */
const MAX_PAUSE = 50
const MAX_URGENT_PAUSE = 2

/** Reads, decides, compares and sets; where another change was faster, all of it again until the deadline. */
export function createUpdateKey ({ store, clock, deadline, events, publish }: UpdateKeyDeps): UpdateKey {
  return async function updateKey ({ target, decide, action, caller, urgent = false }) {
    const answered = new AbortController()

    async function read (): Promise<Decision & { readonly before: ApiKey }> {
      const before = await findKey(store, target)
      return { before, ...decide(before) }
    }

    async function replace (): Promise<ApiKey> {
      let decision = await read()
      // Once the caller has got 503 it may try again: the change must not happen later by itself.
      for (let attempt = 1; !answered.signal.aborted; attempt++) {
        const { before, key: wanted, hash } = decision
        if (wanted === before) return before
        const key = copyKey({ ...changedBy(wanted, caller?.by, clock()), version: before.version + 1 })
        const event = action && events.eventOf(action(before, key), key, caller)
        if (await store.update(key, hash, events.toStore(event))) {
          events.emit(event, key)
          return key
        }
        await pause(Math.random() * Math.min(2 ** attempt, urgent ? MAX_URGENT_PAUSE : MAX_PAUSE))
        decision = await read()
      }
      throw new Error('the deadline of the change has passed')
    }

    // Also where nothing was changed, as an earlier attempt to publish the version may have failed; and also where the
    // key is stored after the deadline, as the change stands.
    const work = replace().then((key) => ({ key, effectiveWithin: publish(key) }))
    const { key, effectiveWithin } = await inTime(work, deadline).finally(() => answered.abort())
    return { key, effectiveWithin: await effectiveWithin }
  }
}

function changedBy ({ updatedBy: _before, ...key }: ApiKey, by: Principal | undefined, now: number): ApiKey {
  return { ...key, updatedAt: new Date(now), ...by !== undefined && { updatedBy: actorOf(by) } }
}

/** @throws AccessError `KEY_NOT_FOUND`, also for keys that the caller may not see */
export async function findKey (store: KeyStore, { workspace, id, by }: Target): Promise<ApiKey> {
  const key = isName(workspace) && isId(id) ? await store.get(workspace, id) : undefined
  if (key === undefined || !isVisible(key, by)) throw new AccessError('KEY_NOT_FOUND')
  return key
}

/**
 * Errors of stores carry the arguments of the failed command, so they are not passed on.
 * @throws AccessError `KEYS_UNAVAILABLE`
 */
export async function inTime<T> (work: Promise<T>, deadline: number): Promise<T> {
  try {
    return await withTimeout(work, deadline, 'the key store')
  } catch (fault) {
    if (fault instanceof AccessError) throw fault
    throw new AccessError('KEYS_UNAVAILABLE', { reason: describeFault(fault), retryAfter: 1 })
  }
}
