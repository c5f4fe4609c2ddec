import { intern } from '../core/intern.js'
import { freezePrincipal, type Principal } from '../core/principal.js'
import type { EventActor } from '../events/index.js'

/** One of the secrets that a key has had. The text itself is stored nowhere; its hash is known to the store alone. */
export interface KeySecret {
  /** 1 for the secret that the key was issued with, one more with each rotation. */
  readonly generation: number
  /** First characters of the secret, by which people recognise it. */
  readonly hint: string
  readonly createdAt: Date
  /** Not valid from this instant on; only a secret that was rotated away has one. */
  readonly retiresAt?: Date
  /** Seconds that a secret which was rotated away stays valid after the first use of the next one. */
  readonly graceAfterFirstUse?: number
}

/** What a host notes on a key. */
export type KeyMetadata = Readonly<Record<string, string | number | boolean | null>>

/** The stored record of a key. It has neither a secret nor a hash, so it may be listed and logged. */
export interface ApiKey {
  readonly id: string
  readonly workspace: string
  readonly environment: string
  readonly scopes: readonly string[]
  /** For people. */
  readonly name?: string
  readonly owner?: string
  readonly tier?: string
  readonly metadata?: KeyMetadata
  /** Oldest first; the last one is the newest. At most `MAX_SECRETS`: older ones are forgotten. */
  readonly secrets: readonly KeySecret[]
  readonly createdAt: Date
  /** Not valid from this instant on; without it, valid until revoked. */
  readonly expiresAt?: Date
  readonly revokedAt?: Date
  /** Why it was revoked, for people. */
  readonly revokedReason?: string
  /** When it was last changed; absent before the first change. */
  readonly updatedAt?: Date
  /** Who changed it last, as events name people; absent where the host or the first use of a new secret did. */
  readonly updatedBy?: EventActor
  /** Grows with every change of the fields above. The fields below are written by `recordUse` and change no version. */
  readonly version: number
  readonly lastUsedAt?: Date
  /** Scope → when a request last used it. */
  readonly scopesUsedAt?: Readonly<Record<string, Date>>
}

/** Secrets that a record lists, so that a caller with an earlier one can read why it is refused. */
export const MAX_SECRETS = 10

/** What one secret of a key opens: computed when a store loads the record, then shared by all requests. */
export interface LoadedKey {
  /** The principal of every request that presents this secret. */
  readonly principal: Principal
  /** Which of the key's secrets was presented. */
  readonly generation: number
  /** Valid before this instant, in milliseconds since the epoch. */
  readonly goodUntil: number
  /** Why not from then on. */
  readonly refusal: string
  /** The previous secret waits for the first use of this one: that starts its grace period. */
  readonly startsGrace: boolean
}

/** A frozen copy with dates of its own, since dates can't be frozen. */
export function copyKey (key: ApiKey): ApiKey {
  const { scopes, secrets, metadata, createdAt, expiresAt, revokedAt, updatedAt, updatedBy } = key
  const { lastUsedAt, scopesUsedAt } = key
  return Object.freeze({
    ...key,
    scopes: intern(scopes),
    secrets: Object.freeze(secrets.map(copySecret)),
    createdAt: new Date(createdAt),
    ...metadata !== undefined && { metadata: Object.freeze({ ...metadata }) },
    ...expiresAt !== undefined && { expiresAt: new Date(expiresAt) },
    ...revokedAt !== undefined && { revokedAt: new Date(revokedAt) },
    ...updatedAt !== undefined && { updatedAt: new Date(updatedAt) },
    ...updatedBy !== undefined && { updatedBy: Object.freeze({ ...updatedBy }) },
    ...lastUsedAt !== undefined && { lastUsedAt: new Date(lastUsedAt) },
    ...scopesUsedAt !== undefined && { scopesUsedAt: copyDates(scopesUsedAt) }
  })
}

function copySecret (secret: KeySecret): KeySecret {
  const { createdAt, retiresAt } = secret
  const dates = { createdAt: new Date(createdAt), ...retiresAt !== undefined && { retiresAt: new Date(retiresAt) } }
  return Object.freeze({ ...secret, ...dates })
}

function copyDates (dates: Readonly<Record<string, Date>>): Readonly<Record<string, Date>> {
  return Object.freeze(Object.fromEntries(Object.entries(dates).map(([name, date]) => [name, new Date(date)])))
}

const REVOKED = 'The API key was revoked.'
const EXPIRED = 'The API key has expired.'
const ROTATED = 'The API key was rotated; this is an earlier secret of it.'

/**
 * What `findByHash` of a store answers.
 * @param generation of the secret that has the hash; one that the record does not list is an earlier one
 */
export function loadKey (key: ApiKey, generation: number): LoadedKey {
  const { id, workspace, environment, scopes, secrets, owner, tier, name, metadata, expiresAt, version } = key
  const secret = secrets.find((one) => one.generation === generation)
  const previous = secrets.find((one) => one.generation === generation - 1)
  const retiresAt = secret?.retiresAt
  return {
    generation,
    ...validityOf(key, secret),
    startsGrace: secret !== undefined && previous?.graceAfterFirstUse !== undefined && previous.retiresAt === undefined,
    principal: freezePrincipal({
      kind: 'api-key',
      id,
      workspace,
      environment,
      scopes,
      scheme: KEY_SCHEME,
      ...owner !== undefined && { owner },
      ...tier !== undefined && { tier },
      ...name !== undefined && { name },
      ...metadata !== undefined && { metadata: Object.freeze({ ...metadata }) },
      ...expiresAt !== undefined && { expiresAt: new Date(expiresAt) },
      ...retiresAt !== undefined && { secretRetiresAt: new Date(retiresAt) },
      version
    })
  }
}

/** Name of the security scheme by which routes declare API keys. */
export const KEY_SCHEME = 'apiKey'

type Validity = Pick<LoadedKey, 'goodUntil' | 'refusal'>

function validityOf ({ revokedAt, expiresAt }: ApiKey, secret: KeySecret | undefined): Validity {
  const expiry = expiresAt?.getTime() ?? Infinity
  const retirement = secret === undefined ? -Infinity : secret.retiresAt?.getTime() ?? Infinity
  if (revokedAt !== undefined) return { goodUntil: -Infinity, refusal: REVOKED }
  return expiry <= retirement ? { goodUntil: expiry, refusal: EXPIRED } : { goodUntil: retirement, refusal: ROTATED }
}
