import type { FastifyReply, FastifyRequest, onRequestHookHandler } from 'fastify'
import type { AccessContext } from './access-context.js'
import { describeFault, type AccessError } from './errors.js'
import type { RouteAccess } from './route-access.js'

/** What a step says of a request: undefined lets it go on, an error refuses it. */
export type StepResult = AccessError | undefined

/** One step of a request. It answers at once unless it has to wait for something outside the process. */
export type Step = (request: FastifyRequest, reply: FastifyReply, access: RouteAccess) => StepResult | Promise<StepResult>

/** Goes on with a value, now or once it is there: one code path for synchronous and asynchronous steps. */
export function andThen<T, R> (value: T | Promise<T>, next: (value: T) => R | Promise<R>): R | Promise<R> {
  return value instanceof Promise ? value.then(next) : next(value)
}

/** Does work whose failure, now or later, has an answer of its own. */
export function attempt<T> (work: () => T | Promise<T>, recover: (fault: unknown) => T): T | Promise<T> {
  try {
    const result = work()
    return result instanceof Promise ? result.catch(recover) : result
  } catch (fault) {
    return recover(fault)
  }
}

/**
 * The hook of a guarded context: runs the steps in order, and refuses the request with what the first of them says.
 * A step that throws or rejects refuses too (503): nothing unexpected lets a request in.
 */
export function createHook (context: AccessContext, steps: readonly Step[]): onRequestHookHandler {
  function run (index: number, request: FastifyRequest, reply: FastifyReply, access: RouteAccess, done: () => void): void {
    const step = steps[index]
    if (step === undefined) return done()
    const result = attempt(() => step(request, reply, access), refusalOf)
    if (result instanceof Promise) {
      result.then(proceed).catch((fault: unknown) => context.refuse(request, reply, faultOfServer(fault)))
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

  function faultOfServer (fault: unknown): AccessError {
    return context.refusal('SERVER_FAULT', { reason: describeFault(fault) })
  }

  return function latchkey (request, reply, done) {
    run(0, request, reply, context.accessOf(request), done)
  }
}
