import type { ApiKey } from '../keys/index.js'
import type { AccessEvent } from './event.js'
import { eventId, viewOfKey } from './event-id.js'

/** When somebody wants to be told of a key. */
export interface NoticeTerms {
  /** Seconds before the expiry. */
  readonly thresholds: readonly number[]
  /** Seconds after which a secret should be another one; undefined for never. */
  readonly rotationAge: number | undefined
}

export interface Notices {
  readonly due: readonly AccessEvent[]
  /** What is to be noted once they were told. */
  readonly noticed: readonly string[]
  /** When there will be more, in milliseconds since the epoch; undefined for never, as the key is now. */
  readonly next: number | undefined
}

interface Notice {
  readonly name: string
  readonly at: number
  tell (now: number): AccessEvent
}

/** Names that are remembered of a key: of expiries that it had before, too, so that one that comes back is not told again. */
const REMEMBERED = 32

/**
 * What is to be told of a key now. Of thresholds that have passed, the last one alone: whoever hears that a day is left
 * need not hear that it was less than thirty. Once the key has expired, that alone. Of a revoked key, nothing.
 * @param noticed names of notices that it has had
 * @param now milliseconds since the epoch
 */
export function noticesOf (key: ApiKey, noticed: readonly string[], now: number, { thresholds, rotationAge }: NoticeTerms): Notices {
  if (key.revokedAt !== undefined) return { due: [], noticed, next: undefined }
  const series = [expiryOf(key, thresholds), rotationOf(key, rotationAge, now)].map((notices) => untold(notices, noticed))
  const due = series.flatMap((notices) => notices.filter(({ at }) => at <= now).slice(-1))
  const coming = series.flat().map(({ at }) => at).filter((at) => at > now)
  return {
    due: due.map((notice) => notice.tell(now)),
    noticed: [...noticed, ...due.map(({ name }) => name)].slice(-REMEMBERED),
    next: coming.length === 0 ? undefined : Math.min(...coming)
  }
}

/** Those after the last one that was told: an earlier one would be no news, whatever the clock says. */
function untold (notices: readonly Notice[], noticed: readonly string[]): readonly Notice[] {
  return notices.slice(notices.findLastIndex(({ name }) => noticed.includes(name)) + 1)
}

/** In the order in which they come. */
function expiryOf (key: ApiKey, thresholds: readonly number[]): Notice[] {
  if (key.expiresAt === undefined) return []
  const expiry = key.expiresAt.getTime()
  const expiresAt = key.expiresAt.toISOString()
  const expiring = thresholds.toSorted((a, b) => b - a).map((threshold): Notice => {
    const name = `expiring:${expiry}:${threshold}`
    return {
      name,
      at: expiry - threshold * 1000,
      tell: (now) => ({ ...about(key, name, now), type: 'key.expiring', data: { key: viewOfKey(key), expiresAt, threshold } })
    }
  })
  const name = expiredName(expiry)
  return [...expiring, { name, at: expiry, tell: () => ({ ...about(key, name, expiry), type: 'key.expired', data: { key: viewOfKey(key), expiresAt } }) }]
}

/** What has expired, or will have by then, needs no other secret. */
function rotationOf (key: ApiKey, age: number | undefined, now: number): Notice[] {
  const secret = key.secrets.at(-1)
  if (age === undefined || secret === undefined) return []
  const at = secret.createdAt.getTime() + age * 1000
  if (key.expiresAt !== undefined && key.expiresAt.getTime() <= Math.max(at, now)) return []
  const name = `rotation:${secret.generation}`
  return [{ name, at, tell: (now) => ({ ...about(key, name, now), type: 'key.rotation_due', data: { key: viewOfKey(key), rotatedAt: secret.createdAt.toISOString(), age } }) }]
}

function about ({ id, workspace }: ApiKey, name: string, at: number) {
  return { id: eventId(id, name), workspace, at: new Date(at) }
}

const expiredName = (expiry: number): string => `expired:${expiry}`

/** Of the fact that a key has expired. @param expiry milliseconds since the epoch */
export function expiredId (key: ApiKey, expiry: number): string {
  return eventId(key.id, expiredName(expiry))
}
