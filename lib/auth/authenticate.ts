import type { FastifyRequest } from 'fastify'
import type { AccessContext } from '../core/access-context.js'
import { AccessError, type RefusalCode } from '../core/errors.js'
import { isPreflight } from '../core/preflight.js'
import type { RouteAccess } from '../core/route-access.js'
import { andThen, type Step, type StepResult } from '../core/step.js'
import type { Authenticator, Identity } from './authenticator.js'
import type { ExposureReport } from './exposure.js'

/** Sets `request.principal`, or refuses the request. */
export function createAuthenticateStep (
  context: AccessContext, { authenticate }: Authenticator, report: ExposureReport
): Step {
  function settle (request: FastifyRequest, access: RouteAccess, identity: Identity | null): StepResult {
    if (identity instanceof AccessError) {
      if (MAY_HAVE_ONE_IN_QUERY.has(identity.code)) report(request, 'query')
      return identity
    }
    if (identity === null) report(request, 'query')
    request.principal = identity
    return access.mode === 'undeclared' ? undeclared(access) : undefined
  }

  function undeclared ({ method, url, faults }: RouteAccess): AccessError {
    return context.refusal('ROUTE_UNDECLARED', { reason: `${method} ${url} ${faults.join('; ')}` })
  }

  /** Where anonymous callers are counted, a 401 counts too: beyond the quota it is a 429. */
  function refuseMissing (...[request, reply, access]: Parameters<Step>): ReturnType<Step> {
    const counted = context.limitAnonymous?.(request, reply, access)
    return andThen(counted, (limited) => settle(request, access, limited ?? context.refusal('CREDENTIAL_MISSING')))
  }

  return function setPrincipal (request, reply, access) {
    if (access.mode === 'public' || isPreflight(request, access)) return undefined
    return andThen(authenticate(request, false), (identity) => identity === null && access.mode !== 'optional'
      ? refuseMissing(request, reply, access)
      : settle(request, access, identity))
  }
}

/** Without a valid header, a client may have put its credential into the URL instead. */
const MAY_HAVE_ONE_IN_QUERY: ReadonlySet<RefusalCode> = new Set(['CREDENTIAL_MISSING', 'CREDENTIAL_MALFORMED'])
