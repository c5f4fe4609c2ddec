import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import fp from 'fastify-plugin'
import { Type } from '@sinclair/typebox'
import type { RouteAccess } from '../core/route-access.js'
import { AccessError, type RefusalCode } from '../core/errors.js'
import { contextOf, offer } from '../core/access-context.js'
import { accepted, checkOptions, OptionError } from '../core/options.js'
import type { Principal } from '../core/principal.js'
import { createAuthenticator, type Admission, type Environments } from './authenticate.js'
import { createExposureReport, type Exposure } from './exposure.js'
import { createFailureMeter, type FailureBudget } from './failures.js'
import { isResolver, type Resolver } from './resolver.js'
import { allowPlainHttp, isEncrypted, transportWarnings } from './transport.js'

export interface AuthOptions {
  /** Who can turn a credential into a principal, asked in this order. */
  resolvers: readonly Resolver[]
  /** The environment, or environments, that this host serves; credentials of others get 403. */
  environment: Environments
  /** `allowPlainHttp` for local development; otherwise requests over plain HTTP get 403. */
  transport?: typeof allowPlainHttp | undefined
  /** Seconds that a resolver may take before the request gets 503; 1 by default. */
  deadline?: number | undefined
  /** Failed attempts that one address may make; 300 a minute by default, `false` for no bound. */
  failures?: FailureBudget | false | undefined
  /** Hears of a real credential that was sent where others can read it: revoke it, or tell its owner. */
  onExposed?: ((exposure: Exposure) => void | Promise<void>) | undefined
  /** Whether `onExposed` wants to hear of anything now: nothing is looked up otherwise. Always by default. */
  wantsExposed?: (() => boolean) | undefined
}

declare module '../core/access-context.js' {
  interface Latchkey {
    /**
     * Authenticates a request and sets `request.principal`, where the guard has not: on open routes, for hosts that
     * compose with @fastify/auth. Asks by the truth as it is now, at each request: nothing is counted here, and so nothing
     * tells of a key that has changed. An error handler answers `error.statusCode` with `error.headers`, the challenge.
     * @throws AccessError
     */
    authenticate (request: FastifyRequest, reply: FastifyReply): Promise<void>
    /**
     * Authenticates a request again, by the truth as it is now: something that this process held has changed.
     * @returns its principal from now on
     * @throws AccessError
     */
    reauthenticate (request: FastifyRequest): Promise<Principal>
    /** What this context can authenticate by, in the order asked. */
    readonly resolvers: readonly Resolver[]
  }
}

export const authOptions = {
  resolvers: Type.Array(accepted(isResolver, 'a resolver: { scheme, kind: \'api-key\' or \'access-token\', description, resolve (token, now) }'), { minItems: 1, description: 'an array with at least one resolver' }),
  environment: Type.Union([Type.String({ minLength: 1 }), Type.Array(Type.String({ minLength: 1 }), { minItems: 1 }), Type.Function([], Type.Unknown())], { description: 'the environment this host serves, such as \'production\', an array of them or a function of the request' }),
  transport: Type.Optional(Type.Symbol({ description: 'allowPlainHttp, imported from fastify-latchkey, or left out' })),
  deadline: Type.Optional(Type.Number({ exclusiveMinimum: 0, maximum: 60, description: 'seconds above 0 and at most 60' })),
  failures: Type.Optional(Type.Union([
    Type.Object({ quota: Type.Integer({ minimum: 1 }), window: Type.Integer({ minimum: 1, maximum: 86_400 }) }, { additionalProperties: false }),
    Type.Literal(false)
  ], { description: '{ quota, window } in whole attempts and seconds of at least 1, or false' })),
  onExposed: Type.Optional(Type.Function([], Type.Unknown(), { description: 'a function of the exposure' })),
  wantsExposed: Type.Optional(Type.Function([], Type.Unknown(), { description: 'a function that answers true or false' }))
}

/**
 * The guard: one `onRequest` hook for every request of its context, whatever matched, that refuses plain HTTP and
 * sets `request.principal` or answers 401.
 */
export const auth = fp<AuthOptions>(async function latchkeyAuth (app: FastifyInstance, options: AuthOptions) {
  checkOptions(Type.Object(authOptions, { additionalProperties: false }), options, '')
  const { resolvers, environment, transport, deadline = 1, failures = { quota: 300, window: 60 }, onExposed, wantsExposed } = options
  const ground = contextOf(app)
  if (transport !== undefined && transport !== allowPlainHttp) throw new OptionError('option transport must be allowPlainHttp, imported from fastify-latchkey, not another symbol')
  const plainAllowed = transport === allowPlainHttp
  const dpop = resolvers.flatMap((resolver) => resolver.dpop ?? [])
  if (dpop.length > 0) ground.challenge.dpop = [...new Set(dpop)]
  for (const warning of transportWarnings(app, plainAllowed)) app.log.warn(warning)

  const meter = failures === false ? undefined : createFailureMeter(app, failures)
  const authenticator = createAuthenticator({ ground, resolvers, environment, deadline, meter })
  const report = createExposureReport({ resolvers, clock: ground.clock, deadline, meter, onExposed, wantsExposed })

  app.addHook('onRequest', function guard (request, reply, done) {
    if (!plainAllowed && !isEncrypted(request)) {
      report(request, 'plain-http')
      return ground.refuse(request, reply, ground.refusal('INSECURE_TRANSPORT'))
    }
    const access = ground.accessOf(request)
    if (access.mode === 'public' || (access.preflight && isPreflight(request))) return done()

    const verdict = authenticator.admit(request, access.mode === 'optional', false)
    if (verdict instanceof Promise) settleLater(request, reply, done, access, verdict)
    else settle(request, reply, done, access, verdict)
  })

  function settleLater (request: FastifyRequest, reply: FastifyReply, done: () => void, access: RouteAccess, verdict: Promise<Admission>): void {
    verdict.then((later) => settle(request, reply, done, access, later))
  }

  function settle (request: FastifyRequest, reply: FastifyReply, done: () => void, access: RouteAccess, verdict: Admission): void {
    if (verdict instanceof AccessError) {
      if (MAY_HIDE_ONE_IN_QUERY.has(verdict.code)) report(request, 'query')
      return ground.refuse(request, reply, verdict)
    }
    if (verdict === null) report(request, 'query')
    request.principal = verdict
    if (access.mode === 'undeclared') {
      return ground.refuse(request, reply, ground.refusal('ROUTE_UNDECLARED', { reason: `${access.method} ${access.url} ${access.faults.join('; ')}` }))
    }
    done()
  }

  offer(app, 'resolvers', resolvers)
  offer(app, 'authenticate', async function authenticate (request: FastifyRequest) {
    if (request.principal !== null) return
    if (!plainAllowed && !isEncrypted(request)) throw ground.refusal('INSECURE_TRANSPORT')
    const verdict = await authenticator.admit(request, false, true) // no take is made here that would tell of a change
    if (verdict instanceof AccessError) throw verdict
    request.principal = verdict
  })
  offer(app, 'reauthenticate', async function reauthenticate (request: FastifyRequest) {
    const verdict = await authenticator.admitAnew(request)
    if (verdict instanceof AccessError) throw verdict
    request.principal = verdict
    return verdict
  })
}, { name: 'latchkey-auth', fastify: '5.x' })

/** Refusals of requests without a single good header: a client that knows no better may have put its credential in the URL. */
const MAY_HIDE_ONE_IN_QUERY: ReadonlySet<RefusalCode> = new Set(['CREDENTIAL_MISSING', 'CREDENTIAL_MALFORMED'])

/** A real CORS preflight: Fetch standard, "CORS-preflight request". */
function isPreflight ({ method, headers }: FastifyRequest): boolean {
  return method === 'OPTIONS' && isGiven(headers.origin) && isGiven(headers['access-control-request-method'])
}

function isGiven (value: string | undefined): boolean {
  return value !== undefined && value !== ''
}

export { allowPlainHttp } from './transport.js'
export { InvalidCredential, recalling, type Lookup, type ProofFault, type Recall, type Resolver } from './resolver.js'
export { readAuthorization, readCredential, MAX_TOKEN_LENGTH, type Presented } from './header.js'
export { createPermissions, type Permissions, type PermissionsOf } from './permissions.js'
export type { Exposure } from './exposure.js'
export type { FailureBudget } from './failures.js'
export type { Environments } from './authenticate.js'
