import type { FastifyRequest, RouteOptions } from 'fastify'
import { describeFault, type AccessError } from './errors.js'
import type { Principal } from './principal.js'
import type { RouteAccess } from './route-access.js'
import { writeLog } from './write-log.js'

/**
 * Called once for each guarded request with what was decided. It runs before the answer is sent, so it must be quick.
 * @param principal the caller, also where it was refused; null where no valid credential was presented
 * @param refusal undefined where the request is admitted
 */
export type OutcomeListener = (
  request: FastifyRequest, access: RouteAccess, principal: Principal | null, refusal: AccessError | undefined
) => void

interface WithOutcomes { readonly outcomes: readonly OutcomeListener[] }

/** Calls all listeners. One that fails is logged, and does not fail the request. */
export function reportOutcome (
  { outcomes }: WithOutcomes, request: FastifyRequest, access: RouteAccess, refusal?: AccessError
): void {
  for (const listener of outcomes) {
    try {
      listener(request, access, refusal?.principal ?? request.principal, refusal)
    } catch (fault) {
      const message = 'a listener of outcomes failed'
      writeLog(() => request.log.error({ reason: describeFault(fault) }, message), message)
    }
  }
}

const checks = new WeakSet<object>()

/** Says that a hook decides about access, after the guard has. It reports its outcome by `access.lastCheck`. */
export function declareCheck<H extends object> (hook: H): H {
  checks.add(hook)
  return hook
}

/** The last of a route's own `preHandler` hooks that decides about access. */
export function lastCheckOf ({ preHandler }: Pick<RouteOptions, 'preHandler'>): object | undefined {
  return [preHandler].flat().findLast((hook) => hook !== undefined && checks.has(hook))
}
