import type { onRequestHookHandler } from 'fastify'
import type { RateLimitDeclaration, Security } from '../core/route-access.js'
import { createScopeTable, type ScopeTable } from './catalogue.js'
import type { Resources, ScopesDefinition, ScopesOf } from './definition.js'
import { OptionError, show } from '../core/options.js'
import type { Principal } from '../core/principal.js'
import { createRequireScopes } from './require.js'

/** Members of a route's schema: `schema: { ...scopes.secure('devices:read'), body }`. */
export interface Declaration {
  security: Security
  'x-rate-limit'?: RateLimitDeclaration
}

/**
 * The typed catalogue of a host's scopes, and the ways to declare them on routes. A scope that is not in it does not
 * compile; where types are not checked, the server refuses to start.
 */
export interface Catalogue<S extends string = string> extends ScopeTable<S> {
  /** Requires all of these scopes, or any valid credential. `{ profile, cost }` sets the rate limit. */
  secure (...required: ReadonlyArray<S | RateLimitDeclaration>): Declaration
  /** Requires one of these; an array means all of its scopes. */
  anyOf (...alternatives: ReadonlyArray<S | readonly S[] | RateLimitDeclaration>): Declaration
  /** Lets everybody in, without a credential. `{ anonymous: false }` does not count them by address. */
  public (rateLimit?: RateLimitDeclaration): Declaration
  /** A `preHandler` or `onRequest` hook that requires all of these scopes, for rules that no schema can declare. */
  requireScopes (...scopes: readonly S[]): onRequestHookHandler
  /** True when the principal is granted all of these scopes, with those that its own imply. */
  permits (principal: Principal, ...scopes: readonly S[]): boolean
}

/**
 * Declares the scopes of an API, once.
 *
 * ```ts
 * const scopes = defineScopes({
 *   resources: { devices: ['read', 'write', 'manage'], reports: ['read', 'export'] },
 *   implies: { 'reports:export': ['reports:read'] }
 * })
 * app.get('/devices', { schema: scopes.secure('devices:read') }, listDevices)
 * ```
 *
 * With `levels`, routes declare by their method: by `defineScopes({ levels: ['READ', 'WRITE', 'ADMIN'] })` GET and HEAD
 * require READ, and other methods WRITE; `methods: { DELETE: 'ADMIN' }` changes that.
 *
 * With `schemes: ['apiKey', 'oauth']` routes accept both API keys and access tokens.
 *
 * @throws OptionError when a name can't be a scope (RFC 6749 §3.3), is declared twice or is not declared
 */
export function defineScopes<
  const R extends Resources = Record<never, never>, const L extends readonly string[] = readonly []
> (
  definition: ScopesDefinition<R, L>
): Catalogue<ScopesOf<R, L>> {
  type S = ScopesOf<R, L>
  const table = createScopeTable(definition)

  function declare (
    alternatives: ReadonlyArray<readonly unknown[]>, rateLimits: readonly RateLimitDeclaration[]
  ): Declaration {
    const [rateLimit, second] = rateLimits
    if (second !== undefined) {
      throw new OptionError('scopes are declared with two rate limits; write { profile, cost } once')
    }
    const known = alternatives.map((scopes) => scopes.map(check))
    const security = known.flatMap((scopes) => table.schemes.map((scheme) => ({ [scheme]: scopes })))
    return rateLimit === undefined ? { security } : { security, 'x-rate-limit': rateLimit }
  }

  /** An unknown scope that was ignored would let in more callers than meant. */
  function check (scope: unknown): S {
    if (typeof scope === 'string' && table.has(scope)) return scope
    throw new OptionError(`scope ${show(scope)} is not declared; declared: ${table.names.join(', ')}`)
  }

  return Object.freeze({
    ...table,
    secure: (...given) => declare([given.filter((one) => !isRateLimit(one))], given.filter(isRateLimit)),
    anyOf (...given) {
      const alternatives = given.filter((one) => !isRateLimit(one)).map(alternativeOf)
      if (alternatives.length === 0) {
        throw new OptionError('anyOf needs at least one alternative; for everybody declare public()')
      }
      return declare(alternatives, given.filter(isRateLimit))
    },
    public: (rateLimit) => declare([], rateLimit === undefined ? [] : [rateLimit]),
    requireScopes (...scopes) {
      if (scopes.length === 0) throw new OptionError('requireScopes needs at least one scope')
      return createRequireScopes(table, scopes.map(check))
    },
    permits (principal, ...scopes) {
      const wanted = table.require(scopes.map(check))
      return wanted !== undefined && table.grant(principal.scopes).includes(wanted)
    }
  } satisfies Catalogue<S>)
}

function isRateLimit (given: unknown): given is RateLimitDeclaration {
  return typeof given === 'object' && given !== null && !Array.isArray(given)
}

function alternativeOf (given: unknown): readonly unknown[] {
  if (!Array.isArray(given)) return [given]
  if (given.length === 0) {
    throw new OptionError('anyOf has an alternative without scopes; for any valid credential declare secure()')
  }
  return given
}
