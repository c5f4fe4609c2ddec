import { OptionError, show } from '../core/options.js'
import type { Principal } from '../core/principal.js'
import type { Alternative, RouteAccess } from '../core/route-access.js'
import type { Bits } from './bits.js'
import type { ScopeTable } from './catalogue.js'

/** A security scheme that routes may name, with its kind of principal. */
export interface Scheme { readonly scheme: string, readonly kind: Principal['kind'] }

interface Requirement { readonly scheme: string, readonly wanted: Bits }

/** What a route requires. */
interface Compiled {
  readonly requirements: readonly Requirement[]
  /** What no principal can satisfy. */
  readonly faults: readonly string[]
}

export interface Requirements {
  satisfiedBy (principal: Principal, access: RouteAccess): boolean
  /** The alternatives that name the principal's scheme. */
  namedFor (principal: Principal, access: RouteAccess): readonly Alternative[]
  /** What of a declaration no principal can satisfy. */
  faultsOf (access: RouteAccess): readonly string[]
}

/**
 * Compiles declared alternatives into bit sets, once for each route. A principal satisfies an alternative only where it
 * was authenticated by the scheme that the alternative names: another scheme of the same kind does not suffice.
 *
 * @throws OptionError when one scheme has two kinds of principal
 */
export function createRequirements (table: ScopeTable, schemes: readonly Scheme[]): Requirements {
  const kinds = new Map(schemes.map(({ scheme, kind }) => [scheme, kind]))
  const twofold = schemes.find(({ scheme, kind }) => kinds.get(scheme) !== kind)
  if (twofold !== undefined) {
    throw new OptionError(`the security scheme ${show(twofold.scheme)} stands for two kinds of principal; ` +
      'give each kind of resolver a scheme of its own')
  }
  const compiled = new WeakMap<RouteAccess, Compiled>()

  function compile ({ alternatives }: RouteAccess): Compiled {
    const requirements: Requirement[] = []
    const faults: string[] = []
    for (const { scheme, scopes } of alternatives) {
      const wanted = table.require(scopes)
      if (!kinds.has(scheme)) {
        faults.push(`names the security scheme ${show(scheme)}; known: ${[...kinds.keys()].join(', ')}`)
      }
      for (const scope of scopes.filter((scope) => !table.has(scope))) {
        faults.push(`requires ${show(scope)}, which is not declared; declared: ${table.names.join(', ')}`)
      }
      if (kinds.has(scheme) && wanted !== undefined) requirements.push({ scheme, wanted })
    }
    return { requirements, faults }
  }

  function compiledOf (access: RouteAccess): Compiled {
    const known = compiled.get(access)
    if (known !== undefined) return known
    const made = compile(access)
    compiled.set(access, made)
    return made
  }

  /** A principal that the host set itself has no scheme, so its kind decides. */
  function isOf (principal: Principal, scheme: string): boolean {
    return principal.scheme === undefined ? kinds.get(scheme) === principal.kind : principal.scheme === scheme
  }

  return {
    satisfiedBy (principal, access) {
      if (access.mode === 'undeclared') return false
      if (access.alternatives.length === 0) return true
      const granted = table.grant(principal.scopes)
      const { requirements } = compiledOf(access)
      return requirements.some(({ scheme, wanted }) => isOf(principal, scheme) && granted.includes(wanted))
    },
    namedFor: (principal, { alternatives }) => alternatives.filter(({ scheme }) => isOf(principal, scheme)),
    faultsOf: (access) => compiledOf(access).faults
  }
}
