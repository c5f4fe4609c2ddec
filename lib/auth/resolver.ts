import type { FastifyRequest } from 'fastify'
import type { Clock } from '../core/clock.js'
import { isCredentialPlace, nameOfPlace, type CredentialPlace } from '../core/credential-place.js'
import type { Principal } from '../core/principal.js'

/** What a resolver gets to know about one look-up. */
export interface Lookup {
  /** The request that carries the credential. */
  readonly request: FastifyRequest
  /** Load the principal from the store itself, not from a cache. */
  readonly fresh: boolean
  /** The credential came as `Authorization: DPoP` (RFC 9449): check its proof. */
  readonly dpop: boolean
  /** Reads the time after a wait; `now` is the time before it. */
  readonly clock: Clock
}

/**
 * Turns a credential into a principal. Keys and OAuth tokens each bring one; a host may bring its own:
 *
 * ```ts
 * const partner: Resolver = {
 *   scheme: 'partner',
 *   kind: 'api-key',
 *   description: { type: 'http', scheme: 'bearer' },
 *   async resolve (token) {
 *     if (!token.startsWith('ptr_')) return undefined
 *     const partner = await findPartner(token)
 *     if (partner === undefined) throw new InvalidCredential('unknown partner')
 *     const { id, scopes } = partner
 *     return { kind: 'api-key', id, workspace: id, environment: 'production', scopes }
 *   }
 * }
 * ```
 */
export interface Resolver {
  /** The name of its security scheme in `schema.security`, such as `apiKey`. */
  readonly scheme: string
  /** The kind of all its principals. */
  readonly kind: Principal['kind']
  /** OpenAPI security scheme object. */
  readonly description: Readonly<Record<string, unknown>>
  /** Characters of the longest credential that it takes; 256 by default. It is not asked about longer ones. */
  readonly maxLength?: number
  /** It takes any text for a credential of its own, so that `latchkey` asks it last. */
  readonly anyForm?: boolean
  /**
   * Signature algorithms of the DPoP proofs (RFC 9449) that it checks, for the challenge. Without them it is not asked
   * about credentials that come as `Authorization: DPoP`.
   */
  readonly dpop?: readonly string[]
  /**
   * Where it takes credentials from, of the places that the option `credentials` names. By default API keys are taken
   * from each of them, and access tokens from `bearer()` alone (RFC 6750 §2, RFC 9449 §7.1). It is not asked about a
   * credential that came elsewhere.
   */
  readonly places?: readonly CredentialPlace[]
  /**
   * True where `resolve` answers this credential from memory alone, whether it is good or has ended. Such a credential
   * is no guess: it is also asked about from an address that has failed too often. Never without it.
   * @param now milliseconds since the epoch
   */
  isCached? (token: string, now: number): boolean
  /**
   * Called where it answered an older record of a principal than other processes know of: the store that it asks is
   * behind, such as a former primary. It finds the current one, if it can. Must not throw.
   */
  readonly reconnect?: (() => void) | undefined
  /**
   * @param now milliseconds since the epoch
   * @returns the principal, or undefined when the credential does not have this resolver's form. A frozen principal
   * with frozen scopes is shared by all requests that carry the credential; otherwise each request gets a frozen copy.
   * @throws InvalidCredential when the credential has its form but is not valid (401), RateLimited when it is valid but
   * used too often (429); any other error is an outage (503)
   */
  resolve (token: string, now: number, lookup: Lookup): Principal | undefined | PromiseLike<Principal | undefined>
}

/** True when `value` has the shape of a resolver; the option is checked by it at boot. */
export function isResolver (value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return false
  const candidate: Partial<Record<keyof Resolver, unknown>> = value
  return typeof candidate.resolve === 'function' &&
    typeof candidate.scheme === 'string' && candidate.scheme !== '' &&
    (candidate.kind === 'api-key' || candidate.kind === 'access-token') &&
    typeof candidate.description === 'object' && candidate.description !== null &&
    (candidate.maxLength === undefined || Number.isSafeInteger(candidate.maxLength)) &&
    (candidate.dpop === undefined || Array.isArray(candidate.dpop)) &&
    (candidate.places === undefined || (Array.isArray(candidate.places) && candidate.places.every(isCredentialPlace)))
}

/** True where a resolver is asked about credentials that came in `place`. */
export function takesFrom ({ kind, places }: Pick<Resolver, 'kind' | 'places'>, place: CredentialPlace): boolean {
  if (places === undefined) return kind === 'api-key' || place.type === 'bearer'
  return places.some((one) => nameOfPlace(one) === nameOfPlace(place))
}

/** What a challenge says about a refused proof of possession (RFC 9449 §7.1). */
export interface ProofFault {
  readonly error: 'invalid_dpop_proof' | 'use_dpop_nonce'
  /** Response headers, such as a new nonce. */
  readonly headers?: Readonly<Record<string, string>>
}

const kInvalidCredential = Symbol.for('fastify-latchkey.InvalidCredential')

/** A resolver throws it for a credential of its form that is not valid. */
export class InvalidCredential extends Error {
  readonly [kInvalidCredential] = true
  /** Public, so only for callers who proved that they have the full secret. */
  readonly detail: string | undefined
  readonly proof: ProofFault | undefined
  /** @param reason for the log only */
  constructor (reason: string, detail?: string, proof?: ProofFault) {
    super(reason)
    this.name = 'InvalidCredential'
    this.detail = detail
    this.proof = proof
  }
}

/** Also true for errors of another installed copy of this package, whose class is not ours. */
export function isInvalidCredential (fault: unknown): fault is InvalidCredential {
  return typeof fault === 'object' && fault !== null && kInvalidCredential in fault
}

/**
 * A credential that was good once, such as a revoked key: whoever presents it has the full secret. Failed attempts with
 * it are counted by address and credential, and so lock out no other credential of the address.
 */
export class EndedCredential extends InvalidCredential {}

/** A good credential that is used too often for now, such as with too many DPoP proofs: 429 for its caller alone. */
export class RateLimited extends Error {
  /** Seconds after which to try again. */
  readonly retryAfter: number
  /** @param reason for the log only */
  constructor (reason: string, retryAfter: number) {
    super(reason)
    this.name = 'RateLimited'
    this.retryAfter = retryAfter
  }
}

/** No resolver knows a credential of this form. */
export class UnknownForm extends InvalidCredential {
  constructor () {
    super('no resolver knows a credential of this form')
  }
}
