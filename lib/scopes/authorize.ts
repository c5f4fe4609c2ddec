import type { FastifyRequest } from 'fastify'
import type { AccessContext } from '../core/access-context.js'
import type { AccessError } from '../core/errors.js'
import { isPreflight } from '../core/preflight.js'
import type { Principal } from '../core/principal.js'
import type { RouteAccess } from '../core/route-access.js'
import type { Step } from '../core/step.js'
import { insufficientScope, KINDS, wrongScheme } from './refusals.js'
import type { Requirements, Scheme } from './requirement.js'

/** Refuses a request whose principal lacks what its route declares. */
export function createAuthorizeStep (
  context: AccessContext, requirements: Requirements, schemes: readonly Scheme[]
): Step {
  const kinds = new Map(schemes.map(({ scheme, kind }) => [scheme, KINDS[kind]]))

  function refusalOf (request: FastifyRequest, principal: Principal, access: RouteAccess): AccessError {
    const faults = [...access.faults, ...requirements.faultsOf(access)]
    if (faults.length > 0) {
      return context.refusal('ROUTE_UNDECLARED', { reason: `${access.method} ${access.url} ${faults.join('; ')}` })
    }
    const named = requirements.namedFor(principal, access)
    return named.length > 0
      ? insufficientScope(context, named, principal, request)
      : wrongScheme(context, access.alternatives, (scheme) => String(kinds.get(scheme)), principal, request)
  }

  return function authorize (request, _reply, access) {
    const { principal } = request
    if (principal !== null) {
      return requirements.satisfiedBy(principal, access) ? undefined : refusalOf(request, principal, access)
    }
    const isOpenToAll = access.mode === 'public' || access.mode === 'optional' || isPreflight(request, access)
    return isOpenToAll ? undefined : context.refusal('CREDENTIAL_MISSING')
  }
}
