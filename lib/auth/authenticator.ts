import type { FastifyRequest } from 'fastify'
import type { AccessContext } from '../core/access-context.js'
import { withTimeout } from '../core/clock.js'
import { fieldOfPlace } from '../core/credential-place.js'
import { AccessError, describeFault, type UsedPlace } from '../core/errors.js'
import type { Principal } from '../core/principal.js'
import type { Allowance } from '../core/rate-limit-headers.js'
import { redactSecret } from '../core/redact.js'
import { attempt } from '../core/step.js'
import { createEnvironmentCheck, type Environments } from './environment.js'
import type { FailureBudget } from './failure-budget.js'
import type { CredentialSource, Presented } from './header.js'
import { createCredentialReader } from './reader.js'
import type { ResolvingSource } from './resolve.js'
import { EndedCredential, isInvalidCredential, RateLimited } from './resolver.js'

export interface AuthenticatorDeps {
  readonly context: AccessContext
  /** The places that are read. */
  readonly sources: readonly ResolvingSource[]
  readonly environment: Environments
  /** Seconds that a resolver may take. */
  readonly deadline: number
  readonly budget: FailureBudget | undefined
}

/** A principal, or a refusal. */
export type Identity = Principal | AccessError

export interface Authenticator {
  /**
   * Who sends a request; null where it carries no credential. Never throws and never rejects: a failure is a refusal.
   * @param fresh asks the store itself, not a cache
   */
  authenticate (request: FastifyRequest, fresh: boolean): Identity | null | Promise<Identity | null>
  /** Which place and scheme the challenge of a refusal is about. */
  usedPlace (request: FastifyRequest): UsedPlace
}

type Token = Extract<Presented<ResolvingSource>, { type: 'token' }>

interface Attempt {
  readonly ip: string | undefined
  readonly presented: Token
  /** The budget of failed attempts counts it already. */
  readonly counted: boolean
}

/** Header lines → budget of failed attempts → resolvers → environment. */
export function createAuthenticator (deps: AuthenticatorDeps): Authenticator {
  const { context, sources, environment, deadline, budget } = deps
  const { refusal, clock } = context
  const readCredential = createCredentialReader(sources)
  const checkEnvironment = createEnvironmentCheck(environment, context)
  /** Credentials that are being looked up. */
  const pending = new Set<string>()

  function authenticate (request: FastifyRequest, fresh: boolean): Identity | null | Promise<Identity | null> {
    const presented = readCredential(request.raw)
    if (presented.type === 'none') return null
    const single = presented.type === 'token' && !hasTokenInQuery(request) ? presented : undefined
    const exceeded = budget && exceededIn(budget, request, single)
    if (exceeded !== undefined) {
      const headers = context.rateLimitHeaders([exceeded])
      return refusal('TOO_MANY_FAILURES', { retryAfter: exceeded.reset, headers })
    }
    if (single !== undefined) return identify(request, single, fresh)
    budget?.count(request.ip)
    return refusalOf(presented)
  }

  /** The budget of an address bounds what must be looked up, not what this process knows. */
  function exceededIn (
    budget: FailureBudget, request: FastifyRequest, single: Token | undefined
  ): Allowance | undefined {
    if (single === undefined) return budget.exceeded(request)
    const { token, at } = single
    const ended = budget.exceededBy(request, token)
    if (ended !== undefined) return ended
    const exceeded = budget.exceeded(request)
    return exceeded !== undefined && at.isCached(token, clock()) ? undefined : exceeded
  }

  function refusalOf (presented: Exclude<Presented, { type: 'none' }>): AccessError {
    const used = usedBy(presented)
    if (presented.type === 'too-long') {
      return refusal('CREDENTIAL_INVALID', { reason: 'longer than any credential', ...used })
    }
    const { reason, detail } = presented.type === 'malformed' ? presented : withQuery(presented)
    return refusal('CREDENTIAL_MALFORMED', { reason, ...detail !== undefined && { detail }, ...used })
  }

  function identify (request: FastifyRequest, presented: Token, fresh: boolean): Identity | Promise<Identity> {
    const { token, dpop, at } = presented
    let ip: string | undefined
    let counted = false
    return attempt<Identity>(() => {
      const found = at.resolve(token, { request, fresh, dpop, clock })
      if (!(found instanceof Promise)) return checkEnvironment(request, found)
      // Whatever throws below must not leave a rejection that nobody handles: it would end the process.
      found.catch(() => {})
      // Read before the wait: the address of a closed socket is gone.
      ip = request.ip
      counted = !at.isCached(token, clock()) && reserve(token, ip)
      return withTimeout(found, deadline, 'a resolver').then((principal) => {
        if (counted) giveBack(token, ip)
        counted = false
        return checkEnvironment(request, principal)
      })
    }, (fault) => explain(fault, { ip: ip ?? request.ip, presented, counted }))
  }

  /**
   * Counts a look-up as failed until it succeeds: of many guesses at once, no more reach the store than the budget
   * allows. Requests that share one credential share its look-up, and count once.
   */
  function reserve (token: string, ip: string | undefined): boolean {
    if (pending.has(token)) return false
    pending.add(token)
    budget?.count(ip)
    return true
  }

  function giveBack (token: string, ip: string | undefined): void {
    pending.delete(token)
    budget?.giveBack(ip)
  }

  /** A resolver's message may quote the credential, so it is removed. Messages of other errors are not read at all. */
  function explain (fault: unknown, { ip, presented, counted }: Attempt): AccessError {
    const { token } = presented
    if (counted) giveBack(token, ip)
    if (isGuess(fault)) budget?.count(ip, fault instanceof EndedCredential ? token : undefined)
    try {
      if (fault instanceof RateLimited) {
        return refusal('RATE_LIMITED', { reason: redactSecret(fault.message, token), retryAfter: fault.retryAfter })
      }
      if (!isInvalidCredential(fault)) return unavailable(fault)
      const { message, detail, proof } = fault
      return refusal('CREDENTIAL_INVALID', {
        reason: redactSecret(message, token),
        ...detail !== undefined && { detail: redactSecret(detail, token) },
        ...usedBy(presented),
        ...proof
      })
    } catch (unreadable) {
      return unavailable(unreadable)
    }
  }

  function unavailable (fault: unknown): AccessError {
    return refusal('AUTHENTICATION_UNAVAILABLE', { reason: describeFault(fault), retryAfter: 1 })
  }

  return {
    authenticate,
    usedPlace ({ raw }) {
      const presented = readCredential(raw)
      return presented.type === 'none' ? {} : usedBy(presented)
    }
  }
}

function withQuery ({ at: { place } }: { readonly at: CredentialSource }) {
  return {
    reason: 'a credential in the header and access_token in the query',
    detail: `Credentials came in the header field ${fieldOfPlace(place)} and in access_token of the query; ` +
      'send one, in the header field.'
  }
}

function usedBy (presented: Exclude<Presented, { type: 'none' }>): UsedPlace {
  const { place } = presented.at
  return presented.type === 'token' && presented.dpop ? { place, scheme: 'DPoP' } : { place }
}

/** RFC 6750 §2: a client uses one method a request. */
function hasTokenInQuery ({ query }: FastifyRequest): boolean {
  return typeof query === 'object' && query !== null && 'access_token' in query
}

/** A request for a nonce follows a good proof of possession, and an outage is not the client's fault. */
function isGuess (fault: unknown): boolean {
  return isInvalidCredential(fault) && fault.proof?.error !== 'use_dpop_nonce'
}
