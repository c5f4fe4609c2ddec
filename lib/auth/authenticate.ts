import type { FastifyRequest } from 'fastify'
import { AccessError, describeFault } from '../core/errors.js'
import type { Allowance } from '../core/rate-limit-headers.js'
import type { AccessContext } from '../core/access-context.js'
import type { Principal } from '../core/principal.js'
import { redactSecret } from '../core/redact.js'
import { isThenable, withTimeout } from '../core/clock.js'
import type { FailureMeter } from './failures.js'
import { checked, readCredential, readUnchecked, type Presented } from './header.js'
import { InvalidCredential, readableBy, recallOf, resolve, type Resolver } from './resolver.js'

/** One environment, several, or what a request says of it. */
export type Environments = string | readonly string[] | ((request: FastifyRequest) => string | readonly string[])

interface Parts {
  readonly ground: AccessContext
  readonly resolvers: readonly Resolver[]
  readonly environment: Environments
  /** Seconds. */
  readonly deadline: number
  readonly meter: FailureMeter | undefined
}

/** What was presented, where something was. */
type Given = Exclude<Presented, { type: 'none' }>

type Token = Extract<Presented, { type: 'token' }>

type Identified = Principal | AccessError

/** A principal, a refusal, or null for nobody where nobody will do. */
export type Admission = Identified | null

export interface Authenticator {
  /**
   * Never throws and never rejects: what goes wrong is a refusal.
   * @param fresh by the truth as it is now, where nothing else will say that what this process holds has changed
   */
  admit (request: FastifyRequest, optional: boolean, fresh: boolean): Admission | Promise<Admission>
  /** As `admit`, for a request that was admitted before its credential changed: by the truth as it is now. */
  admitAnew (request: FastifyRequest): Identified | Promise<Identified>
}

/** header → failed attempts of the address → resolvers → environment. */
export function createAuthenticator ({ ground, resolvers, environment, deadline, meter }: Parts): Authenticator {
  const { refusal, clock } = ground
  const readable = readableBy(resolvers)
  const recall = recallOf(resolvers)

  function admit (request: FastifyRequest, optional: boolean, fresh: boolean): Admission | Promise<Admission> {
    const presented = readUnchecked(request.raw, readable)
    if (presented.type === 'none') return optional ? null : refusal('CREDENTIAL_MISSING')
    const exceeded = meter?.exceeded(request)
    return exceeded === undefined ? examine(request, presented, fresh) : examineWithin(exceeded, request, presented, fresh)
  }

  /** Functions that wait stand apart: a closure makes whichever function holds it slower for every request. */
  async function examineWithin (exceeded: Promise<Allowance | undefined>, request: FastifyRequest, presented: Given, fresh: boolean): Promise<Admission> {
    try {
      const allowance = await exceeded
      if (allowance === undefined) return await examine(request, presented, fresh)
      return refusal('TOO_MANY_FAILURES', { retryAfter: allowance.reset, headers: ground.fields([allowance]) })
    } catch (fault) {
      return unavailable(fault)
    }
  }

  function examine (request: FastifyRequest, presented: Given, fresh: boolean): Admission | Promise<Admission> {
    if (presented.type === 'malformed') return failed(request, refusal('CREDENTIAL_MALFORMED', { reason: presented.reason }))
    if (presented.type === 'too-long') return failed(request, refusal('CREDENTIAL_INVALID', { reason: 'longer than any credential' }))
    if (carriesTokenInQuery(request)) {
      return failed(request, refusal('CREDENTIAL_MALFORMED', { reason: 'a credential in the header and access_token in the query' }))
    }
    return presented.scheme === undefined && !fresh ? recognise(request, presented) : identifyChecked(request, presented, fresh)
  }

  /** The form of a credential that is held was looked at when it was not. */
  function recognise (request: FastifyRequest, presented: Token): Identified | Promise<Identified> {
    try {
      const held = recall(presented.token, clock)
      if (held === undefined) return identifyChecked(request, presented, false)
      return held instanceof Promise ? identifyLater(held, request, presented.token, undefined) : admitTo(request, held)
    } catch (fault) {
      return explain(request, presented.token, undefined, fault)
    }
  }

  function identifyChecked (request: FastifyRequest, presented: Token, fresh: boolean): Identified | Promise<Identified> {
    const read = checked(presented)
    if (read.type === 'malformed') return failed(request, refusal('CREDENTIAL_MALFORMED', { reason: read.reason }))
    return identify(request, presented.token, presented.scheme, fresh)
  }

  function identify (request: FastifyRequest, token: string, scheme: 'DPoP' | undefined, fresh: boolean): Identified | Promise<Identified> {
    try {
      const found = resolve(resolvers, token, { request, fresh, dpop: scheme !== undefined, clock })
      return found instanceof Promise ? identifyLater(found, request, token, scheme) : admitTo(request, found)
    } catch (fault) {
      return explain(request, token, scheme, fault)
    }
  }

  async function identifyLater (found: Promise<Principal>, request: FastifyRequest, token: string, scheme: 'DPoP' | undefined): Promise<Identified> {
    meter?.note(request)
    try {
      return admitTo(request, await withTimeout(found, deadline, 'a resolver'))
    } catch (fault) {
      return explain(request, token, scheme, fault)
    }
  }

  function admitTo (request: FastifyRequest, principal: Principal): Identified {
    const served = servedBy(request)
    if (served === principal.environment || (typeof served !== 'string' && served.includes(principal.environment))) return principal
    const here = typeof served === 'string' ? served : served.join(', ') || 'none'
    return refusal('WRONG_ENVIRONMENT', {
      reason: `principal ${principal.id}`,
      detail: `This credential belongs to ${principal.environment}; this host serves ${here}.`,
      extensions: { credentialEnvironment: principal.environment, hostEnvironment: here }
    })
  }

  /** @throws TypeError when the host's function answers nonsense, which must not let anybody in */
  function servedBy (request: FastifyRequest): string | readonly string[] {
    if (typeof environment !== 'function') return environment
    const served: unknown = environment(request)
    if (isThenable(served)) served.then(ignore, ignore)
    if (typeof served === 'string' || isTexts(served)) return served
    throw new TypeError('the option environment did not answer a string or an array of strings')
  }

  function explain (request: FastifyRequest, token: string, scheme: 'DPoP' | undefined, fault: unknown): AccessError {
    try {
      if (!(fault instanceof InvalidCredential)) return unavailable(fault)
      const { message, detail, proof } = fault
      const error = refusal('CREDENTIAL_INVALID', {
        reason: redactSecret(message, token), ...detail !== undefined && { detail: redactSecret(detail, token) }, ...scheme !== undefined && { scheme }, ...proof
      })
      return proof?.error === 'use_dpop_nonce' ? error : failed(request, error) // a good proof that is to be sent again is no guess
    } catch (unreadable) {
      return unavailable(unreadable)
    }
  }

  function failed (request: FastifyRequest, error: AccessError): AccessError {
    meter?.count(request).catch((fault: unknown) => request.log.error({ reason: describeFault(fault) }, 'a failed attempt was not counted'))
    return error
  }

  function unavailable (fault: unknown): AccessError {
    return refusal('AUTHENTICATION_UNAVAILABLE', { reason: describeFault(fault), retryAfter: 1 })
  }

  return {
    admit,
    admitAnew (request) {
      const presented = readCredential(request.raw, readable)
      return presented.type === 'token' ? identify(request, presented.token, presented.scheme, true) : refusal('CREDENTIAL_MISSING')
    }
  }
}

function isTexts (value: unknown): value is readonly string[] {
  return Array.isArray(value) && value.every((one) => typeof one === 'string')
}

/** RFC 6750 §2: a client uses one method a request. */
function carriesTokenInQuery ({ query }: FastifyRequest): boolean {
  return typeof query === 'object' && query !== null && 'access_token' in query
}

function ignore (): void {}
