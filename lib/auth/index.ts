/**
 * `fastify-latchkey/auth`: who the request is. Reads one credential, asks resolvers, and sets `request.principal`;
 * also a plugin of its own.
 */

import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import fp from 'fastify-plugin'
import { contextOf, offer, type AccessContext } from '../core/access-context.js'
import { AccessError } from '../core/errors.js'
import { checkOptions } from '../core/options.js'
import type { Principal } from '../core/principal.js'
import { createHook, type Step } from '../core/step.js'
import { createAuthenticateStep } from './authenticate.js'
import { createAuthenticator } from './authenticator.js'
import { createExposureReport } from './exposure.js'
import { createFailureBudget } from './failure-budget.js'
import { authSchema, type AuthOptions } from './options.js'
import { addCacheFields } from './shared-caches.js'
import { createSources } from './sources.js'
import { createPlainHttpRefusal, createTransportStep, isEncrypted, isPlainHttpAllowed } from './transport.js'

declare module '../core/access-context.js' {
  interface Latchkey {
    /**
     * Authenticates a request and sets `request.principal` where the hook has not: on public routes, for hosts that
     * compose with @fastify/auth. It asks the stores themselves at each call, since no limiter reads the version marker
     * of the key here. Answer an error with `error.statusCode` and `error.headers`, which carry the challenge.
     * @throws AccessError
     */
    authenticate (request: FastifyRequest, reply: FastifyReply): Promise<void>
  }
}

const BEHIND = 'the key store answers an older record than it has: is it a former primary, or restored from a backup?'

/** The steps `transport` and `authenticate`; offers `app.latchkey.authenticate`. */
export function createAuthentication (app: FastifyInstance, context: AccessContext, options: AuthOptions): Step[] {
  checkOptions(authSchema, options, '')
  const { resolvers, environment, transport, deadline = 1, failures = { quota: 300, window: 60 }, events } = options
  const sources = createSources(resolvers, options.credentials)
  const places = sources.map(({ place }) => place)
  const plainAllowed = isPlainHttpAllowed(transport)
  if (plainAllowed) {
    app.log.warn('allowPlainHttp: credentials are accepted over plain HTTP; never let this run in production')
  }
  const refusePlainHttp = createPlainHttpRefusal(context)
  const dpop = resolvers.flatMap((resolver) => resolver.dpop ?? [])
  if (dpop.length > 0) context.challenge.dpop = [...new Set(dpop)]
  context.challenge.credentials = places

  const budget = failures === false ? undefined : createFailureBudget(failures, context.clock)
  const authenticator = createAuthenticator({ context, sources, environment, deadline, budget })
  const report = createExposureReport({ resolvers, places, clock: context.clock, deadline, budget, events })

  async function identify (request: FastifyRequest, marker = 0): Promise<Principal> {
    const identity = await authenticator.authenticate(request, true) ?? context.refusal('CREDENTIAL_MISSING')
    if (identity instanceof AccessError) throw identity
    // A marker is written after the record. A store that answers an older one is behind, such as a former primary.
    if (identity.version !== undefined && identity.version < marker) {
      for (const resolver of resolvers) resolver.reconnect?.()
      throw context.refusal('AUTHENTICATION_UNAVAILABLE', { reason: BEHIND, retryAfter: 1 })
    }
    request.principal = identity
    return identity
  }

  context.schemes = [...new Set(resolvers.map(({ scheme }) => scheme))]
  context.reauthenticate = identify
  context.usedPlace = authenticator.usedPlace
  addCacheFields(app, context, places)
  app.addHook('onError', function challengeUsedPlace (request, _reply, error, done) {
    if (error instanceof AccessError) error.challenge({ ...context.challenge, ...context.usedPlace(request) })
    done()
  })
  offer(app, 'authenticate', async function authenticate (request) {
    if (request.principal !== null) return
    if (!plainAllowed && !isEncrypted(request)) throw refusePlainHttp(request)
    await identify(request)
  })
  const steps = [createAuthenticateStep(context, authenticator, report)]
  return plainAllowed ? steps : [createTransportStep(refusePlainHttp, report), ...steps]
}

/**
 * Authentication alone, for hosts that compose Latchkey themselves: refuses plain HTTP, and sets `request.principal`
 * or answers 401, for every request of the context.
 *
 * ```ts
 * await app.register(accessContext)
 * await app.register(auth, { resolvers: [partner], environment: 'production' })
 * ```
 *
 * @throws OptionError at boot
 */
export const auth = fp<AuthOptions>(async function latchkeyAuth (app: FastifyInstance, options: AuthOptions) {
  const context = contextOf(app)
  app.addHook('onRequest', createHook(context, createAuthentication(app, context, options)))
}, { name: 'latchkey-auth', fastify: '5.x || 6.x' })

export { accessContext, type AccessContextOptions } from '../core/access-context.js'
export { basic, bearer, header, type CredentialPlace } from '../core/credential-place.js'
export type { AuthOptions } from './options.js'
export { allowPlainHttp } from './transport.js'
export {
  EndedCredential, InvalidCredential, RateLimited, takesFrom, type Lookup, type ProofFault, type Resolver
} from './resolver.js'
export { createPermissions, type Permissions, type PermissionsOf } from './permissions.js'
export type { FailureQuota } from './failure-budget.js'
export type { Environments } from './environment.js'
