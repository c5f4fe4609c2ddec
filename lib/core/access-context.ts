import type { FastifyInstance, FastifyReply, FastifyRequest, RouteOptions } from 'fastify'
import fp from 'fastify-plugin'
import { Type } from '@sinclair/typebox'
import { NO_METHOD, NO_ROUTE, readAccess, type RouteAccess, type Security, type Undeclared } from './route-access.js'
import { AccessError, type ChallengeParameters, type RefusalCode, type RefusalDetails } from './errors.js'
import { headersOf, headerWriters, type Allowance, type RateLimitFormat } from './rate-limit-headers.js'
import { render, rendererOf, renderers, type ErrorFormat } from './error-formats.js'
import { checkOptions, OptionError } from './options.js'
import type { Principal } from './principal.js'
import type { Clock } from './clock.js'

export interface AccessContextOptions {
  /** The body of a refusal; `problem` (RFC 9457) by default. */
  errors?: ErrorFormat | undefined
  /** What becomes of a route that states nothing; by default the server refuses to start. */
  undeclared?: Undeclared | undefined
  /** What a route states by its method alone; a catalogue with levels gives it. */
  byMethod?: ((method: string) => Security | undefined) | undefined
  /** Which RateLimit fields responses carry; `draft` by default, `false` for none. */
  rateLimitFields?: RateLimitFormat | readonly RateLimitFormat[] | false | undefined
  /** Protection space of challenges (RFC 9110 §11.5); `api` by default. */
  realm?: string | undefined
  /** Milliseconds since the epoch; the system's clock by default. */
  clock?: Clock | undefined
}

/** What all rooms of one guarded context stand on. */
export interface AccessContext {
  readonly clock: Clock
  /** What every challenge of this context says; rooms add to it before the first request. */
  readonly challenge: ChallengeParameters
  readonly errors: ErrorFormat
  readonly rateLimitFields: readonly RateLimitFormat[]
  /** The routes of this context that were registered after it was guarded. */
  readonly routes: readonly RouteAccess[]
  accessOf (request: FastifyRequest): RouteAccess
  /** What a route states, once a method; for `onRoute` hooks. */
  declaredBy (route: RouteOptions): RouteAccess[]
  /** Builds a refusal with this context's realm. */
  refusal (code: RefusalCode, details?: RefusalDetails): AccessError
  /** Answers the request with a refusal, or hands it to the host's error handler; only logs where an answer was sent. */
  refuse (request: FastifyRequest, reply: FastifyReply, error: AccessError): void
  announce (reply: FastifyReply, allowances: readonly Allowance[]): void
  fields (allowances: readonly Allowance[]): Record<string, string>
}

const kAccess = Symbol('latchkey.access')
const kPrincipal = Symbol('latchkey.principal')

type AccessByMethod = RouteAccess | Map<string, RouteAccess>

/** What a guarded server offers as `app.latchkey`. Each room adds what it offers by declaration merging. */
export interface Latchkey {}

const contexts = new WeakMap<Latchkey, AccessContext>()

declare module 'fastify' {
  interface FastifyInstance {
    /** Latchkey of this context: `authenticate`, `keys`, `events` and whatever else is registered. */
    readonly latchkey: Latchkey
  }
  interface FastifyRequest { [kAccess]?: RouteAccess, [kPrincipal]?: Principal | null }
  interface FastifyContextConfig { [kAccess]?: AccessByMethod }
}

const format = (name: string) => Type.Literal(name)
const fieldFormat = Type.Union([format('draft'), format('trio'), format('x-ratelimit')])
const callable = Type.Function([], Type.Unknown())

export const contextOptions = {
  errors: Type.Optional(Type.Union([...Object.keys(renderers).map(format), format('throw'), callable], { description: '\'problem\', \'error\', \'detail\', \'error-message\', \'throw\' or a function of the error' })),
  undeclared: Type.Optional(Type.Union([format('refuse'), format('authenticate'), callable], { description: '\'refuse\', \'authenticate\' or a function of the route' })),
  byMethod: Type.Optional(Type.Function([], Type.Unknown(), { description: 'a function of the method' })),
  rateLimitFields: Type.Optional(Type.Union([fieldFormat, Type.Array(fieldFormat), Type.Literal(false)], { description: '\'draft\', \'trio\', \'x-ratelimit\', an array of these or false' })),
  realm: Type.Optional(Type.String({ pattern: '^[\\x20\\x21\\x23-\\x5b\\x5d-\\x7e]+$', description: 'visible ASCII without quotes and backslashes' })),
  clock: Type.Optional(Type.Function([], Type.Unknown(), { description: 'a function that returns milliseconds since the epoch' }))
}

/**
 * The plugin every room needs first: reads what routes state, renders refusals, holds the clock.
 * @throws OptionError when the context is guarded already; guarding twice would count twice.
 */
export const accessContext = fp<AccessContextOptions>(async function latchkeyGround (app: FastifyInstance, options: AccessContextOptions) {
  checkOptions(Type.Object(contextOptions, { additionalProperties: false }), options, '')
  if (findContext(app) !== undefined) throw new OptionError('this context is guarded already; register Latchkey once, in the outermost context that it should guard')
  if (holdsGuarded(app)) throw new OptionError('a context inside this one is guarded already; register Latchkey once, in the outermost context that it should guard')

  const { errors = 'problem', undeclared = 'refuse', byMethod = () => undefined, rateLimitFields = 'draft', realm = 'api', clock = Date.now } = options
  const rules = { undeclared, byMethod }
  const chosen = rateLimitFields === false ? [] : [rateLimitFields].flat()
  const writers = chosen.map((format) => headerWriters[format])
  const renderer = rendererOf(errors)
  const routes: RouteAccess[] = []
  const challenge: ChallengeParameters = { realm }
  const earlier = new WeakMap<object, AccessByMethod>()

  function compile (method: string | string[], url: string, schema: RouteOptions['schema']): AccessByMethod {
    if (typeof method === 'string') return readAccess({ method, url }, schema, rules, false)
    return new Map(method.map((one) => [one, readAccess({ method: one, url }, schema, rules, method.length > 1)]))
  }

  function find (request: FastifyRequest): RouteAccess {
    const { config, schema, method, url } = request.routeOptions
    if (url === undefined) return NO_ROUTE
    let access = config[kAccess] ?? earlier.get(config)
    if (access === undefined) {
      access = compile(method, url, schema)
      earlier.set(config, access)
    }
    return access instanceof Map ? access.get(request.method) ?? NO_METHOD : access
  }

  app.addHook('onRoute', function readRoute (route) {
    const access = compile(route.method, route.url, route.schema)
    routes.push(...(access instanceof Map ? access.values() : [access]))
    route.config = { ...route.config, [kAccess]: access }
  })

  app.addHook('onReady', async function checkRoutes () {
    const faulty = routes.filter(({ faults }) => faults.length > 0)
    if (faulty.length === 0) return
    throw new OptionError(faulty.map(({ method, url, faults }) => `${method} ${url} ${faults.join('; ')}`).join('\n'))
  })

  // Fastify writes decorated values to every request one by one, by their names: what begins as nothing had better not be one.
  app.decorateRequest('principal', {
    getter () { return this[kPrincipal] ?? null },
    setter (principal: Principal | null) { this[kPrincipal] = principal }
  })
  const latchkey: Latchkey = Object.create(null)
  app.decorate('latchkey', latchkey)
  contexts.set(latchkey, {
    clock,
    challenge,
    errors,
    rateLimitFields: chosen,
    routes,
    declaredBy ({ config }) {
      const access = config?.[kAccess]
      return access instanceof Map ? [...access.values()] : [access].filter((one) => one !== undefined)
    },
    accessOf (request) {
      request[kAccess] ??= find(request)
      return request[kAccess]
    },
    refusal: (code, details) => new AccessError(code, { ...challenge, ...details }),
    refuse (request, reply, error) {
      log(request, error)
      if (reply.sent) return
      reply.code(error.statusCode).headers(error.headers)
      if (renderer === undefined) {
        reply.send(error)
      } else {
        const { text, type } = render(renderer, error)
        reply.type(type).send(text)
      }
    },
    announce (reply, allowances) {
      if (allowances.length === 0) return
      for (const write of writers) write(allowances, reply)
    },
    fields: (allowances) => headersOf(writers, allowances)
  })
}, { name: 'latchkey-ground', fastify: '5.x' })

const guarded = new WeakMap<object, FastifyInstance[]>()

/** Notes a context as guarded, unless one inside it is: their hooks would both run there. */
function holdsGuarded (app: FastifyInstance): boolean {
  const contexts = guarded.get(app.server) ?? []
  if (contexts.some((context) => Object.prototype.isPrototypeOf.call(app, context))) return true
  guarded.set(app.server, [...contexts, app])
  return false
}

function log (request: FastifyRequest, { code, statusCode, reason }: AccessError): void {
  const entry = { code, reason, principal: request.principal?.id }
  if (statusCode >= 500) request.log.error(entry, 'access refused')
  else request.log.info(entry, 'access refused')
}

/** The ground of the context that `app` belongs to, if it is guarded. */
export function findContext (app: FastifyInstance): AccessContext | undefined {
  return app.hasDecorator('latchkey') ? contexts.get(app.latchkey) : undefined
}

/**
 * The ground of the context that `app` belongs to.
 * @throws OptionError when it has none
 */
export function contextOf (app: FastifyInstance): AccessContext {
  const ground = findContext(app)
  if (ground === undefined) throw new OptionError('register the `ground` plugin (or `latchkey`, which does) before the rooms that stand on it')
  return ground
}

/** Adds to `app.latchkey` what a room offers. */
export function offer<K extends keyof Latchkey> (app: FastifyInstance, name: K, value: Latchkey[K]): void {
  Object.defineProperty(app.latchkey, name, { value, enumerable: true })
}
