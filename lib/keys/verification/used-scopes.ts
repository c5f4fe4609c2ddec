import { intern } from '../../core/intern.js'
import type { Principal } from '../../core/principal.js'
import type { RouteAccess } from '../../core/route-access.js'

/** The scopes that a request has used: those of the first alternative of its route that its principal satisfies. */
export type UsedScopes = (access: RouteAccess, principal: Principal) => readonly string[]

/** What a route requires of keys. */
interface Requirement {
  readonly alternatives: ReadonlyArray<readonly string[]>
  /** Granted scopes → the alternative that they satisfy first. */
  readonly satisfied: WeakMap<readonly string[], readonly string[]>
}

const NOTHING: readonly string[] = intern([])

/**
 * For requests that were authorized: where there is one alternative, the request has satisfied it.
 * @param expand all scopes that scopes grant, with what they imply
 * @param isForKeys whether keys may use alternatives of this security scheme
 */
export function createUsedScopes (
  expand: (scopes: readonly string[]) => readonly string[], isForKeys: (scheme: string) => boolean
): UsedScopes {
  const requirements = new WeakMap<RouteAccess, Requirement>()

  function requirementOf (access: RouteAccess): Requirement {
    const known = requirements.get(access)
    if (known !== undefined) return known
    const forKeys = access.alternatives.filter(({ scheme }) => isForKeys(scheme))
    const requirement = { alternatives: forKeys.map(({ scopes }) => intern(scopes)), satisfied: new WeakMap() }
    requirements.set(access, requirement)
    return requirement
  }

  function firstSatisfied ({ alternatives, satisfied }: Requirement, granted: readonly string[]): readonly string[] {
    const known = satisfied.get(granted)
    if (known !== undefined) return known
    const all = new Set(expand(granted))
    const used = alternatives.find((scopes) => scopes.every((scope) => all.has(scope))) ?? NOTHING
    satisfied.set(granted, used)
    return used
  }

  return (access, { scopes }) => {
    const requirement = requirementOf(access)
    const { alternatives } = requirement
    return alternatives.length > 1 ? firstSatisfied(requirement, scopes) : alternatives[0] ?? NOTHING
  }
}
