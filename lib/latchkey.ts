import type { FastifyInstance } from 'fastify'
import fp from 'fastify-plugin'
import { Type } from '@sinclair/typebox'
import { auth, authOptions, type AuthOptions, type Resolver } from './auth/index.js'
import { docs } from './docs/index.js'
import { createEvents, events, eventsOptions, type EventsOptions } from './events/index.js'
import { ground, groundOptions, type GroundOptions } from './ground.js'
import { createKeys, keys, keysOptions, type KeysHost, type KeysOptions } from './keys/index.js'
import { defaultEnvironments, limits, limitsOptions, type LimitsOptions } from './limits/index.js'
import { checkOptions, OptionError } from './options.js'
import { scopes, scopesOptions, type Catalogue } from './scopes/index.js'

export interface LatchkeyOptions extends Omit<GroundOptions, 'byMethod'>, Omit<AuthOptions, 'resolvers'> {
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
}

const { byMethod: _given, ...groundShared } = groundOptions
const latchkeyOptions = Type.Object({
  ...groundShared,
  ...authOptions,
  ...scopesOptions,
  resolvers: Type.Optional(authOptions.resolvers),
  keys: Type.Union([keysOptions, Type.Literal(false)], { description: '{ prefix: \'acme\' }, or false with resolvers of your own' }),
  limits: Type.Optional(Type.Union([limitsOptions, Type.Literal(false)], { description: 'an object, or false for no limits' })),
  events: Type.Optional(Type.Union([eventsOptions, Type.Literal(false)], { description: 'an object, or false for no events' }))
}, { additionalProperties: false })

/**
 * The whole access layer of an API in one plugin: every request of the context is authenticated, counted and checked
 * for scopes by what its route states in `schema.security`.
 *
 * @throws OptionError at boot, naming the option and the fix; `app.ready()` rejects with one that names the routes
 * that state nothing or something that can't be met
 */
export const latchkey = fp<LatchkeyOptions>(async function latchkey (app: FastifyInstance, options: LatchkeyOptions) {
  checkShape(options)
  const { errors, undeclared, rateLimitFields, realm, clock = Date.now, environment, transport, deadline, failures, onExposed } = options

  const keyring = options.keys === false ? undefined : createKeys(options.keys, keysHost(app, { ...options, clock }))
  checkEnvironments(options, keyring?.environments ?? [])
  const { resolvers: given = [] } = options
  const resolvers = [...given, ...keyring === undefined ? [] : [keyring.resolver]].sort(lastOfAnyForm)

  await app.register(ground, { errors, undeclared, rateLimitFields, realm, clock, byMethod: options.scopes.byMethod })
  await app.register(auth, { resolvers, environment, transport, deadline, failures, onExposed })
  if (options.limits !== false) await app.register(limits, options.limits ?? {})
  await app.register(scopes, { scopes: options.scopes, schemes: resolvers, hook: options.hook })
  if (keyring !== undefined) await app.register(keys, { ...keyring, hook: options.hook })
  if (options.events !== false) await app.register(events, { events: createEvents(options.events ?? {}, { log: logOf(app) }) })
  await app.register(docs, { scopes: options.scopes })
}, { name: 'fastify-latchkey', fastify: '5.x' })

/** The counters' store is what every request asks anyway, so it carries the versions of keys too. */
function keysHost (app: FastifyInstance, { scopes, clock, realm, deadline = 1, limits }: LatchkeyOptions & Pick<KeysHost, 'clock'>): KeysHost {
  const counters = limits === false ? undefined : limits?.store
  return {
    clock,
    scopes: scopes.names,
    expand: scopes.expand,
    realm,
    deadline,
    mark: counters?.mark?.bind(counters),
    log: logOf(app)
  }
}

const logOf = (app: FastifyInstance) => (reason: string, message: string): void => app.log.error({ reason }, message)

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
