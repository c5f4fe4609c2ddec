import type { RouteAccess } from '../access.js'
import { show } from '../options.js'
import type { Principal } from '../principal.js'
import type { Bits } from './bits.js'
import type { ScopeTable } from './catalogue.js'
import { createGrants } from './require.js'

interface Requirement { readonly kind: Principal['kind'], readonly wanted: Bits }

export interface Requirements {
  satisfiedBy (principal: Principal, access: RouteAccess): boolean
  /** What of a declaration can never be met. */
  faultsOf (access: RouteAccess): string[]
}

/** Compiles declared alternatives into bit sets, once a route. */
export function createRequirements (table: ScopeTable, schemes: ReadonlyArray<{ readonly scheme: string, readonly kind: Principal['kind'] }>): Requirements {
  const kinds = new Map(schemes.map(({ scheme, kind }) => [scheme, kind]))
  const compiled = new WeakMap<RouteAccess, readonly Requirement[]>()
  const grantOf = createGrants(table)

  /** An alternative that names an unknown scheme or scope is left out: nobody satisfies it. */
  function compile (access: RouteAccess): readonly Requirement[] {
    const requirements = access.alternatives.flatMap(({ scheme, scopes }) => {
      const kind = kinds.get(scheme)
      const wanted = table.require(scopes)
      return kind === undefined || wanted === undefined ? [] : [{ kind, wanted }]
    })
    compiled.set(access, requirements)
    return requirements
  }

  return {
    satisfiedBy (principal, access) {
      if (access.mode !== 'guarded') return access.mode !== 'undeclared'
      if (access.alternatives.length === 0) return true
      const requirements = compiled.get(access) ?? compile(access)
      const granted = grantOf(principal)
      for (const { kind, wanted } of requirements) {
        if (kind === principal.kind && granted.includes(wanted)) return true
      }
      return false
    },
    faultsOf ({ alternatives }) {
      return alternatives.flatMap(({ scheme, scopes }) => [
        ...kinds.has(scheme) ? [] : [`names the security scheme ${show(scheme)}; known: ${[...kinds.keys()].join(', ')}`],
        ...scopes.filter((scope) => !table.has(scope)).map((scope) => `requires ${show(scope)}, which is not declared; declared: ${table.names.join(', ')}`)
      ])
    }
  }
}
