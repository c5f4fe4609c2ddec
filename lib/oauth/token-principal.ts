import { hash } from 'node:crypto'
import { InvalidCredential } from '../auth/index.js'
import { isName } from '../core/name.js'
import { freezePrincipal, type Principal } from '../core/principal.js'
import { isText } from './claims.js'
import type { Json } from './issuer-http.js'

declare module '../core/principal.js' {
  interface Principal {
    /** The OAuth client that an access token was issued to (RFC 6749 §2.2). */
    readonly client?: string
  }
}

/** Name of a claim, or a function of all claims. What the function throws is an outage (503). */
export type ClaimSource = string | ((claims: Json) => unknown)

/** Where the fields of a principal come from. A claim of the wrong type is 401. */
export interface ClaimMap {
  /** `workspace` by default; a token without one is refused. */
  workspace?: ClaimSource | undefined
  /** Nothing by default: all tokens belong to the environment of the options. A token without the claim is refused. */
  environment?: ClaimSource | undefined
  /** Nothing by default. */
  tier?: ClaimSource | undefined
  /** `sub` by default, unless the client acts for itself. */
  owner?: ClaimSource | undefined
  /** `scope` by default: a string of scopes with spaces between them (RFC 9068 §2.2.3), or an array of strings. */
  scopes?: ClaimSource | undefined
}

/**
 * What limits count separately: each user of each client, each client with all of its users, or each user with all
 * clients. A client that acts for itself is always counted as that client.
 */
export type Partition = 'client-and-user' | 'client' | 'user'

export interface PrincipalReaderOptions {
  readonly issuer: string
  readonly claims: ClaimMap
  readonly environment: string
  readonly partition: Partition
}

/** Whom a token was issued to, checked. */
export interface TokenHolder {
  readonly client: string
  readonly subject: string
  /** Milliseconds since the epoch. */
  readonly expiresAt: number | undefined
}

/** Makes the principal of a token from its claims. @throws InvalidCredential */
export type PrincipalReader = (claims: Json, holder: TokenHolder) => Principal

export function createPrincipalReader (options: PrincipalReaderOptions): PrincipalReader {
  const { issuer, claims: map, partition } = options
  const prefix = `oauth:${hash('sha256', issuer, 'base64url').slice(0, 16)}`

  /** Parts are percent-encoded, so that no two of these ids are equal, nor equal to the id of a key (`key_…`). */
  function idOf (client: string, subject: string): string {
    const parts = { client: `client:${encodeURIComponent(client)}`, user: `user:${encodeURIComponent(subject)}` }
    if (subject === client) return `${prefix}:${parts.client}`
    return `${prefix}:${partition === 'client-and-user' ? `${parts.client}:${parts.user}` : parts[partition]}`
  }

  return function readPrincipal (claims, { client, subject, expiresAt }) {
    const workspace = textOf(claims, map.workspace ?? 'workspace', 'workspace')
    const environment = map.environment === undefined
      ? options.environment
      : textOf(claims, map.environment, 'environment')
    if (workspace === undefined) throw new InvalidCredential('names no workspace')
    if (environment === undefined) throw new InvalidCredential('names no environment')
    const tier = map.tier === undefined ? undefined : textOf(claims, map.tier, 'tier')
    const user = subject === client ? undefined : subject
    const owner = map.owner === undefined ? user : textOf(claims, map.owner, 'owner')
    return freezePrincipal({
      kind: 'access-token',
      id: idOf(client, subject),
      workspace,
      environment,
      scopes: scopesOf(valueOf(claims, map.scopes ?? 'scope')),
      client,
      ...owner !== undefined && { owner },
      ...tier !== undefined && { tier },
      ...expiresAt !== undefined && { expiresAt: new Date(expiresAt) }
    })
  }
}

/** What a source answers; undefined for a claim that is not there. */
export function valueOf (claims: Json, source: ClaimSource): unknown {
  if (typeof source === 'function') return source(claims)
  return Object.hasOwn(claims, source) ? claims[source] : undefined
}

function textOf (claims: Json, source: ClaimSource, field: string): string | undefined {
  const value = valueOf(claims, source)
  if (value === undefined || value === null || isName(value)) return value ?? undefined
  throw new InvalidCredential(`its ${field} is not a text of 1 to 256 characters without control characters`)
}

/** No claim means no scopes; a claim of the wrong type is not guessed about. */
function scopesOf (value: unknown): readonly string[] {
  const scopes = typeof value === 'string' ? value.split(' ').filter((scope) => scope !== '') : value ?? []
  if (!Array.isArray(scopes) || !scopes.every(isText)) throw new InvalidCredential('its scopes are not texts')
  return [...new Set(scopes)]
}
