import { isDeepStrictEqual } from 'node:util'
import { newestGeneration } from '../codec.js'
import { MAX_SECRETS, type ApiKey, type KeySecret } from '../record.js'

/** How long earlier secrets stay valid after a rotation. */
export interface Grace {
  readonly seconds: number
  /** `first-use`: the seconds count from the first use of the new secret. */
  readonly from: 'now' | 'first-use'
}

/** What an update sets; null removes. */
export interface KeyChange {
  readonly name?: string | null | undefined
  readonly owner?: string | null | undefined
  readonly tier?: string | null | undefined
  readonly scopes?: readonly string[] | undefined
  readonly expiresAt?: Date | null | undefined
  readonly metadata?: ApiKey['metadata'] | null | undefined
}

const CHANGEABLE = ['name', 'owner', 'tier', 'scopes', 'expiresAt', 'metadata'] as const
/** A field that an update may set. */
export type KeyField = typeof CHANGEABLE[number]

/** The key with a new secret. With a grace period of 0 from now, every earlier secret ends at once. */
export function rotateKey (key: ApiKey, hint: string, { seconds, from }: Grace, now: number): ApiKey {
  const newest = key.secrets.at(-1)
  const earlier = from === 'now'
    ? key.secrets.map((secret) => retire(secret, now, now + seconds * 1000))
    : key.secrets.map((secret) => secret === newest ? { ...secret, graceAfterFirstUse: seconds } : secret)
  const secret = { generation: newestGeneration(key) + 1, hint, createdAt: new Date(now) }
  return { ...key, secrets: [...earlier, secret].slice(-MAX_SECRETS) }
}

/** The key after the first use of one of its secrets; the same key where no grace period waited for that. */
export function beginGraceOf (key: ApiKey, generation: number, now: number): ApiKey {
  const previous = key.secrets.find((one) => one.generation === generation - 1)
  const seconds = previous?.graceAfterFirstUse
  if (key.revokedAt !== undefined || seconds === undefined || previous?.retiresAt !== undefined) return key
  const latest = now + seconds * 1000
  const secrets = key.secrets.map((secret) => secret.generation < generation ? retire(secret, now, latest) : secret)
  return { ...key, secrets }
}

/** No secret outlives the one after it, and none gets more time than it had. */
function retire (secret: KeySecret, now: number, latest: number): KeySecret {
  const { retiresAt, graceAfterFirstUse } = secret
  const own = retiresAt?.getTime() ?? (graceAfterFirstUse === undefined ? Infinity : now + graceAfterFirstUse * 1000)
  return { ...secret, retiresAt: new Date(Math.min(own, latest)) }
}

export function revokeKey (key: ApiKey, reason: string | undefined, now: number): ApiKey {
  if (key.revokedAt !== undefined) return key
  return { ...key, revokedAt: new Date(now), ...reason !== undefined && { revokedReason: reason } }
}

export function expireKey (key: ApiKey, now: number): ApiKey {
  return isExpired(key, now) ? key : { ...key, expiresAt: new Date(now) }
}

export function isExpired ({ expiresAt }: ApiKey, now: number): boolean {
  return expiresAt !== undefined && expiresAt.getTime() <= now
}

export function changeKey (key: ApiKey, change: KeyChange): ApiKey {
  const { name, owner, tier, expiresAt, metadata, ...rest } = key
  const next = {
    name: changed(change.name, name),
    owner: changed(change.owner, owner),
    tier: changed(change.tier, tier),
    expiresAt: changed(change.expiresAt, expiresAt),
    metadata: changed(change.metadata, metadata)
  }
  return {
    ...rest,
    scopes: change.scopes ?? key.scopes,
    ...next.name !== undefined && { name: next.name },
    ...next.owner !== undefined && { owner: next.owner },
    ...next.tier !== undefined && { tier: next.tier },
    ...next.expiresAt !== undefined && { expiresAt: next.expiresAt },
    ...next.metadata !== undefined && { metadata: next.metadata }
  }
}

function changed<T> (change: T | null | undefined, present: T | undefined): T | undefined {
  return change === undefined ? present : change ?? undefined
}

/** Fields in which two states of a key differ. */
export function differences (before: ApiKey, after: ApiKey): KeyField[] {
  return CHANGEABLE.filter((field) => !isDeepStrictEqual(before[field], after[field]))
}
