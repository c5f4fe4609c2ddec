import type { Principal } from '../principal.js'

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
}

export function loadKey (key: ApiKey): LoadedKey {
  const { id, workspace, environment, scopes, owner, tier, expiresAt } = key
  return {
    key,
    principal: Object.freeze({
      kind: 'api-key',
      id,
      workspace,
      environment,
      scopes: shared(scopes),
      ...owner !== undefined && { owner },
      ...tier !== undefined && { tier },
      ...expiresAt !== undefined && { expiresAt }
    })
  }
}

const lists = new Map<string, readonly string[]>()

function shared (scopes: readonly string[]): readonly string[] {
  const name = scopes.join(' ')
  let list = lists.get(name)
  if (list === undefined) {
    list = Object.freeze([...scopes])
    lists.set(name, list)
  }
  return list
}

/** Why a key must not be let in, or undefined when it may. `now` is milliseconds since the epoch. */
export function refusalOf ({ revokedAt, expiresAt }: ApiKey, now: number): string | undefined {
  if (revokedAt !== undefined) return 'The API key was revoked.'
  if (expiresAt !== undefined && now >= expiresAt.getTime()) return 'The API key has expired.'
  return undefined
}
