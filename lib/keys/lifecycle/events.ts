import type { Clock } from '../../core/clock.js'
import { actorOf } from '../../core/principal.js'
import { eventId, type AccessEvent, type Emitter, type EventData } from '../../events/index.js'
import type { KeyCaller } from '../keys.js'
import type { ApiKey } from '../record.js'
import type { KeyField } from './transitions.js'

/** What was done to a key. */
export type KeyAction =
  | { readonly type: 'key.issued' | 'key.rotated' | 'key.revoked' | 'key.expired' | 'key.exposed' }
  | { readonly type: 'key.updated', readonly changed: readonly KeyField[] }

/** Emits what was done to keys. */
export interface KeyEvents {
  /** The event of an action; undefined where nothing listens. @param key as it is from then on */
  eventOf (action: KeyAction, key: ApiKey, caller?: KeyCaller): AccessEvent | undefined
  /** What the store writes with the change; undefined where no listener is durable. */
  toStore (event: AccessEvent | undefined): AccessEvent | undefined
  /** @param key where the store has written the event with a change of it */
  emit (event: AccessEvent | undefined, key?: ApiKey): void
}

export interface KeyEventsDeps {
  readonly events: Pick<Emitter, 'emit' | 'hasListeners' | 'hasDurableListeners'> | undefined
  readonly clock: Clock
  /**
   * Emits what the store has written with a change, and again after a failure. It also emits `key.expired`; the call
   * that makes a key expire then emits `key.updated`.
   */
  readonly notices: { emitStored (event: AccessEvent, key: ApiKey): void } | undefined
}

export function createKeyEvents ({ events, clock, notices }: KeyEventsDeps): KeyEvents {
  return {
    eventOf (action, key, { by, from } = {}) {
      const isNoticed = action.type === 'key.expired' && notices !== undefined
      const done = isNoticed ? { type: 'key.updated', changed: ['expiresAt'] } as const : action
      if (events === undefined || !events.hasListeners(done.type)) return undefined
      const event = keyEventOf(done, key, new Date(clock()))
      return { ...event, ...by !== undefined && { by: actorOf(by) }, ...from !== undefined && { from } }
    },
    toStore: (event) => notices !== undefined && events?.hasDurableListeners() === true ? event : undefined,
    emit (event, key) {
      if (event === undefined) return
      if (notices === undefined || key === undefined) events?.emit(event)
      else notices.emitStored(event, key)
    }
  }
}

/** The event of an action. A change has one id, by the key's version; each report of a leak has another id. */
export function keyEventOf (action: KeyAction, key: ApiKey, now: Date): AccessEvent {
  const { expiresAt, revokedReason: reason, workspace } = key
  const event = { id: eventId(action.type, key.id, key.version), at: now, workspace }
  const data = { key: viewOfKey(key) }
  switch (action.type) {
    case 'key.issued':
      return { ...event, type: action.type, data: { ...data, ...expiresAt !== undefined && iso({ expiresAt }) } }
    case 'key.updated':
      return { ...event, type: action.type, data: { ...data, changed: [...action.changed] } }
    case 'key.rotated':
      return { ...event, type: action.type, data: { ...data, ...previousSecretOf(key, now) } }
    case 'key.revoked':
      return { ...event, type: action.type, data: { ...data, ...reason !== undefined && { reason } } }
    case 'key.expired':
      return expiredEvent(key, expiresAt ?? now)
    case 'key.exposed':
      return { ...event, id: eventId(action.type, key.id, now.getTime()), type: action.type, data }
  }
}

function iso ({ expiresAt }: { readonly expiresAt: Date }): { expiresAt: string } {
  return { expiresAt: expiresAt.toISOString() }
}

/** How long the previous secret stays valid; nothing where it has ended. */
function previousSecretOf ({ secrets }: ApiKey, now: Date) {
  const { retiresAt, graceAfterFirstUse } = secrets.at(-2) ?? {}
  if (retiresAt !== undefined) return retiresAt > now ? { earlierRetiresAt: retiresAt.toISOString() } : {}
  return graceAfterFirstUse === undefined ? {} : { earlierRetiresAfterFirstUse: graceAfterFirstUse }
}

/** The expiry of a key: the same event whether it was brought about or noticed by a scanner. */
export function expiredEvent (key: ApiKey, expiresAt: Date): AccessEvent<'key.expired'> {
  return {
    id: eventId(key.id, expiredName(expiresAt)),
    type: 'key.expired',
    at: expiresAt,
    workspace: key.workspace,
    data: { key: viewOfKey(key), ...iso({ expiresAt }) }
  }
}

/** Name of the notice that a key has expired. */
export function expiredName (expiresAt: Date): string {
  return `expired:${expiresAt.getTime()}`
}

/** What events say of a key. */
export function viewOfKey ({ id, environment, name, owner, secrets }: ApiKey): EventData<'key.exposed'>['key'] {
  const hint = secrets.at(-1)?.hint
  return {
    id,
    environment,
    ...name !== undefined && { name },
    ...owner !== undefined && { owner },
    ...hint !== undefined && { hint }
  }
}
