import { Type } from '@sinclair/typebox'
import { authOptions, type AuthOptions } from './auth/options.js'
import type { Resolver } from './auth/index.js'
import { contextOptions, type AccessContextOptions } from './core/context-options.js'
import { checkOptions, OptionError } from './core/options.js'
import { eventsOptions as eventsSchema, type EventsOptions } from './events/options.js'
import { keysOptions as keysSchema, type KeysOptions } from './keys/options.js'
import { defaultEnvironments } from './limits/index.js'
import { limitsSchema, type LimitsOptions } from './limits/options.js'
import { scopesOptions, type Catalogue } from './scopes/index.js'
import { usageOptions as usageSchema, type UsageOptions } from './usage/options.js'

export interface LatchkeyOptions
  extends Omit<AccessContextOptions, 'byMethod'>, Omit<AuthOptions, 'resolvers' | 'events'> {
  /** What `defineScopes` returned. */
  scopes: Catalogue
  /** API keys of this host, or `false` where only `resolvers` are asked. */
  keys: KeysOptions | false
  /** Further ways to turn a credential into a principal, asked before API keys. */
  resolvers?: readonly Resolver[] | undefined
  /** Quotas; by environment 100 (production) and 300 (sandbox) a minute by default, `false` for none. */
  limits?: LimitsOptions | false | undefined
  /** What `app.latchkey.events` emits, or `false` for nothing; costs nothing where nothing listens. */
  events?: EventsOptions | false | undefined
  /** Counts requests by key, hour and outcome, for `app.latchkey.usage`; they are not counted by default. */
  usage?: UsageOptions | undefined
  /** Where a route's scopes are checked; `onRequest` by default, before any body is parsed. */
  hook?: 'onRequest' | 'preHandler' | undefined
}

/**
 * Options for a server that moves step by step: routes that declare nothing want any valid credential, paths without a
 * route are answered by the server's own 404, and responses have the `X-RateLimit` fields next to those of the draft.
 *
 * ```ts
 * await app.register(latchkey, { ...adopt, scopes, environment: 'production', keys: { prefix: 'acme' } })
 * ```
 */
export const adopt = Object.freeze({
  undeclared: 'authenticate',
  unknownPaths: 'public',
  rateLimitFields: Object.freeze(['draft', 'x-ratelimit'] as const)
} as const) satisfies Partial<LatchkeyOptions>

const { byMethod: _byCatalogue, ...accessOptions } = contextOptions
const latchkeySchema = Type.Object({
  ...accessOptions,
  ...authOptions,
  ...scopesOptions,
  resolvers: Type.Optional(authOptions.resolvers),
  keys: Type.Union([keysSchema, Type.Literal(false)], {
    description: '{ prefix: \'acme\' }, or false with resolvers of your own'
  }),
  limits: Type.Optional(Type.Union([limitsSchema, Type.Literal(false)], {
    description: 'an object, or false for no limits'
  })),
  events: Type.Optional(Type.Union([eventsSchema, Type.Literal(false)], {
    description: 'an object, or false for no events'
  })),
  usage: Type.Optional(usageSchema)
}, { additionalProperties: false })

/**
 * Checks the options of `latchkey`, the parts first, so that a message names the part that is wrong.
 * @throws OptionError
 */
export function checkLatchkeyOptions (options: LatchkeyOptions): void {
  if (typeof options.keys === 'object') checkOptions(keysSchema, options.keys, 'keys')
  if (typeof options.limits === 'object') checkOptions(limitsSchema, options.limits, 'limits')
  if (typeof options.events === 'object') checkOptions(eventsSchema, options.events, 'events')
  if (options.usage !== undefined) checkOptions(usageSchema, options.usage, 'usage')
  checkOptions(latchkeySchema, options, '')
  if (options.keys === false && options.resolvers === undefined) {
    throw new OptionError('option keys is false and there are no resolvers, so no request could be authenticated; ' +
      'write keys: { prefix } or resolvers')
  }
  if (options.keys === false && options.usage !== undefined) {
    throw new OptionError('option usage counts requests of stored keys, and option keys is false; leave usage out')
  }
}

/**
 * A credential of an environment without a limits profile would get 503 at every request.
 * @param issued environments that keys can have
 * @throws OptionError
 */
export function checkEnvironments ({ environment, limits }: LatchkeyOptions, issued: readonly string[]): void {
  if (limits === false) return
  const { environments = defaultEnvironments } = limits ?? {}
  const served = typeof environment === 'function' ? issued : [environment].flat()
  const missing = served.filter((name) => !Object.hasOwn(environments, name))
  if (missing.length === 0) return
  throw new OptionError(`option limits.environments lacks ${missing.join(', ')}; ` +
    `add a profile: { ${JSON.stringify(missing[0])}: [{ name, quota, window }] }, or [] for no limit`)
}
