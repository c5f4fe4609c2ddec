import type { FastifyRequest } from 'fastify'
import type { Clock } from '../core/clock.js'
import type { Principal } from '../core/principal.js'

/** What a resolver is told about one look-up. */
export interface Lookup {
  /** The request that carries the credential. */
  readonly request: FastifyRequest
  /** The principal as it is now is wanted: from the store itself, not from a cache. */
  readonly fresh: boolean
  /** The credential came as `Authorization: DPoP` (RFC 9449), so its proof must be checked. */
  readonly dpop: boolean
  /** Reads the time again after a wait: `now` is when the request was read. */
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
 *     return { kind: 'api-key', id: partner.id, workspace: partner.id, environment: 'production', scopes: partner.scopes }
 *   }
 * }
 * ```
 */
export interface Resolver {
  /** Name of the security scheme that routes name it by, such as `apiKey`. */
  readonly scheme: string
  /** The kind of all principals that this resolver makes. */
  readonly kind: Principal['kind']
  /** OpenAPI security scheme object. */
  readonly description: Readonly<Record<string, unknown>>
  /** Characters of the longest credential that it is asked about; 256 by default. */
  readonly maxLength?: number
  /** It takes any text for a credential of its own, so `latchkey` asks it after all others. */
  readonly anyForm?: boolean
  /**
   * Signature algorithms of the DPoP proofs (RFC 9449) that it checks, for the challenge. Without them it is never asked
   * about what came as `Authorization: DPoP`.
   */
  readonly dpop?: readonly string[]
  /**
   * @param now milliseconds since the epoch
   * @returns the principal, or undefined when the credential is not of this resolver's form. A frozen one with frozen
   * scopes is shared by the requests that carry the credential; of any other, each request gets a frozen copy.
   * @throws InvalidCredential when it is of its form but not good (401), RateLimited when it is good but used too often
   * (429); any other error counts as an outage (503)
   */
  resolve (token: string, now: number, lookup: Lookup): Principal | undefined | PromiseLike<Principal | undefined>
}

/** True when `value` can be asked; what a host gives is checked before the first request. */
export function isResolver (value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return false
  const candidate: Partial<Record<keyof Resolver, unknown>> = value
  return typeof candidate.resolve === 'function' &&
    typeof candidate.scheme === 'string' && candidate.scheme !== '' &&
    (candidate.kind === 'api-key' || candidate.kind === 'access-token') &&
    typeof candidate.description === 'object' && candidate.description !== null &&
    (candidate.maxLength === undefined || Number.isSafeInteger(candidate.maxLength)) &&
    (candidate.dpop === undefined || Array.isArray(candidate.dpop))
}

/** What a challenge says of a proof of possession that was refused (RFC 9449 §7.1). */
export interface ProofFault {
  readonly error: 'invalid_dpop_proof' | 'use_dpop_nonce'
  /** Response headers, such as a new nonce. */
  readonly headers?: Readonly<Record<string, string>>
}

/** A credential of the right form that must not be let in. */
export class InvalidCredential extends Error {
  /** Public; only for callers who proved possession of the full secret. */
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

/** A text that no resolver takes for a credential of its own. */
export class UnknownForm extends InvalidCredential {
  constructor () {
    super('no resolver knows a credential of this form')
  }
}
