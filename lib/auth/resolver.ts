import type { FastifyRequest } from 'fastify'
import { isPrincipal, isSealed, type Principal } from '../core/principal.js'
import { isThenable, type Clock } from '../core/clock.js'
import { MAX_TOKEN_LENGTH, type Readable } from './header.js'

/** Turns a credential into a principal. Keys and OAuth tokens each bring one; a host may bring its own. */
export interface Resolver {
  /** Name of the security scheme that routes state it by, such as `apiKey`. */
  readonly scheme: string
  /** The kind of all principals that this resolver makes. */
  readonly kind: Principal['kind']
  /** OpenAPI security scheme object. */
  readonly description: Readonly<Record<string, unknown>>
  /** Characters of the longest credential that it is asked about; 256 where left out. */
  readonly maxLength?: number
  /** It takes any text for a credential of its own, so `latchkey` asks it after all others. */
  readonly anyForm?: boolean
  /**
   * Signature algorithms of the DPoP proofs (RFC 9449) that it checks, as the challenge tells them. Without them it is
   * never asked about what came as `Authorization: DPoP`.
   */
  readonly dpop?: readonly string[]
  /**
   * @param now milliseconds since the epoch
   * @returns the principal, or undefined when the credential is not of this resolver's form. A frozen one with frozen
   * scopes is shared by the requests that carry the credential; of any other each request gets a frozen copy.
   * @throws InvalidCredential when it is of its form but not good; any other error counts as an outage (503)
   */
  resolve (token: string, now: number, lookup: Lookup): Principal | undefined | PromiseLike<Principal | undefined>
}

/** What a resolver is told about one look-up. */
export interface Lookup {
  /** The request that carries the credential. */
  readonly request: FastifyRequest
  /** The principal as it is now: from the store itself, not from a cache. */
  readonly fresh: boolean
  /** The credential came as `Authorization: DPoP`, so its proof must be checked. */
  readonly dpop: boolean
  /** Reads the time again after a wait: `now` is when the request was read. */
  readonly clock: Clock
}

/** True when `value` can be asked; what a host gives is looked at before the first request asks it. */
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

/** What header lines a context reads for its resolvers. */
export function readableBy (resolvers: readonly Resolver[]): Readable {
  return {
    maxLength: Math.max(...resolvers.map(maxLengthOf)),
    dpop: resolvers.some(({ dpop }) => dpop !== undefined)
  }
}

function maxLengthOf ({ maxLength = MAX_TOKEN_LENGTH }: Resolver): number {
  return maxLength
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

/** A text that no resolver takes for a credential of its own. */
export class UnknownForm extends InvalidCredential {
  constructor () {
    super('no resolver knows a credential of this form')
  }
}

/**
 * Answers for a credential that this process holds, of which nothing has to be looked at again: only the same text has its
 * hash. Undefined for any other.
 * @throws InvalidCredential when it is no longer good
 */
export type Recall = (token: string, clock: Clock) => Principal | Promise<Principal> | undefined

const recalls = new WeakMap<Resolver, Recall>()

/**
 * Makes a resolver that recalls. Known by the object, which is frozen: one that a host makes of it, with a `resolve` of its
 * own, is asked by that alone.
 */
export function recalling (resolver: Resolver, recall: Recall): Resolver {
  recalls.set(resolver, recall)
  return Object.freeze(resolver)
}

/** What the first resolvers recall, in their order; nothing beyond one that does not, since it is to be asked first. */
export function recallOf (resolvers: readonly Resolver[]): Recall {
  const foremost: Array<{ readonly recall: Recall, readonly maxLength: number }> = []
  for (const resolver of resolvers) {
    const recall = recalls.get(resolver)
    if (recall === undefined) break
    foremost.push({ recall, maxLength: maxLengthOf(resolver) })
  }
  return (token, clock) => {
    for (const { recall, maxLength } of foremost) {
      const found = token.length > maxLength ? undefined : recall(token, clock)
      if (found !== undefined) return found
    }
    return undefined
  }
}

/**
 * Asks the resolvers in turn; the first that knows the credential answers. Synchronous as long as they are.
 * @throws InvalidCredential when none knows it
 */
export function resolve (resolvers: readonly Resolver[], token: string, lookup: Lookup): Principal | Promise<Principal> {
  const now = lookup.clock()
  for (const resolver of resolvers) {
    if (token.length > maxLengthOf(resolver) || (lookup.dpop && resolver.dpop === undefined)) continue
    const found = resolver.resolve(token, now, lookup)
    if (isSealed(found)) return vouched(found, resolver)
    if (isThenable(found)) return resolveLater(found, resolver, resolvers.slice(resolvers.indexOf(resolver) + 1), token, lookup)
    if (found !== undefined) return vouched(found, resolver)
  }
  throw new UnknownForm()
}

async function resolveLater (pending: PromiseLike<Principal | undefined>, resolver: Resolver, others: readonly Resolver[], token: string, lookup: Lookup): Promise<Principal> {
  const found = await pending
  return found === undefined ? resolve(others, token, lookup) : vouched(found, resolver)
}

/** A resolver that answers something else than its kind of principal is broken, and nobody is let in by it. */
function vouched (found: Principal, { kind, scheme }: Resolver): Principal {
  if (isSealed(found) && found.kind === kind) return found
  if (isPrincipal(found) && found.kind === kind) {
    if (Object.isFrozen(found) && Object.isFrozen(found.scopes)) return found
    const copy = Object.freeze(Object.assign({}, found, { scopes: Object.freeze([...found.scopes]) }))
    if (isPrincipal(copy)) return copy
  }
  throw new TypeError(`the resolver of ${scheme} did not answer a principal of kind ${kind}`)
}
