import type { FastifyRequest } from 'fastify'
import { AccessError, describeFault } from '../errors.js'
import type { Ground } from '../ground.js'
import type { Principal } from '../principal.js'
import { withhold } from '../scrub.js'
import { isThenable, within } from '../time.js'
import type { FailureMeter } from './failures.js'
import { readCredential, type Presented } from './header.js'
import { InvalidCredential, readableBy, resolve, type Resolver } from './resolver.js'

/** One environment, several, or what a request says of it. */
export type Environments = string | readonly string[] | ((request: FastifyRequest) => string | readonly string[])

interface Parts {
  readonly ground: Ground
  readonly resolvers: readonly Resolver[]
  readonly environment: Environments
  /** Seconds. */
  readonly deadline: number
  readonly meter: FailureMeter | undefined
}

/** A principal, a refusal, or null for nobody where nobody will do. */
export type Admission = Principal | AccessError | null

export interface Authenticator {
  /** Never throws and never rejects: what goes wrong is a refusal. */
  admit (request: FastifyRequest, optional: boolean): Admission | Promise<Admission>
}

/** header → failed attempts of the address → resolvers → environment. */
export function createAuthenticator ({ ground, resolvers, environment, deadline, meter }: Parts): Authenticator {
  const { refusal, clock } = ground
  const readable = readableBy(resolvers)

  function admit (request: FastifyRequest, optional: boolean): Admission | Promise<Admission> {
    const presented = readCredential(request.raw, readable)
    if (presented.type === 'none') return optional ? null : refusal('CREDENTIAL_MISSING')
    const exceeded = meter?.exceeded(request)
    if (exceeded === undefined) return examine(request, presented)
    return exceeded.then((allowance) => allowance === undefined
      ? examine(request, presented)
      : refusal('TOO_MANY_FAILURES', { retryAfter: allowance.reset, headers: ground.fields([allowance]) })).catch(unavailable)
  }

  function examine (request: FastifyRequest, presented: Exclude<Presented, { type: 'none' }>): Admission | Promise<Admission> {
    if (presented.type === 'malformed') return failed(request, refusal('CREDENTIAL_MALFORMED', { reason: presented.reason }))
    if (presented.type === 'too-long') return failed(request, refusal('CREDENTIAL_INVALID', { reason: 'longer than any credential' }))
    if (carriesTokenInQuery(request)) {
      return failed(request, refusal('CREDENTIAL_MALFORMED', { reason: 'a credential in the header and access_token in the query' }))
    }
    return identify(request, presented.token, presented.scheme)
  }

  function identify (request: FastifyRequest, token: string, scheme: 'DPoP' | undefined): Admission | Promise<Admission> {
    try {
      const found = resolve(resolvers, token, clock(), false, scheme && request)
      if (!isThenable(found)) return admitTo(request, found)
      meter?.note(request)
      return within(found, deadline, 'a resolver')
        .then((principal) => admitTo(request, principal))
        .catch((fault: unknown) => explain(request, token, scheme, fault))
    } catch (fault) {
      return explain(request, token, scheme, fault)
    }
  }

  function admitTo (request: FastifyRequest, principal: Principal): Admission {
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
      return failed(request, refusal('CREDENTIAL_INVALID', {
        reason: withhold(fault.message, token),
        ...fault.detail !== undefined && { detail: withhold(fault.detail, token) },
        ...scheme !== undefined && { scheme },
        ...fault.proof
      }))
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

  return { admit }
}

function isTexts (value: unknown): value is readonly string[] {
  return Array.isArray(value) && value.every((one) => typeof one === 'string')
}

/** RFC 6750 §2: a client uses one method a request. */
function carriesTokenInQuery ({ query }: FastifyRequest): boolean {
  return typeof query === 'object' && query !== null && Object.hasOwn(query, 'access_token')
}

function ignore (): void {}
