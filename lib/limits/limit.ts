import type { FastifyReply, FastifyRequest } from 'fastify'
import type { AccessContext } from '../core/access-context.js'
import { isThenable } from '../core/clock.js'
import { AccessError, describeFault } from '../core/errors.js'
import type { Principal } from '../core/principal.js'
import type { RouteAccess } from '../core/route-access.js'
import { writeLog } from '../core/write-log.js'
import { andThen, type Step, type StepResult } from '../core/step.js'
import type { Decide, Ruling } from './decide.js'
import type { LimitExceeded } from './limit-exceeded.js'
import type { Decision, OnDecision } from './options.js'
import type { Reload } from './stale-principal.js'

export interface LimitDeps {
  readonly context: AccessContext
  readonly decide: Decide
  readonly reload: Reload
  readonly dryRun: boolean
  readonly onDecision: OnDecision | undefined
  readonly limitExceeded: LimitExceeded | undefined
}

/** Counts an authenticated request, and refuses it where a policy is used up. */
export function createLimitStep (deps: LimitDeps): Step {
  const { context, decide, reload, dryRun, onDecision, limitExceeded } = deps

  function conclude (
    request: FastifyRequest, reply: FastifyReply, access: RouteAccess, principal: Principal, ruling: Ruling
  ): StepResult {
    const { outcome, policies, error } = ruling
    if (onDecision !== undefined) {
      report(onDecision, { outcome, principal, cost: access.cost, policies, dryRun }, request)
    }
    if (dryRun) return undefined
    if (outcome === 'limited') limitExceeded?.({ principal, policies })
    if (error === undefined) context.setRateLimitHeaders(reply, policies)
    return error
  }

  /** By what has changed, other policies may apply. Where it is unknown, a request that is refused asks no store. */
  function mustReload ({ stale, error }: Ruling): boolean {
    return stale === 'outdated' || (stale === 'unknown' && (error === undefined || dryRun))
  }

  /** `reload` throws an AccessError where the changed credential is refused. */
  async function reloadAndConclude (
    request: FastifyRequest, reply: FastifyReply, access: RouteAccess, stale: Principal, ruling: Ruling
  ): Promise<StepResult> {
    try {
      const reloaded = await reload(request, access, stale, ruling)
      return conclude(request, reply, access, reloaded.principal, reloaded.ruling)
    } catch (fault) {
      if (fault instanceof AccessError) return fault
      throw fault
    }
  }

  return function limit (request, reply, access) {
    const { principal } = request
    if (principal === null) return undefined
    return andThen(decide(access, principal), (ruling) => mustReload(ruling)
      ? reloadAndConclude(request, reply, access, principal, ruling)
      : conclude(request, reply, access, principal, ruling))
  }
}

/** A failure of the host's function does not fail the request. */
function report (onDecision: OnDecision, decision: Decision, request: FastifyRequest): void {
  try {
    const result = onDecision(decision, request)
    if (isThenable(result)) Promise.resolve(result).catch(logFault)
  } catch (fault) {
    logFault(fault)
  }
  function logFault (fault: unknown): void {
    const message = 'limits.onDecision failed'
    writeLog(() => request.log.error({ reason: describeFault(fault) }, message), message)
  }
}
