import { isDeepStrictEqual } from 'node:util'
import { MAX_SECRETS, type ApiKey, type KeySecret } from '../record.js'

/** How long an earlier secret stays valid after a rotation. */
export interface Grace {
  readonly seconds: number
  /** `first-use`: the seconds count from the first use of the new secret. */
  readonly from: 'now' | 'first-use'
}

/** What a change of a key may set; null removes. */
export interface KeyChange {
  readonly name?: string | null | undefined
  readonly owner?: string | null | undefined
  readonly tier?: string | null | undefined
  readonly scopes?: readonly string[] | undefined
  readonly expiresAt?: Date | null | undefined
  readonly metadata?: ApiKey['metadata'] | null | undefined
}

const CHANGEABLE = ['name', 'owner', 'tier', 'scopes', 'expiresAt', 'metadata'] as const
export type KeyField = typeof CHANGEABLE[number]

/** The key with another secret in force. With a grace of 0 from now, every earlier one dies at once. */
export function rotateKey (key: ApiKey, hint: string, { seconds, from }: Grace, now: number): ApiKey {
  const earlier = from === 'now'
    ? key.secrets.map((secret) => retire(secret, now, now + seconds * 1000))
    : key.secrets.map((secret) => secret === key.secrets.at(-1) ? { ...secret, graceAfterFirstUse: seconds } : secret)
  const secret = { generation: generationOf(key) + 1, hint, createdAt: new Date(now) }
  return { ...key, secrets: [...earlier, secret].slice(-MAX_SECRETS) }
}

/** The key after the first use of one of its secrets; itself where no grace was waiting for that. */
export function beginGraceOf (key: ApiKey, generation: number, now: number): ApiKey {
  const waiting = key.secrets.find((one) => one.generation === generation - 1)
  if (key.revokedAt !== undefined || waiting?.graceAfterFirstUse === undefined || waiting.retiresAt !== undefined) return key
  const latest = now + waiting.graceAfterFirstUse * 1000
  return { ...key, secrets: key.secrets.map((secret) => secret.generation < generation ? retire(secret, now, latest) : secret) }
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

/** The number of the secret in force. */
export function generationOf ({ secrets }: ApiKey): number {
  return secrets.at(-1)?.generation ?? 0
}

export function changeKey (key: ApiKey, change: KeyChange): ApiKey {
  const { name, owner, tier, expiresAt, metadata, ...rest } = key
  const next = {
    name: chosen(change.name, name),
    owner: chosen(change.owner, owner),
    tier: chosen(change.tier, tier),
    expiresAt: chosen(change.expiresAt, expiresAt),
    metadata: chosen(change.metadata, metadata)
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

function chosen<T> (change: T | null | undefined, present: T | undefined): T | undefined {
  return change === undefined ? present : change ?? undefined
}

/** Fields in which two states of a key differ. */
export function differences (before: ApiKey, after: ApiKey): KeyField[] {
  return CHANGEABLE.filter((field) => !isDeepStrictEqual(before[field], after[field]))
}
