import type { FastifyRequest } from 'fastify'
import { AccessError, describeFault } from '../errors.js'
import type { Ground } from '../ground.js'
import type { Principal } from '../principal.js'
import { withhold } from '../scrub.js'
import { isThenable, within } from '../time.js'
import type { FailureMeter } from './failures.js'
import { readCredential } from './header.js'
import { InvalidCredential, resolve, type Resolver } from './resolver.js'

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

/** A principal, a refusal, or null for nobody where nobody will do. Refusals are values: throwing is for faults. */
export type Admission = Principal | AccessError | null

export interface Authenticator {
  admit (request: FastifyRequest, optional: boolean): Admission | Promise<Admission>
  /** What a fault of a resolver, the meter or the host's own function becomes. */
  unavailable (fault: unknown): AccessError
}

/** header → failed attempts of the address → resolvers → environment. */
export function createAuthenticator ({ ground, resolvers, environment, deadline, meter }: Parts): Authenticator {
  const { refusal, clock } = ground

  function admit (request: FastifyRequest, optional: boolean): Admission | Promise<Admission> {
    const presented = readCredential(request.raw)
    switch (presented.type) {
      case 'none': return optional ? null : refusal('CREDENTIAL_MISSING')
      case 'malformed': return failed(request, refusal('CREDENTIAL_MALFORMED', { reason: presented.reason }))
      case 'too-long': return failed(request, refusal('CREDENTIAL_INVALID', { reason: 'longer than any credential' }))
    }
    if (carriesTokenInQuery(request)) {
      return failed(request, refusal('CREDENTIAL_MALFORMED', { reason: 'a credential in the header and access_token in the query' }))
    }
    const exceeded = meter?.exceeded(request)
    if (exceeded === undefined) return identify(request, presented.token)
    return Promise.resolve(exceeded).then((allowance) => allowance === undefined
      ? identify(request, presented.token)
      : refusal('TOO_MANY_FAILURES', { retryAfter: allowance.reset, headers: ground.fields([allowance]) }))
  }

  function identify (request: FastifyRequest, token: string): Admission | Promise<Admission> {
    try {
      const found = resolve(resolvers, token, clock())
      if (!isThenable(found)) return admitTo(request, found)
      return within(found, deadline, 'a resolver').then(
        (principal) => admitTo(request, principal),
        (fault: unknown) => explain(request, token, fault)
      )
    } catch (fault) {
      return explain(request, token, fault)
    }
  }

  function admitTo (request: FastifyRequest, principal: Principal): Admission {
    const served = typeof environment === 'function' ? environment(request) : environment
    if (served === principal.environment || (typeof served !== 'string' && served.includes(principal.environment))) return principal
    const here = typeof served === 'string' ? served : served.join(', ')
    return refusal('WRONG_ENVIRONMENT', {
      reason: `principal ${principal.id}`,
      detail: `This credential belongs to ${principal.environment}; this host serves ${here}.`,
      extensions: { credentialEnvironment: principal.environment, hostEnvironment: here }
    })
  }

  function explain (request: FastifyRequest, token: string, fault: unknown): AccessError {
    if (!(fault instanceof InvalidCredential)) return unavailable(fault)
    return failed(request, refusal('CREDENTIAL_INVALID', {
      reason: withhold(fault.message, token),
      ...fault.detail !== undefined && { detail: withhold(fault.detail, token) }
    }))
  }

  function failed (request: FastifyRequest, error: AccessError): AccessError {
    meter?.count(request).catch((fault: unknown) => request.log.error({ reason: describeFault(fault) }, 'failed attempts are not counted'))
    return error
  }

  function unavailable (fault: unknown): AccessError {
    return refusal('AUTHENTICATION_UNAVAILABLE', { reason: describeFault(fault), retryAfter: 1 })
  }

  return { admit, unavailable }
}

/** RFC 6750 §2: a client uses one method a request. */
function carriesTokenInQuery ({ raw, query }: FastifyRequest): boolean {
  return raw.url !== undefined && raw.url.includes('?') && typeof query === 'object' && query !== null && 'access_token' in query
}
