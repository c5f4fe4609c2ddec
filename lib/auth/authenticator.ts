import type { FastifyRequest } from 'fastify'
import type { AccessContext } from '../core/access-context.js'
import { isThenable, withTimeout } from '../core/clock.js'
import { AccessError, describeFault } from '../core/errors.js'
import type { Principal } from '../core/principal.js'
import { redactSecret } from '../core/redact.js'
import { attempt } from '../core/step.js'
import type { FailureBudget } from './failure-budget.js'
import { readCredential, type Presented } from './header.js'
import { createResolve, readableBy } from './resolve.js'
import { InvalidCredential, RateLimited, type Resolver } from './resolver.js'

/** One environment, several, or a function of the request. */
export type Environments = string | readonly string[] | ((request: FastifyRequest) => string | readonly string[])

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
   * Who sends a request; null where no credential came. Never throws and never rejects: what goes wrong is a refusal.
   * @param fresh by the stored record, not by a cache
   */
  authenticate (request: FastifyRequest, fresh: boolean): Identity | null | Promise<Identity | null>
}

type Token = Extract<Presented, { type: 'token' }>

interface Attempt {
  readonly ip: string | undefined
  readonly token: string
  readonly scheme: 'DPoP' | undefined
  /** It stands in the budget of failed attempts already. */
  readonly counted: boolean
}

/** Header → budget of failed attempts → resolvers → environment. */
export function createAuthenticator (deps: AuthenticatorDeps): Authenticator {
  const { context, resolvers, environment, deadline, budget } = deps
  const { refusal, clock } = context
  const readable = readableBy(resolvers)
  const resolve = createResolve(resolvers)
  /** Credentials that are being looked up. */
  const pending = new Set<string>()

  function authenticate (request: FastifyRequest, fresh: boolean): Identity | null | Promise<Identity | null> {
    const presented = readCredential(request.raw, readable)
    if (presented.type === 'none') return null
    const exceeded = budget?.exceeded(request)
    if (exceeded !== undefined) {
      const headers = context.rateLimitHeaders([exceeded])
      return refusal('TOO_MANY_FAILURES', { retryAfter: exceeded.reset, headers })
    }
    if (presented.type === 'token' && !hasTokenInQuery(request)) return identify(request, presented, fresh)
    budget?.count(request.ip)
    return refusalOf(presented)
  }

  function refusalOf (presented: Exclude<Presented, { type: 'none' }>): AccessError {
    if (presented.type === 'too-long') return refusal('CREDENTIAL_INVALID', { reason: 'longer than any credential' })
    const reason = presented.type === 'malformed' ? presented.reason : 'a credential in the header and access_token in the query'
    return refusal('CREDENTIAL_MALFORMED', { reason })
  }

  function identify (request: FastifyRequest, { token, scheme }: Token, fresh: boolean): Identity | Promise<Identity> {
    let ip: string | undefined
    let counted = false
    return attempt<Identity>(() => {
      const found = resolve(token, { request, fresh, dpop: scheme === 'DPoP', clock })
      if (!(found instanceof Promise)) return admit(request, found)
      // Read before the wait: the address of a closed socket is gone.
      ip = request.ip
      counted = reserve(token, ip)
      return withTimeout(found, deadline, 'a resolver').then((principal) => {
        if (counted) giveBack(token, ip)
        counted = false
        return admit(request, principal)
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

  function admit (request: FastifyRequest, principal: Principal): Identity {
    const served = servedBy(request)
    if (served === principal.environment || (typeof served !== 'string' && served.includes(principal.environment))) return principal
    const here = typeof served === 'string' ? served : served.join(', ') || 'none'
    return refusal('WRONG_ENVIRONMENT', {
      reason: `principal ${principal.id}`,
      detail: `This credential belongs to ${principal.environment}; this host serves ${here}.`,
      extensions: { credentialEnvironment: principal.environment, hostEnvironment: here }
    })
  }

  /** @throws TypeError when the host's function answers something else, which must not let anybody in */
  function servedBy (request: FastifyRequest): string | readonly string[] {
    if (typeof environment !== 'function') return environment
    const served: unknown = environment(request)
    if (isThenable(served)) served.then(ignore, ignore)
    if (typeof served === 'string' || isTexts(served)) return served
    throw new TypeError('the option environment did not answer a string or an array of strings')
  }

  /** Messages of resolvers may quote the credential, so it is taken out of them; those of other errors stay unread. */
  function explain (fault: unknown, { ip, token, scheme, counted }: Attempt): AccessError {
    if (counted) giveBack(token, ip)
    if (isGuess(fault)) budget?.count(ip)
    try {
      if (fault instanceof RateLimited) {
        return refusal('RATE_LIMITED', { reason: redactSecret(fault.message, token), retryAfter: fault.retryAfter })
      }
      if (!(fault instanceof InvalidCredential)) return unavailable(fault)
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

function isTexts (value: unknown): value is readonly string[] {
  return Array.isArray(value) && value.every((one) => typeof one === 'string')
}

/** RFC 6750 §2: a client uses one method a request. */
function hasTokenInQuery ({ query }: FastifyRequest): boolean {
  return typeof query === 'object' && query !== null && 'access_token' in query
}

/** A good proof of possession that only needs the server's nonce is no guess; an outage is nobody's. */
function isGuess (fault: unknown): boolean {
  return fault instanceof InvalidCredential && fault.proof?.error !== 'use_dpop_nonce'
}

function ignore (): void {}
