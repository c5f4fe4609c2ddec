import type { FastifyInstance, FastifyRequest } from 'fastify'
import { describeFault } from '../core/errors.js'
import type { AccessContext } from '../core/access-context.js'
import type { Principal } from '../core/principal.js'
import { withTimeout } from '../core/clock.js'
import type { Judgement, Limiter } from './limiter.js'
import type { Profiles } from './profiles.js'
import type { LimitStore } from './store.js'

interface Parts {
  readonly app: FastifyInstance
  readonly ground: AccessContext
  readonly limiter: Limiter
  readonly profiles: Profiles
  readonly store: LimitStore
  /** Seconds. */
  readonly deadline: number
}

interface Renewed { readonly principal: Principal, readonly judgement: Judgement }

/**
 * What becomes of a request whose principal is not the one that the store was marked with: it is authenticated again by
 * the truth, the truth is marked, and where other policies hold now, they decide.
 *
 * @throws AccessError when the credential is no longer good, or nobody can say
 */
export function createStalePrincipal ({ app, ground, limiter, profiles, store, deadline }: Parts) {
  return async function renew (request: FastifyRequest, before: Principal, judgement: Judgement): Promise<Renewed> {
    const access = ground.accessOf(request)
    const principal = await app.latchkey.reauthenticate(request)
    if (principal.version !== undefined) await mark(request, principal, principal.version)
    const decided = profiles.select(access, principal) === profiles.select(access, before)
    return { principal, judgement: decided ? judgement : await limiter.judge(access, principal) }
  }

  /** The principal is the true one, marked or not: without its marker, the next request asks for it again. */
  async function mark (request: FastifyRequest, principal: Principal, version: number): Promise<void> {
    try {
      if (store.publishVersion !== undefined) await withTimeout(store.publishVersion(principal, version), deadline, 'the limit store')
    } catch (fault) {
      request.log.warn({ reason: describeFault(fault), principal: principal.id }, 'a key was loaded anew and could not be marked')
    }
  }
}
