import type { Alternative, RouteAccess } from '../core/route-access.js'
import { OptionError, show } from '../core/options.js'
import type { Principal } from '../core/principal.js'
import type { Bits } from './bits.js'
import type { ScopeTable } from './catalogue.js'

interface Requirement { readonly kind: Principal['kind'], readonly wanted: Bits }

/** What a route needs, read once. */
interface Compiled {
  readonly requirements: readonly Requirement[]
  /** What of the declaration can never be met. */
  readonly faults: readonly string[]
}

const kCompiled = Symbol('latchkey.compiled')

declare module '../core/route-access.js' {
  interface RouteAccess { [kCompiled]?: Compiled }
}

export interface Requirements {
  satisfiedBy (principal: Principal, access: RouteAccess): boolean
  /** The alternatives that a kind of principal may satisfy. */
  ofKind (kind: Principal['kind'], access: RouteAccess): readonly Alternative[]
  /** What of a declaration can never be met. */
  faultsOf (access: RouteAccess): readonly string[]
}

/**
 * Compiles declared alternatives into bit sets, once a route.
 * @throws OptionError when one scheme stands for two kinds of principal
 */
export function createRequirements (table: ScopeTable, schemes: ReadonlyArray<{ readonly scheme: string, readonly kind: Principal['kind'] }>): Requirements {
  const kinds = new Map(schemes.map(({ scheme, kind }) => [scheme, kind]))
  const twofold = schemes.find(({ scheme, kind }) => kinds.get(scheme) !== kind)
  if (twofold !== undefined) throw new OptionError(`the security scheme ${show(twofold.scheme)} stands for two kinds of principal; give each kind of resolver a scheme of its own`)

  function compile (access: RouteAccess): Compiled {
    const requirements: Requirement[] = []
    const faults: string[] = []
    for (const { scheme, scopes } of access.alternatives) {
      const kind = kinds.get(scheme)
      const wanted = table.require(scopes)
      if (kind === undefined) faults.push(`names the security scheme ${show(scheme)}; known: ${[...kinds.keys()].join(', ')}`)
      for (const scope of scopes) {
        if (!table.has(scope)) faults.push(`requires ${show(scope)}, which is not declared; declared: ${table.names.join(', ')}`)
      }
      if (kind !== undefined && wanted !== undefined) requirements.push({ kind, wanted })
    }
    return { requirements, faults }
  }

  function compiledOf (access: RouteAccess): Compiled {
    access[kCompiled] ??= compile(access)
    return access[kCompiled]
  }

  return {
    satisfiedBy (principal, access) {
      if (access.mode !== 'guarded') return access.mode !== 'undeclared'
      if (access.alternatives.length === 0) return true
      const granted = table.grant(principal.scopes)
      for (const { kind, wanted } of compiledOf(access).requirements) {
        if (kind === principal.kind && granted.includes(wanted)) return true
      }
      return false
    },
    ofKind: (kind, { alternatives }) => alternatives.filter(({ scheme }) => kinds.get(scheme) === kind),
    faultsOf: (access) => compiledOf(access).faults
  }
}
