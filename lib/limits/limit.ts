import type { FastifyReply, FastifyRequest } from 'fastify'
import type { AccessContext } from '../core/access-context.js'
import { isThenable } from '../core/clock.js'
import { notePolicies } from '../core/decision-channels.js'
import { AccessError, describeFault } from '../core/errors.js'
import { isPreflight } from '../core/preflight.js'
import type { Principal } from '../core/principal.js'
import { NO_ROUTE, type RouteAccess } from '../core/route-access.js'
import { writeLog } from '../core/write-log.js'
import { andThen, type Step, type StepResult } from '../core/step.js'
import { anonymousOf, type Caller } from './caller.js'
import type { Decide, Ruling } from './decide.js'
import type { LimitExceeded } from './limit-exceeded.js'
import type { Decision, OnDecision } from './options.js'
import type { Reload } from './stale-principal.js'

export interface LimitDeps {
  readonly context: AccessContext
  readonly decide: Decide
  readonly reload: Reload
  /** Callers without a credential are counted by their address. */
  readonly countsAnonymous: boolean
  readonly dryRun: boolean
  readonly onDecision: OnDecision | undefined
  readonly limitExceeded: LimitExceeded | undefined
}

export interface LimitSteps {
  /** Counts a request by its principal, or else by its address, and refuses it where a policy is used up. */
  readonly limit: Step
  /** Counts a request by its address, whatever its route says of anonymous callers. */
  readonly limitAnonymous: Step
}

export function createLimitSteps (deps: LimitDeps): LimitSteps {
  const { context, decide, reload, countsAnonymous, dryRun, onDecision, limitExceeded } = deps

  function conclude (
    request: FastifyRequest, reply: FastifyReply, access: RouteAccess, caller: Caller, ruling: Ruling
  ): StepResult {
    const { outcome, policies, error } = ruling
    const [principal, address] = caller.kind === 'anonymous' ? [null, caller.address] : [caller, undefined]
    if (onDecision !== undefined) {
      report(onDecision, { outcome, principal, address, cost: access.cost, policies, dryRun }, request)
    }
    notePolicies(request, policies)
    if (dryRun) return undefined
    // An address belongs to no workspace, whose listeners could be called.
    if (outcome === 'limited' && principal !== null) limitExceeded?.({ principal, policies })
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

  /** What a route costs, and its profile, are for those whom it lets in. All others get 401 alike. */
  function limitAnonymous (request: FastifyRequest, reply: FastifyReply, access: RouteAccess): ReturnType<Step> {
    const counted = access.mode === 'public' || access.mode === 'optional' ? access : NO_ROUTE
    const caller = anonymousOf(request)
    return andThen(decide(counted, caller), (ruling) => conclude(request, reply, counted, caller, ruling))
  }

  function limit (request: FastifyRequest, reply: FastifyReply, access: RouteAccess): ReturnType<Step> {
    const { principal } = request
    if (principal === null) {
      const isCounted = countsAnonymous && access.countsAnonymous && !isPreflight(request, access)
      return isCounted ? limitAnonymous(request, reply, access) : undefined
    }
    return andThen(decide(access, principal), (ruling) => mustReload(ruling)
      ? reloadAndConclude(request, reply, access, principal, ruling)
      : conclude(request, reply, access, principal, ruling))
  }

  return { limit, limitAnonymous }
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
