import type { FastifyRequest } from 'fastify'
import type { AccessContext } from '../core/access-context.js'
import { withTimeout } from '../core/clock.js'
import { AccessError, describeFault } from '../core/errors.js'
import type { Principal } from '../core/principal.js'
import type { Allowance } from '../core/rate-limit-headers.js'
import { redactSecret } from '../core/redact.js'
import { attempt } from '../core/step.js'
import { createEnvironmentCheck, type Environments } from './environment.js'
import type { FailureBudget } from './failure-budget.js'
import { readCredential, type Presented } from './header.js'
import { createResolve, readableBy } from './resolve.js'
import { EndedCredential, isInvalidCredential, RateLimited, type Resolver } from './resolver.js'

export interface AuthenticatorDeps {
  readonly context: AccessContext
  readonly resolvers: readonly Resolver[]
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
}

type Token = Extract<Presented, { type: 'token' }>

interface Attempt {
  readonly ip: string | undefined
  readonly token: string
  readonly scheme: 'DPoP' | undefined
  /** The budget of failed attempts counts it already. */
  readonly counted: boolean
}

/** Header → budget of failed attempts → resolvers → environment. */
export function createAuthenticator (deps: AuthenticatorDeps): Authenticator {
  const { context, resolvers, environment, deadline, budget } = deps
  const { refusal, clock } = context
  const readable = readableBy(resolvers)
  const resolve = createResolve(resolvers)
  const checkEnvironment = createEnvironmentCheck(environment, context)
  /** Credentials that are being looked up. */
  const pending = new Set<string>()

  function authenticate (request: FastifyRequest, fresh: boolean): Identity | null | Promise<Identity | null> {
    const presented = readCredential(request.raw, readable)
    if (presented.type === 'none') return null
    const single = presented.type === 'token' && !hasTokenInQuery(request) ? presented : undefined
    const exceeded = budget && exceededIn(budget, request, single?.token)
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
    budget: FailureBudget, request: FastifyRequest, token: string | undefined
  ): Allowance | undefined {
    if (token === undefined) return budget.exceeded(request)
    const ended = budget.exceededBy(request, token)
    if (ended !== undefined) return ended
    const exceeded = budget.exceeded(request)
    return exceeded !== undefined && isCached(token) ? undefined : exceeded
  }

  function isCached (token: string): boolean {
    return resolvers.some((resolver) => resolver.isCached?.(token, clock()) === true)
  }

  function refusalOf (presented: Exclude<Presented, { type: 'none' }>): AccessError {
    if (presented.type === 'too-long') return refusal('CREDENTIAL_INVALID', { reason: 'longer than any credential' })
    const twofold = 'a credential in the header and access_token in the query'
    return refusal('CREDENTIAL_MALFORMED', { reason: presented.type === 'malformed' ? presented.reason : twofold })
  }

  function identify (request: FastifyRequest, { token, scheme }: Token, fresh: boolean): Identity | Promise<Identity> {
    let ip: string | undefined
    let counted = false
    return attempt<Identity>(() => {
      const found = resolve(token, { request, fresh, dpop: scheme === 'DPoP', clock })
      if (!(found instanceof Promise)) return checkEnvironment(request, found)
      // Whatever throws below must not leave a rejection that nobody handles: it would end the process.
      found.catch(() => {})
      // Read before the wait: the address of a closed socket is gone.
      ip = request.ip
      counted = !isCached(token) && reserve(token, ip)
      return withTimeout(found, deadline, 'a resolver').then((principal) => {
        if (counted) giveBack(token, ip)
        counted = false
        return checkEnvironment(request, principal)
      })
    }, (fault) => explain(fault, { ip: ip ?? request.ip, token, scheme, counted }))
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
  function explain (fault: unknown, { ip, token, scheme, counted }: Attempt): AccessError {
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
        ...scheme !== undefined && { scheme },
        ...proof
      })
    } catch (unreadable) {
      return unavailable(unreadable)
    }
  }

  function unavailable (fault: unknown): AccessError {
    return refusal('AUTHENTICATION_UNAVAILABLE', { reason: describeFault(fault), retryAfter: 1 })
  }

  return { authenticate }
}

/** RFC 6750 §2: a client uses one method a request. */
function hasTokenInQuery ({ query }: FastifyRequest): boolean {
  return typeof query === 'object' && query !== null && 'access_token' in query
}

/** A request for a nonce follows a good proof of possession, and an outage is not the client's fault. */
function isGuess (fault: unknown): boolean {
  return isInvalidCredential(fault) && fault.proof?.error !== 'use_dpop_nonce'
}
