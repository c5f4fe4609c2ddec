import type { KeyView } from '../../management/index.js'
import { isWithin } from './time-words.js'

/** Days before its end from which on a person is reminded of it. */
const SOON = 7

export function isLive ({ status }: KeyView): boolean {
  return status === 'active'
}

export function newestSecret ({ secrets }: KeyView): KeyView['secrets'][number] | undefined {
  return secrets.at(-1)
}

/** The secret before the newest, while it still works. */
export function retiringSecret ({ secrets }: KeyView, now: number): KeyView['secrets'][number] | undefined {
  return secrets.slice(0, -1).findLast(({ retiresAt, graceAfterFirstUse }) =>
    retiresAt === undefined ? graceAfterFirstUse !== undefined : Date.parse(retiresAt) > now)
}

export function shouldRotate (key: KeyView, now: number): boolean {
  return isLive(key) && isWithin(key.rotateBy, 0, now)
}

/** Days after which a rotation that is due is overdue. */
const OVERDUE = 30

export function isRotationOverdue (key: KeyView, now: number): boolean {
  return isLive(key) && isWithin(key.rotateBy, -OVERDUE, now)
}

export function endsSoon (key: KeyView, now: number): boolean {
  return isLive(key) && isWithin(key.expiresAt, SOON, now)
}

/** A key, and since when a request of it is counted at the latest, in milliseconds since the epoch. */
export type CountedKey = KeyView & { readonly countedAt?: number | undefined }

/** Whether requests are counted of which the key does not say yet that it was used: it says so a minute later. */
export function isCountAhead ({ lastUsedAt, countedAt }: CountedKey): boolean {
  return countedAt !== undefined && (lastUsedAt === undefined || Date.parse(lastUsedAt) < countedAt)
}

/** What a person types to confirm: the name, unless it is hard to type. */
export function confirmationWord (key: KeyView): string {
  const { name = '' } = key
  return /^[\x21-\x7e](?:[\x20-\x7e]{0,38}[\x21-\x7e])?$/.test(name) ? name : (newestSecret(key)?.hint || key.id)
}

/** The scopes that would have been enough, by what was used. */
export function usedScopes ({ scopes, scopesUsedAt = {} }: KeyView): readonly string[] {
  const used = Object.keys(scopesUsedAt)
  return used.length === 0 ? scopes : used
}
