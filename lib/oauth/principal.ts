import { hash } from 'node:crypto'
import { InvalidCredential } from '../auth/index.js'
import { intern } from '../core/intern.js'
import { freezePrincipal, type Principal } from '../core/principal.js'
import type { Json } from './issuer-http.js'

declare module '../core/principal.js' {
  interface Principal {
    /** The OAuth client that an access token was issued to (RFC 6749 §2.2). */
    readonly client?: string
  }
}

/** Name of the claim, or a function of all claims. */
export type ClaimSource = string | ((claims: Json) => unknown)

/** Where the fields of a principal come from. */
export interface ClaimMap {
  /** `workspace` by default; a token without one is refused. */
  workspace?: ClaimSource | undefined
  /** Nothing by default: all tokens belong to the environment stated beside. A token without the claim is refused. */
  environment?: ClaimSource | undefined
  /** Nothing by default. */
  tier?: ClaimSource | undefined
  /** `sub` by default, where it is not the client itself. */
  owner?: ClaimSource | undefined
  /** `scope` by default: a string of scopes with spaces between them (RFC 9068 §2.2.3), or an array of strings. */
  scopes?: ClaimSource | undefined
}

/** What limits count separately: each user of each client, each client with all of its users, or each user with all clients. */
export type Partition = 'client-and-user' | 'client' | 'user'

export interface PrincipalTerms {
  readonly issuer: string
  readonly claims: ClaimMap
  readonly environment: string
  readonly partition: Partition
}

/** What a token says of its holder, checked. */
export interface Holder {
  readonly client: string
  readonly subject: string
  /** Milliseconds since the epoch. */
  readonly expiresAt: number | undefined
}

/** Makes the principal of a token's claims. */
export function createPrincipalReader ({ issuer, claims: map, environment, partition }: PrincipalTerms): (claims: Json, holder: Holder) => Principal {
  const name = `oauth:${hash('sha256', issuer, 'base64url').slice(0, 16)}`

  /**
   * Parts are percent-encoded, so that no text of one can be read as another; keys begin with `key_`. A client that acts
   * for itself is a client, whatever the partition: no user of its name is counted with it.
   */
  function idOf (client: string, subject: string): string {
    const parts = { client: `client:${encodeURIComponent(client)}`, user: `user:${encodeURIComponent(subject)}` }
    if (subject === client) return `${name}:${parts.client}`
    return `${name}:${partition === 'client-and-user' ? `${parts.client}:${parts.user}` : parts[partition]}`
  }

  return function readPrincipal (claims, { client, subject, expiresAt }) {
    const workspace = textOf(claims, map.workspace ?? 'workspace', 'workspace')
    const belongs = map.environment === undefined ? environment : textOf(claims, map.environment, 'environment')
    if (workspace === undefined) throw new InvalidCredential('names no workspace')
    if (belongs === undefined) throw new InvalidCredential('names no environment')
    const tier = map.tier === undefined ? undefined : textOf(claims, map.tier, 'tier')
    const owner = map.owner === undefined ? (subject === client ? undefined : subject) : textOf(claims, map.owner, 'owner')
    return freezePrincipal({
      kind: 'access-token',
      id: idOf(client, subject),
      workspace,
      environment: belongs,
      scopes: scopesOf(valueOf(claims, map.scopes ?? 'scope')),
      client,
      ...owner !== undefined && { owner },
      ...tier !== undefined && { tier },
      ...expiresAt !== undefined && { expiresAt: new Date(expiresAt) }
    })
  }
}

function valueOf (claims: Json, source: ClaimSource): unknown {
  if (typeof source === 'function') return source(claims)
  return Object.hasOwn(claims, source) ? claims[source] : undefined
}

function textOf (claims: Json, source: ClaimSource, field: string): string | undefined {
  const value = valueOf(claims, source)
  if (value === undefined || value === null || isName(value)) return value ?? undefined
  throw new InvalidCredential(`its ${field} is not a text`)
}

/** Without a claim there are no scopes; one that can't be read is no token to guess about. */
function scopesOf (value: unknown): readonly string[] {
  const scopes = typeof value === 'string' ? value.split(' ').filter((scope) => scope !== '') : value ?? []
  if (!Array.isArray(scopes) || !scopes.every(isName)) throw new InvalidCredential('its scopes are not texts')
  return intern([...new Set(scopes)])
}

/** Half a surrogate pair, which UTF-8 has no bytes for: in a store, all of them would become the same replacement. */
const HALF = /\p{Surrogate}/u

/** A text that is not empty and has a form in UTF-8. */
export function isName (value: unknown): value is string {
  return typeof value === 'string' && value !== '' && !HALF.test(value)
}
