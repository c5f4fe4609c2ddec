import type { onRequestHookHandler } from 'fastify'
import type { RateLimitDeclaration, Security } from '../core/route-access.js'
import { createScopeTable, type Resources, type ScopesDefinition, type ScopesOf, type ScopeTable } from './catalogue.js'
import { OptionError, show } from '../core/options.js'
import type { Principal } from '../core/principal.js'
import { createRequireScopes } from './require.js'

/** What a route's schema states, ready to be spread into it. */
export interface Declaration {
  security: Security
  'x-rate-limit'?: RateLimitDeclaration
}

/**
 * The typed catalogue of a host's scopes, and the ways to state them. A scope that isn't declared does not compile,
 * and refuses to start where types were not asked.
 */
export interface Catalogue<S extends string = string> extends ScopeTable<S> {
  /** All of these scopes, or any valid credential when none is named. The last argument may say what a request costs. */
  secure (...needs: ReadonlyArray<S | RateLimitDeclaration>): Declaration
  /** One of these; an array means all of its scopes. */
  anyOf (...alternatives: ReadonlyArray<S | readonly S[] | RateLimitDeclaration>): Declaration
  /** Everybody, without a credential. */
  public (): Declaration
  /** A hook for rules that the schema can't state: fits `preHandler` and `onRequest`, needs an authenticated request. */
  requireScopes (...scopes: readonly S[]): onRequestHookHandler
  /** True when the principal holds all of these scopes, implied ones included. */
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
 * With `levels`, the method of a route is its statement: `defineScopes({ levels: ['READ', 'WRITE', 'ADMIN'] })` lets
 * GET and HEAD need READ and the other methods WRITE; `methods: { DELETE: 'ADMIN' }` changes that.
 *
 * With `schemes: ['apiKey', 'oauth']` what routes state is met by API keys and by access tokens alike.
 *
 * @throws OptionError when a name can't be a scope (RFC 6749 §3.3), is declared twice or is not declared
 */
export function defineScopes<const R extends Resources = Record<never, never>, const L extends readonly string[] = readonly []> (
  definition: ScopesDefinition<R, L>
): Catalogue<ScopesOf<R, L>> {
  type S = ScopesOf<R, L>
  const table = createScopeTable(definition)

  function declare (alternatives: ReadonlyArray<readonly unknown[]>, rateLimits: readonly RateLimitDeclaration[]): Declaration {
    const [rateLimit, second] = rateLimits
    if (second !== undefined) throw new OptionError('scopes are declared with two rate limits; state { profile, cost } once')
    const security = alternatives.map((scopes) => scopes.map(known)).flatMap((scopes) => table.schemes.map((scheme) => ({ [scheme]: scopes })))
    return rateLimit === undefined ? { security } : { security, 'x-rate-limit': rateLimit }
  }

  /** Whatever is not declared is a mistake: what is dropped in silence would let more callers in. */
  function known (scope: unknown): S {
    if (typeof scope === 'string' && table.has(scope)) return scope
    throw new OptionError(`scope ${show(scope)} is not declared; declared: ${table.names.join(', ')}`)
  }

  return Object.freeze({
    ...table,
    secure: (...needs) => declare([needs.filter((need) => !isRateLimit(need))], needs.filter(isRateLimit)),
    anyOf (...needs) {
      const alternatives = needs.filter((need) => !isRateLimit(need)).map(alternativeOf)
      if (alternatives.length === 0) throw new OptionError('anyOf needs at least one alternative; for everybody declare public()')
      return declare(alternatives, needs.filter(isRateLimit))
    },
    public: () => ({ security: [] }),
    requireScopes (...scopes) {
      if (scopes.length === 0) throw new OptionError('requireScopes needs at least one scope')
      return createRequireScopes(table, scopes.map(known))
    },
    permits (principal, ...scopes) {
      const wanted = table.require(scopes.map(known))
      return wanted !== undefined && table.grant(principal.scopes).includes(wanted)
    }
  } satisfies Catalogue<S>)
}

function isRateLimit (need: unknown): need is RateLimitDeclaration {
  return typeof need === 'object' && need !== null && !Array.isArray(need)
}

function alternativeOf (need: unknown): readonly unknown[] {
  if (!Array.isArray(need)) return [need]
  if (need.length === 0) throw new OptionError('anyOf has an alternative without scopes; for any valid credential state secure()')
  return need
}
