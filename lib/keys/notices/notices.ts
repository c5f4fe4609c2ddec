import { eventId, type AccessEvent } from '../../events/index.js'
import { expiredEvent, expiredName, viewOfKey } from '../lifecycle/events.js'
import type { ApiKey } from '../record.js'

/** When keys need notices. */
export interface NoticeRules {
  /** Seconds before the expiry. */
  readonly thresholds: readonly number[]
  /** Seconds after which a secret should be rotated; undefined for never. */
  readonly rotationAge: number | undefined
}

/** What to emit for a key now, and when to check it again. */
export interface Notices {
  readonly due: readonly AccessEvent[]
  /** Names of all notices that the key has had, once those that are due were emitted. */
  readonly noticed: readonly string[]
  /** Milliseconds since the epoch; undefined for never, as the key is now. */
  readonly next: number | undefined
}

interface Notice {
  readonly name: string
  readonly at: number
  toEvent (now: number): AccessEvent
}

/** Names remembered per key, also of earlier expiries, so that an expiry that comes back is not notified again. */
const MAX_NOTICED = 32

/**
 * Of thresholds that have passed, only the last one is due: who learns that a day is left need not learn that it was
 * less than thirty. After the expiry, only that is due. A revoked key needs no notices.
 * @param noticed names of notices that the key has had
 * @param now milliseconds since the epoch
 */
export function noticesOf (key: ApiKey, noticed: readonly string[], now: number, rules: NoticeRules): Notices {
  if (key.revokedAt !== undefined) return { due: [], noticed, next: undefined }
  const series = [expiryNotices(key, rules), rotationNotices(key, rules, now)].map((all) => notYetHad(all, noticed))
  const due = series.flatMap((notices) => notices.filter(({ at }) => at <= now).slice(-1))
  const coming = series.flat().map(({ at }) => at).filter((at) => at > now)
  return {
    due: due.map((notice) => notice.toEvent(now)),
    noticed: [...noticed, ...due.map(({ name }) => name)].slice(-MAX_NOTICED),
    next: coming.length === 0 ? undefined : Math.min(...coming)
  }
}

/** Those after the last one that the key has had: an earlier one is not sent again, whatever the clock says. */
function notYetHad (notices: readonly Notice[], noticed: readonly string[]): readonly Notice[] {
  return notices.slice(notices.findLastIndex(({ name }) => noticed.includes(name)) + 1)
}

/** In the order in which they become due. */
function expiryNotices (key: ApiKey, { thresholds }: NoticeRules): Notice[] {
  const { expiresAt } = key
  if (expiresAt === undefined) return []
  const expiry = expiresAt.getTime()
  const expiring = thresholds.toSorted((a, b) => b - a).map((threshold): Notice => {
    const name = `expiring:${expiry}:${threshold}`
    const data = { key: viewOfKey(key), expiresAt: expiresAt.toISOString(), threshold }
    return {
      name,
      at: expiry - threshold * 1000,
      toEvent: (now) => ({ ...eventOf(key, name, now), type: 'key.expiring', data })
    }
  })
  return [...expiring, { name: expiredName(expiresAt), at: expiry, toEvent: () => expiredEvent(key, expiresAt) }]
}

/** A key that has expired, or will have by then, needs no new secret. */
function rotationNotices (key: ApiKey, { rotationAge: age }: NoticeRules, now: number): Notice[] {
  const secret = key.secrets.at(-1)
  if (age === undefined || secret === undefined) return []
  const at = secret.createdAt.getTime() + age * 1000
  if (key.expiresAt !== undefined && key.expiresAt.getTime() <= Math.max(at, now)) return []
  const name = `rotation:${secret.generation}`
  const data = { key: viewOfKey(key), rotatedAt: secret.createdAt.toISOString(), age }
  return [{ name, at, toEvent: (now) => ({ ...eventOf(key, name, now), type: 'key.rotation_due', data }) }]
}

function eventOf ({ id, workspace }: ApiKey, name: string, now: number) {
  return { id: eventId(id, name), workspace, at: new Date(now) }
}
