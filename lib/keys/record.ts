import { intern } from '../core/intern.js'
import { sealPrincipal, type Principal } from '../core/principal.js'

/** One of the secrets that a key has had; the text itself is kept nowhere, and its hash by the store alone. */
export interface KeySecret {
  /** 1 for the secret that the key was issued with, one more with each rotation. */
  readonly generation: number
  /** First characters, for people who hold it. */
  readonly hint: string
  readonly createdAt: Date
  /** Not valid from this instant on; only a secret that was rotated away has one. */
  readonly retiresAt?: Date
  /** Seconds that a secret which was rotated away stays valid after its successor's first use. */
  readonly graceAfterFirstUse?: number
}

/** What a host may note on a key for itself. */
export type KeyMetadata = Readonly<Record<string, string | number | boolean | null>>

/** The stored record of a key. Holds neither a text nor a hash, so it may be listed and logged. */
export interface ApiKey {
  readonly id: string
  readonly workspace: string
  readonly environment: string
  readonly scopes: readonly string[]
  /** For people, to tell keys apart. */
  readonly name?: string
  readonly owner?: string
  readonly tier?: string
  readonly metadata?: KeyMetadata
  /** Oldest first; the last one is the secret in force. At most `MAX_SECRETS`: older ones are forgotten. */
  readonly secrets: readonly KeySecret[]
  readonly createdAt: Date
  /** Not valid from this instant on; without it, valid until revoked. */
  readonly expiresAt?: Date
  readonly revokedAt?: Date
  /** Why it was revoked, in the words of who did. */
  readonly revokedReason?: string
  /** Grows with every change of what is above. What follows is noted by use, and changes no version. */
  readonly version: number
  readonly lastUsedAt?: Date
  /** Scope → when a request last needed it. */
  readonly scopesUsedAt?: Readonly<Record<string, Date>>
}

/** Secrets that a record remembers, so that their holders can be told why they are refused. */
export const MAX_SECRETS = 10

/** What one secret of a key opens, worked out once, when a store loads its record. */
export interface LoadedKey {
  /** Shared by the requests that present this secret. */
  readonly principal: Principal
  /** Which of the key's secrets was presented. */
  readonly generation: number
  /** Good before this instant, in milliseconds since the epoch: what a request looks at first. */
  readonly goodUntil: number
  /** Why not from then on. */
  readonly refusal: string
  /** The secret before this one waits for the first use of this one to begin its grace. */
  readonly startsGrace: boolean
}

/** A record of its own, frozen: dates can't be, so each holder gets others. Assigned, as `sealPrincipal` is. */
export function copyKey (key: ApiKey): ApiKey {
  const { scopes, secrets, metadata, createdAt, expiresAt, revokedAt, lastUsedAt, scopesUsedAt } = key
  return Object.freeze(Object.assign({}, key, {
    scopes: intern(scopes),
    secrets: Object.freeze(secrets.map(copySecret)),
    createdAt: new Date(createdAt),
    ...metadata !== undefined && { metadata: Object.freeze({ ...metadata }) },
    ...expiresAt !== undefined && { expiresAt: new Date(expiresAt) },
    ...revokedAt !== undefined && { revokedAt: new Date(revokedAt) },
    ...lastUsedAt !== undefined && { lastUsedAt: new Date(lastUsedAt) },
    ...scopesUsedAt !== undefined && { scopesUsedAt: copyDates(scopesUsedAt) }
  }))
}

function copySecret (secret: KeySecret): KeySecret {
  const { createdAt, retiresAt } = secret
  return Object.freeze(Object.assign({}, secret, { createdAt: new Date(createdAt), ...retiresAt !== undefined && { retiresAt: new Date(retiresAt) } }))
}

function copyDates (dates: Readonly<Record<string, Date>>): Readonly<Record<string, Date>> {
  return Object.freeze(Object.fromEntries(Object.entries(dates).map(([name, date]) => [name, new Date(date)])))
}

const REVOKED = 'The API key was revoked.'
const EXPIRED = 'The API key has expired.'
const ROTATED = 'The API key was rotated; this is an earlier secret of it.'

/** @param generation of the secret that found the key; one that the record does not list is an earlier one */
export function loadKey (key: ApiKey, generation: number): LoadedKey {
  const { id, workspace, environment, scopes, secrets, owner, tier, expiresAt, version } = key
  const secret = secrets.find((one) => one.generation === generation)
  const retiresAt = secret?.retiresAt
  return {
    generation,
    ...lifeOf(key, secret),
    startsGrace: secret !== undefined && secrets.some((one) => one.generation === generation - 1 && one.graceAfterFirstUse !== undefined && one.retiresAt === undefined),
    principal: sealPrincipal({
      kind: 'api-key',
      id,
      workspace,
      environment,
      scopes: intern(scopes),
      ...owner !== undefined && { owner },
      ...tier !== undefined && { tier },
      ...expiresAt !== undefined && { expiresAt: new Date(expiresAt) },
      ...retiresAt !== undefined && { secretRetiresAt: new Date(retiresAt) },
      version
    })
  }
}

function lifeOf ({ revokedAt, expiresAt }: ApiKey, secret: KeySecret | undefined): Pick<LoadedKey, 'goodUntil' | 'refusal'> {
  const expiry = expiresAt?.getTime() ?? Infinity
  const retirement = secret === undefined ? -Infinity : secret.retiresAt?.getTime() ?? Infinity
  if (revokedAt !== undefined) return { goodUntil: -Infinity, refusal: REVOKED }
  return expiry <= retirement ? { goodUntil: expiry, refusal: EXPIRED } : { goodUntil: retirement, refusal: ROTATED }
}
