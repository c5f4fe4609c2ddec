import type { Clock } from '../../core/clock.js'
import type { Principal } from '../../core/principal.js'
import { eventId, type AccessEvent, type Emitter, type EventActor, type EventData } from '../../events/index.js'
import type { KeyCaller } from '../keys.js'
import type { ApiKey } from '../record.js'
import type { KeyField } from './transitions.js'

/** What was done to a key. */
export type KeyAction =
  | { readonly type: 'key.issued' | 'key.rotated' | 'key.revoked' | 'key.expired' | 'key.exposed' }
  | { readonly type: 'key.updated', readonly changed: readonly KeyField[] }

/** Emits what was done to a key. @param key as it is from then on */
export type EmitKeyEvent = (action: KeyAction, key: ApiKey, caller?: KeyCaller) => void

export interface KeyEventsDeps {
  readonly events: Pick<Emitter, 'emit' | 'hasListeners'> | undefined
  readonly clock: Clock
  /** The scanner of notices emits `key.expired`; the call that makes a key expire then emits `key.updated`. */
  readonly expiryIsNoticed: boolean
}

export function createKeyEvents ({ events, clock, expiryIsNoticed }: KeyEventsDeps): EmitKeyEvent {
  return function emitKeyEvent (action, key, { by, from } = {}) {
    const noticed = action.type === 'key.expired' && expiryIsNoticed
    const done = noticed ? { type: 'key.updated', changed: ['expiresAt'] } as const : action
    if (events === undefined || !events.hasListeners(done.type)) return
    const event = keyEventOf(done, key, new Date(clock()))
    events.emit({ ...event, ...by !== undefined && { by: actorOf(by) }, ...from !== undefined && { from } })
  }
}

function actorOf ({ kind, id, owner }: Principal): EventActor {
  return { kind, id, ...owner !== undefined && { owner } }
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
