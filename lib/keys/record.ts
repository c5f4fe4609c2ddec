import { sealPrincipal, type Principal } from '../principal.js'

/** The stored record of a key. Holds neither the text nor its hash, so it may be listed and logged. */
export interface ApiKey {
  readonly id: string
  readonly workspace: string
  readonly environment: string
  readonly scopes: readonly string[]
  /** For people, to tell keys apart. */
  readonly name?: string
  readonly owner?: string
  readonly tier?: string
  /** First characters of the secret, for people who hold it. */
  readonly hint: string
  readonly createdAt: Date
  /** Not valid from this instant on; without it, valid until revoked. */
  readonly expiresAt?: Date
  readonly revokedAt?: Date
  /** Grows with every change. */
  readonly version: number
}

/** A record with the principal that requests share; a store makes it once, when it loads the record. */
export interface LoadedKey {
  readonly key: ApiKey
  readonly principal: Principal
  /** Good before this instant, in milliseconds since the epoch: what a request looks at first. */
  readonly goodUntil: number
}

/** A record of its own, frozen: dates can't be, so each holder gets others. */
export function copyKey (key: ApiKey): ApiKey {
  const { scopes, createdAt, expiresAt, revokedAt } = key
  return Object.freeze({
    ...key,
    scopes: shared(scopes),
    createdAt: new Date(createdAt),
    ...expiresAt !== undefined && { expiresAt: new Date(expiresAt) },
    ...revokedAt !== undefined && { revokedAt: new Date(revokedAt) }
  })
}

export function loadKey (key: ApiKey): LoadedKey {
  const { id, workspace, environment, scopes, owner, tier, expiresAt } = key
  return {
    key: copyKey(key),
    goodUntil: key.revokedAt === undefined ? expiresAt?.getTime() ?? Infinity : -Infinity,
    principal: sealPrincipal({
      kind: 'api-key',
      id,
      workspace,
      environment,
      scopes: shared(scopes),
      ...owner !== undefined && { owner },
      ...tier !== undefined && { tier },
      ...expiresAt !== undefined && { expiresAt: new Date(expiresAt) }
    })
  }
}

/** Lists that are shared at most; beyond it they are only forgotten here, not where they are used. */
const MAX_LISTS = 10_000
const lists = new Map<string, readonly string[]>()

/** One frozen list for all keys of equal scopes: less memory, and what it grants is worked out once. */
function shared (scopes: readonly string[]): readonly string[] {
  const name = JSON.stringify(scopes)
  let list = lists.get(name)
  if (list === undefined) {
    list = Object.freeze([...scopes])
    if (lists.size >= MAX_LISTS) lists.clear()
    lists.set(name, list)
  }
  return list
}

/** Why a key must not be let in, or undefined when it may. `now` is milliseconds since the epoch. */
export function refusalOf ({ revokedAt, expiresAt }: ApiKey, now: number): string | undefined {
  if (revokedAt !== undefined) return 'The API key was revoked.'
  if (expiresAt !== undefined && !(now < expiresAt.getTime())) return 'The API key has expired.'
  return undefined
}
