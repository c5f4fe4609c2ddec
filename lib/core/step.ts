import type { FastifyReply, FastifyRequest, onRequestHookHandler } from 'fastify'
import type { AccessContext } from './access-context.js'
import { describeFault, type AccessError } from './errors.js'
import { reportOutcome } from './outcomes.js'
import type { RouteAccess } from './route-access.js'

/** What a step decides: undefined lets the request go on, an error refuses it. */
export type StepResult = AccessError | undefined

/** One step of a request. It returns a promise only where it has to wait. */
export type Step =
  (request: FastifyRequest, reply: FastifyReply, access: RouteAccess) => StepResult | Promise<StepResult>

/** Calls `next` with the value, at once or when its promise fulfils: one code path for both. */
export function andThen<T, R> (value: T | Promise<T>, next: (value: T) => R | Promise<R>): R | Promise<R> {
  return value instanceof Promise ? value.then(next) : next(value)
}

/** Does the work; where it throws or rejects, the result is what `recover` makes of the fault. */
export function attempt<T> (work: () => T | Promise<T>, recover: (fault: unknown) => T): T | Promise<T> {
  try {
    const result = work()
    return result instanceof Promise ? result.catch(recover) : result
  } catch (fault) {
    return recover(fault)
  }
}

/**
 * The hook of a guarded context: runs the steps in order until one refuses the request.
 * A step that throws or rejects refuses too (503), so nothing unexpected lets a request in.
 */
export function createHook (context: AccessContext, steps: readonly Step[]): onRequestHookHandler {
  function refusalOf (fault: unknown): AccessError {
    return context.refusal('AUTHENTICATION_UNAVAILABLE', { reason: describeFault(fault), retryAfter: 1 })
  }

  function runStep (step: Step, request: FastifyRequest, reply: FastifyReply, access: RouteAccess): ReturnType<Step> {
    try {
      return step(request, reply, access)
    } catch (fault) {
      return refusalOf(fault)
    }
  }

  return function latchkey (request, reply, done) {
    const access = context.accessOf(request)
    runFrom(0)

    function runFrom (index: number): void {
      const step = steps[index]
      if (step === undefined) return done()
      const result = runStep(step, request, reply, access)
      if (result instanceof Promise) {
        result.catch(refusalOf).then((settled) => settle(index, settled)).catch(done)
      } else {
        settle(index, result)
      }
    }

    function settle (index: number, result: StepResult): void {
      if (result === undefined) return runFrom(index + 1)
      reportOutcome(context, request, access, result)
      context.refuse(request, reply, result)
    }
  }
}
