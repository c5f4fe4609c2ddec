import type { FastifyRequest } from 'fastify'
import type { AccessContext } from '../core/access-context.js'
import { AccessError, type RefusalCode } from '../core/errors.js'
import type { RouteAccess } from '../core/route-access.js'
import { andThen, type Step, type StepResult } from '../core/step.js'
import type { Authenticator, Identity } from './authenticator.js'
import type { ExposureReport } from './exposure.js'

/** Sets `request.principal`, or refuses the request. */
export function createAuthenticateStep (
  context: AccessContext, { authenticate }: Authenticator, report: ExposureReport
): Step {
  function settle (request: FastifyRequest, access: RouteAccess, found: Identity | null): StepResult {
    const identity = found ?? (access.mode === 'optional' ? null : context.refusal('CREDENTIAL_MISSING'))
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

  return function setPrincipal (request, _reply, access) {
    if (access.mode === 'public' || (access.preflight && isPreflight(request))) return undefined
    return andThen(authenticate(request, false), (found) => settle(request, access, found))
  }
}

/** Without a valid header, a client may have put its credential into the URL instead. */
const MAY_HAVE_ONE_IN_QUERY: ReadonlySet<RefusalCode> = new Set(['CREDENTIAL_MISSING', 'CREDENTIAL_MALFORMED'])

/** A real CORS preflight: Fetch standard, "CORS-preflight request". */
function isPreflight ({ method, headers }: FastifyRequest): boolean {
  return method === 'OPTIONS' && isGiven(headers.origin) && isGiven(headers['access-control-request-method'])
}

function isGiven (value: string | undefined): boolean {
  return value !== undefined && value !== ''
}
