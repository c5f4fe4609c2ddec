import type { FastifyReply, FastifyRequest, HookHandlerDoneFunction, onRequestHookHandler } from 'fastify'
import type { AccessContext } from './access-context.js'
import { describeFault, type AccessError } from './errors.js'
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
  function run (
    index: number, request: FastifyRequest, reply: FastifyReply, access: RouteAccess, done: HookHandlerDoneFunction
  ): void {
    const step = steps[index]
    if (step === undefined) return done()
    const result = attempt(() => step(request, reply, access), refusalOf)
    if (result instanceof Promise) {
      result.then(proceed).catch(done)
    } else {
      proceed(result)
    }

    function proceed (settled: StepResult): void {
      if (settled === undefined) run(index + 1, request, reply, access, done)
      else context.refuse(request, reply, settled)
    }
  }

  function refusalOf (fault: unknown): AccessError {
    return context.refusal('AUTHENTICATION_UNAVAILABLE', { reason: describeFault(fault), retryAfter: 1 })
  }

  return function latchkey (request, reply, done) {
    run(0, request, reply, context.accessOf(request), done)
  }
}
