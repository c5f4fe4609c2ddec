import type { FastifyInstance, FastifyReply, FastifyRequest, RouteOptions } from 'fastify'
import fp from 'fastify-plugin'
import { absentMembers } from './absent-members.js'
import { contextSchema, type AccessContextOptions } from './context-options.js'
import type { Clock } from './clock.js'
import { bearer, type CredentialPlace } from './credential-place.js'
import { render, rendererOf, type ErrorFormat } from './error-formats.js'
import {
  AccessError, type ChallengeParameters, type RefusalCode, type RefusalDetails, type UsedPlace
} from './errors.js'
import { warnOfEarlierPlugins } from './earlier-plugins.js'
import { warnOfEarlierRoutes } from './earlier-routes.js'
import { publishDecision } from './decision-channels.js'
import { checkOptions, OptionError } from './options.js'
import type { OutcomeListener } from './outcomes.js'
import type { Principal } from './principal.js'
import { headersOf, headerWriters, type Allowance, type RateLimitFormat } from './rate-limit-headers.js'
import type { RouteAccess } from './route-access.js'
import { createRouteReader } from './route-reader.js'
import { endUnreadBody } from './unread-body.js'
import { writeLog } from './write-log.js'

/** `app.latchkey`. Each part adds its own member by declaration merging; reading what is not registered throws. */
export interface Latchkey {}

declare module 'fastify' {
  interface FastifyInstance {
    /** Everything that Latchkey offers in this context, such as `authenticate`, `keys` and `events`. */
    readonly latchkey: Latchkey
  }
}

/** So many units in so many seconds. */
export interface Quota { readonly name: string, readonly quota: number, readonly window: number }

interface ContextChallenge extends ChallengeParameters {
  /** Where this context reads credentials; set by `auth`. */
  credentials: readonly CredentialPlace[]
}

/** What all parts of Latchkey share in one guarded context. */
export interface AccessContext {
  readonly clock: Clock
  /** Parameters of every challenge of this context; plugins add to them before the first request. */
  readonly challenge: ContextChallenge
  readonly errors: ErrorFormat
  readonly rateLimitFields: readonly RateLimitFormat[]
  /** Called once for each guarded request with what was decided; plugins add to them before the first request. */
  readonly outcomes: OutcomeListener[]
  /** The routes of this context that were registered after it was guarded. */
  readonly routes: readonly RouteAccess[]
  /** Names of the security schemes that this context authenticates by; set by `auth`. */
  schemes: readonly string[]
  /** What counts requests of a principal where their routes name no profile; set by `limits`. */
  policiesOf: (principal: Pick<Principal, 'tier' | 'environment'>) => readonly Quota[]
  /**
   * Authenticates a request again by the stored record, without caches; set by `auth`.
   * @param marker version that the record has at least
   * @throws AccessError
   */
  reauthenticate: (request: FastifyRequest, marker?: number) => Promise<Principal>
  /** Where the credential of a request came from, for its challenge; set by `auth`. */
  usedPlace: (request: FastifyRequest) => UsedPlace
  /** Counts a request without a credential by its address; set by `limits` where anonymous callers are counted. */
  limitAnonymous: LimitAnonymous | undefined
  /** What the matched route of a request declares. */
  accessOf (request: FastifyRequest): RouteAccess
  /** What a route declares, one item for each of its methods; for `onRoute` hooks. */
  declaredBy (route: RouteOptions): RouteAccess[]
  /** Builds a refusal with this context's challenge. */
  refusal (code: RefusalCode, details?: RefusalDetails): AccessError
  /** Logs a refusal, and sends it or hands it to the host's error handler unless an answer was sent already. */
  refuse (request: FastifyRequest, reply: FastifyReply, error: AccessError): void
  setRateLimitHeaders (reply: FastifyReply, allowances: readonly Allowance[]): void
  rateLimitHeaders (allowances: readonly Allowance[]): Record<string, string>
}

/** A step of a request, as `Step` is. */
type LimitAnonymous = (
  request: FastifyRequest, reply: FastifyReply, access: RouteAccess
) => AccessError | undefined | Promise<AccessError | undefined>

const contexts = new WeakMap<Latchkey, AccessContext>()

/**
 * Guards a context: reads what its routes declare and renders refusals.
 * @throws OptionError when the context is guarded already: its requests would be counted twice
 */
export function createAccessContext (app: FastifyInstance, options: AccessContextOptions): AccessContext {
  checkOptions(contextSchema, options, '')
  refuseSecondGuard(app)
  warnOfEarlierPlugins(app)
  warnOfEarlierRoutes(app, options)
  const { errors = 'problem', rateLimitFields = 'draft', realm = 'api', clock = Date.now } = options
  const formats = rateLimitFields === false ? [] : [rateLimitFields].flat()
  const writers = formats.map((format) => headerWriters[format])
  const renderer = rendererOf(errors)
  const challenge: ContextChallenge = { realm, credentials: [bearer()] }
  const reader = createRouteReader(app, options)

  const context: AccessContext = {
    clock,
    challenge,
    errors,
    rateLimitFields: formats,
    outcomes: [publishDecision],
    ...reader,
    schemes: [],
    policiesOf: () => [],
    async reauthenticate () {
      throw new OptionError('nothing authenticates requests here; register latchkey, or the auth plugin')
    },
    usedPlace: () => ({}),
    limitAnonymous: undefined,
    refusal: (code, details) => new AccessError(code, { ...challenge, ...details }),
    refuse (request, reply, error) {
      log(request, error)
      if (reply.sent) return
      endUnreadBody(request, reply)
      reply.code(error.statusCode).headers(error.headers)
      if (renderer === undefined) {
        reply.send(error)
      } else {
        const { text, type } = render(renderer, error)
        reply.type(type).send(text)
      }
    },
    setRateLimitHeaders (reply, allowances) {
      if (allowances.length === 0) return
      for (const write of writers) write(allowances, reply)
    },
    rateLimitHeaders: (allowances) => headersOf(writers, allowances)
  }
  const latchkey: Latchkey = Object.create(absentMembers)
  app.decorateRequest('principal', null)
  app.decorate('latchkey', latchkey)
  contexts.set(latchkey, context)
  return context
}

/** The plugin behind `auth`, `limits` and `scopes` where a host composes them without `latchkey`. */
export const accessContext = fp<AccessContextOptions>(async function latchkeyContext (app, options) {
  createAccessContext(app, options)
}, { name: 'latchkey-context', fastify: '5.x || 6.x' })

const guarded = new WeakMap<object, FastifyInstance[]>()

/** For routes of an inner guarded context, the hooks of an outer one would run too. */
function refuseSecondGuard (app: FastifyInstance): void {
  const advice = 'register Latchkey once, in the outermost context that it should guard'
  if (findContext(app) !== undefined) throw new OptionError(`this context is guarded already; ${advice}`)
  const others = guarded.get(app.server) ?? []
  if (others.some((other) => Object.prototype.isPrototypeOf.call(app, other))) {
    throw new OptionError(`a context inside this one is guarded already; ${advice}`)
  }
  guarded.set(app.server, [...others, app])
}

function log (request: FastifyRequest, { code, statusCode, reason }: AccessError): void {
  const entry = { code, reason, principal: request.principal?.id }
  const level = statusCode >= 500 ? 'error' : 'info'
  writeLog(() => request.log[level](entry, 'access refused'), 'access refused')
}

/** The access context of `app`; undefined where it is not guarded. */
export function findContext (app: FastifyInstance): AccessContext | undefined {
  return app.hasDecorator('latchkey') ? contexts.get(app.latchkey) : undefined
}

/**
 * The access context of `app`.
 * @throws OptionError where it is not guarded
 */
export function contextOf (app: FastifyInstance): AccessContext {
  const context = findContext(app)
  if (context === undefined) {
    throw new OptionError('this server is not guarded; register `latchkey`, or `accessContext` before single plugins')
  }
  return context
}

/** True where `app.latchkey` has this member. */
export function offers (app: FastifyInstance, name: keyof Latchkey): boolean {
  return app.hasDecorator('latchkey') && Object.hasOwn(app.latchkey, name)
}

/** Adds a member to `app.latchkey`. */
export function offer<K extends keyof Latchkey> (app: FastifyInstance, name: K, value: Latchkey[K]): void {
  Object.defineProperty(app.latchkey, name, { value, enumerable: true })
}

export type { AccessContextOptions } from './context-options.js'
