import type { ApiKey, KeyEvent } from '../keys/index.js'
import type { AccessEvent } from './event.js'
import { eventId, viewOfKey } from './event-id.js'
import { expiredId } from './notices.js'

/**
 * A change of a key as an event.
 * @param noticed expiries are told when they are noticed, by one process: whoever brings one about only changes the key
 */
export function eventOfChange (change: KeyEvent, noticed: boolean): AccessEvent {
  const { key, by, from } = change
  const at = change.type === 'key.expired' ? key.expiresAt ?? change.at : change.at
  const view = { key: viewOfKey(key) }
  const told = { id: eventId(change.type, key.id, key.version), at, workspace: key.workspace, ...by !== undefined && { by }, ...from !== undefined && { from } }
  switch (change.type) {
    case 'key.issued': return { ...told, type: change.type, data: { ...view, ...key.expiresAt !== undefined && { expiresAt: key.expiresAt.toISOString() } } }
    case 'key.updated': return { ...told, type: change.type, data: { ...view, changed: [...change.changed] } }
    case 'key.rotated': return { ...told, type: change.type, data: { ...view, ...earlierOf(change) } }
    case 'key.revoked': return { ...told, type: change.type, data: { ...view, ...key.revokedReason !== undefined && { reason: key.revokedReason } } }
    case 'key.exposed': return { ...told, id: eventId(change.type, key.id, at.getTime()), type: change.type, data: view }
    case 'key.expired': return noticed
      ? { ...told, type: 'key.updated', data: { ...view, changed: ['expiresAt'] } }
      : { ...told, ...expired(key, at), data: { ...view, expiresAt: at.toISOString() } }
  }
}

/** The same fact as whoever notices it tells. */
function expired (key: ApiKey, at: Date): { id: string, type: 'key.expired' } {
  return { id: expiredId(key, at.getTime()), type: 'key.expired' }
}

function earlierOf ({ key: { secrets }, at }: KeyEvent): { earlierRetiresAt?: string, earlierRetiresAfterFirstUse?: number } {
  const earlier = secrets.at(-2)
  if (earlier?.retiresAt !== undefined) return earlier.retiresAt > at ? { earlierRetiresAt: earlier.retiresAt.toISOString() } : {}
  return earlier?.graceAfterFirstUse === undefined ? {} : { earlierRetiresAfterFirstUse: earlier.graceAfterFirstUse }
}
