import type { FastifyRequest } from 'fastify'
import type { AccessContext } from '../core/access-context.js'
import { isThenable } from '../core/clock.js'
import type { AccessError } from '../core/errors.js'
import type { Principal } from '../core/principal.js'

/** One environment, several, or a function of the request. */
export type Environments = string | readonly string[] | ((request: FastifyRequest) => string | readonly string[])

/** Returns the principal, or a refusal where it belongs to an environment that this host does not serve. */
export type CheckEnvironment = (request: FastifyRequest, principal: Principal) => Principal | AccessError

export function createEnvironmentCheck (
  environment: Environments, { refusal }: Pick<AccessContext, 'refusal'>
): CheckEnvironment {
  /** Undefined when the host's function answers anything but names. */
  function servedBy (request: FastifyRequest): string | readonly string[] | undefined {
    if (typeof environment !== 'function') return environment
    const served: unknown = environment(request)
    if (isThenable(served)) served.then(ignore, ignore)
    return typeof served === 'string' || isNames(served) ? served : undefined
  }

  return function checkEnvironment (request, principal) {
    const served = servedBy(request)
    if (served === undefined) return refusal('AUTHENTICATION_UNAVAILABLE', { reason: NO_NAMES, retryAfter: 1 })
    if (served === principal.environment) return principal
    if (typeof served !== 'string' && served.includes(principal.environment)) return principal
    const here = typeof served === 'string' ? served : served.join(', ') || 'none'
    return refusal('WRONG_ENVIRONMENT', {
      principal,
      reason: `principal ${principal.id}`,
      detail: `This credential belongs to ${principal.environment}; this host serves ${here}.`,
      extensions: { credentialEnvironment: principal.environment, hostEnvironment: here }
    })
  }
}

const NO_NAMES = 'the option environment must answer a string or an array of strings'

function isNames (value: unknown): value is readonly string[] {
  return Array.isArray(value) && value.every((one) => typeof one === 'string')
}

/** An `async` function is a mistake; its rejection must not end the process. */
function ignore (): void {}
