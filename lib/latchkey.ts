import type { FastifyInstance } from 'fastify'
import fp from 'fastify-plugin'
import { Type } from '@sinclair/typebox'
import { auth, authOptions, type AuthOptions, type Exposure, type Resolver } from './auth/index.js'
import { createCohort } from './cohort.js'
import { createOpenApi } from './openapi/index.js'
import { createEvents, events, eventsOptions, type EventsOptions, type EventsRoom } from './events/index.js'
import { accessContext, contextOf, contextOptions, type AccessContextOptions } from './core/access-context.js'
import { createKeys, keys, keysOptions, type Keyring, type KeysHost, type KeysOptions } from './keys/index.js'
import { defaultEnvironments, limits, limitsOptions, type LimitsOptions, type LimitStore } from './limits/index.js'
import { checkOptions, OptionError } from './core/options.js'
import { scopes, scopesOptions, type Catalogue } from './scopes/index.js'

export interface LatchkeyOptions extends Omit<AccessContextOptions, 'byMethod'>, Omit<AuthOptions, 'resolvers' | 'wantsExposed'> {
  /** What `defineScopes` returned. */
  scopes: Catalogue
  /** API keys of this host, or `false` where only `resolvers` are asked. */
  keys: KeysOptions | false
  /** Further ways to turn a credential into a principal, asked before API keys. */
  resolvers?: readonly Resolver[] | undefined
  /** Quotas; by environment 100 (production) and 300 (sandbox) a minute by default, `false` for none. */
  limits?: LimitsOptions | false | undefined
  /** What `app.events` tells, or `false` for nothing; costs nothing where nobody listens. */
  events?: EventsOptions | false | undefined
  /** Where a route's scopes are checked; `onRequest` by default, before any body is parsed. */
  hook?: 'onRequest' | 'preHandler' | undefined
  /** Requests that came in one tick of the event loop go on together, and their answers leave together; `true` by default. */
  together?: boolean | undefined
}

const { byMethod: _given, ...groundShared } = contextOptions
const { wantsExposed: _own, ...authShared } = authOptions
const latchkeyOptions = Type.Object({
  ...groundShared,
  ...authShared,
  ...scopesOptions,
  resolvers: Type.Optional(authOptions.resolvers),
  keys: Type.Union([keysOptions, Type.Literal(false)], { description: '{ prefix: \'acme\' }, or false with resolvers of your own' }),
  limits: Type.Optional(Type.Union([limitsOptions, Type.Literal(false)], { description: 'an object, or false for no limits' })),
  events: Type.Optional(Type.Union([eventsOptions, Type.Literal(false)], { description: 'an object, or false for no events' })),
  together: Type.Optional(Type.Boolean({ description: 'true or false' }))
}, { additionalProperties: false })

const FORGOTTEN = 'keys.store is left out: keys live in this process\'s memory, and are gone when it ends; state a store, such as createPostgresKeyStore(), or createMemoryKeyStore() where that is meant'

/**
 * The whole access layer of an API in one plugin: every request of the context is authenticated, counted and checked
 * for scopes by what its route states in `schema.security`.
 *
 * @throws OptionError at boot, naming the option and the fix; `app.ready()` rejects with one that names the routes
 * that state nothing or something that can't be met
 */
export const latchkey = fp<LatchkeyOptions>(async function latchkey (app: FastifyInstance, options: LatchkeyOptions) {
  checkShape(options)
  const { errors, undeclared, rateLimitFields, realm, clock = Date.now, environment, transport, deadline, failures } = options
  const counters = countersOf(options)

  const told = options.events === false
    ? undefined
    : createEvents(options.events ?? {}, {
      clock,
      deadline: deadline ?? 1,
      claim: counters?.claim?.bind(counters),
      keyring: () => keyring,
      log: logOf(app),
      inform: (message, entry) => app.log.info(entry ?? {}, message)
    })
  if (options.keys !== false && options.keys.store === undefined) app.log.warn(FORGOTTEN)
  const keyring: Keyring | undefined = options.keys === false ? undefined : createKeys(options.keys, { ...keysHost(app, { ...options, clock }), hear: told?.hearChange, onRetiring: told?.observer.retiring })
  checkEnvironments(options, keyring?.environments ?? [])
  const { resolvers: given = [] } = options
  const resolvers = [...given, ...keyring === undefined ? [] : [keyring.resolver]].sort(lastOfAnyForm)

  if (options.together !== false) {
    const join = createCohort()
    app.addHook('onRequest', function joinCohort ({ raw }, _reply, done) { join(raw.socket, done) })
  }
  await app.register(accessContext, { errors, undeclared, rateLimitFields, realm, clock, byMethod: options.scopes.byMethod })
  await app.register(auth, { resolvers, environment, transport, deadline, failures, ...exposures(options.onExposed, told) })
  if (options.limits !== false) await app.register(limits, { ...options.limits, onLimited: limitedBy(options.limits, told) })
  await app.register(scopes, { scopes: options.scopes, schemes: resolvers, hook: options.hook })
  if (keyring !== undefined) await app.register(keys, { ...keyring, hook: options.hook })
  if (told !== undefined) await app.register(events, told)
  createOpenApi(app, contextOf(app), { scopes: options.scopes, schemes: resolvers })
}, { name: 'fastify-latchkey', fastify: '5.x' })

/** The store of counters that the host gives: every request asks it anyway, so it carries what processes share besides. */
function countersOf ({ limits }: Pick<LatchkeyOptions, 'limits'>): LimitStore | undefined {
  return limits === false ? undefined : limits?.store
}

function keysHost (app: FastifyInstance, { scopes, clock, realm, deadline = 1, limits }: LatchkeyOptions & Pick<KeysHost, 'clock'>): KeysHost {
  const counters = countersOf({ limits })
  return {
    clock,
    scopes: scopes.names,
    expand: scopes.expand,
    realm,
    deadline,
    mark: counters?.publishVersion?.bind(counters),
    log: logOf(app)
  }
}

const logOf = (app: FastifyInstance) => (reason: string, message: string): void => app.log.error({ reason }, message)

/** What is exposed goes to the host and to the events, and is looked up for either. */
function exposures (onExposed: AuthOptions['onExposed'], told: EventsRoom | undefined): Pick<AuthOptions, 'onExposed' | 'wantsExposed'> {
  if (told === undefined) return { onExposed }
  return {
    wantsExposed: () => onExposed !== undefined || told.emitter.hasListeners('key.exposed'),
    onExposed (exposure: Exposure) {
      told.observer.exposed(exposure)
      return onExposed?.(exposure)
    }
  }
}

function limitedBy (options: LimitsOptions | undefined, told: EventsRoom | undefined): LimitsOptions['onLimited'] {
  const onLimited = options?.onLimited
  if (told === undefined) return onLimited
  return function limited (decision, request) {
    told.observer.limited(decision)
    return onLimited?.(decision, request)
  }
}

/** An API key must not be shown to who would take any text for a token. */
function lastOfAnyForm (one: Resolver, other: Resolver): number {
  return Number(one.anyForm === true) - Number(other.anyForm === true)
}

function checkShape (options: LatchkeyOptions): void {
  if (typeof options.keys === 'object') checkOptions(keysOptions, options.keys, 'keys')
  if (typeof options.limits === 'object') checkOptions(limitsOptions, options.limits, 'limits')
  if (typeof options.events === 'object') checkOptions(eventsOptions, options.events, 'events')
  checkOptions(latchkeyOptions, options, '')
  if (options.keys === false && options.resolvers === undefined) {
    throw new OptionError('option keys is false and there are no resolvers, so nobody could be authenticated; state keys: { prefix } or resolvers')
  }
}

/** Whoever can come in must be counted: a credential of an environment without a profile would get 503 at every request. */
function checkEnvironments ({ environment, limits }: LatchkeyOptions, issued: readonly string[]): void {
  if (limits === false) return
  const { environments = defaultEnvironments } = limits ?? {}
  const served = typeof environment === 'function' ? issued : [environment].flat()
  const missing = served.filter((name) => !Object.hasOwn(environments, name))
  if (missing.length > 0) throw new OptionError(`option limits.environments lacks ${missing.join(', ')}; add a profile: { ${JSON.stringify(missing[0])}: [{ name, quota, window }] }, or [] for no limit`)
}
