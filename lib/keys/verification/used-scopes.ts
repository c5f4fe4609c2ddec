import type { Alternative, RouteAccess } from '../../core/route-access.js'
import type { Principal } from '../../core/principal.js'
import { intern } from '../../core/intern.js'

const kNeeds = Symbol('latchkey.needs')

/** What the alternatives that a key can satisfy need; lists of equal content are one list. */
interface Needs {
  readonly alternatives: ReadonlyArray<readonly string[]>
  /** Granted scopes → what of it they satisfy first. */
  readonly chosen: WeakMap<readonly string[], readonly string[]>
}

declare module '../../core/route-access.js' {
  interface RouteAccess { [kNeeds]?: Needs }
}

const NOTHING: readonly string[] = intern([])

/** Which scopes a request has used: those of the first alternative of its route that its principal satisfies. */
export type UsedScopes = (access: RouteAccess, principal: Principal) => readonly string[]

/**
 * Asked only of requests that were let in: where there is one alternative, it is the one.
 * @param expand all scopes that scopes grant, with what they imply
 * @param isOfKeys whether an alternative of this security scheme is for keys
 */
export function createUsedScopes (expand: (scopes: readonly string[]) => readonly string[], isOfKeys: (scheme: string) => boolean): UsedScopes {
  function read ({ mode, alternatives }: RouteAccess): Needs {
    const needs = mode === 'guarded' ? alternatives.filter(({ scheme }: Alternative) => isOfKeys(scheme)).map(({ scopes }) => intern(scopes)) : []
    return { alternatives: needs, chosen: new WeakMap() }
  }

  function choose ({ alternatives, chosen }: Needs, granted: readonly string[]): readonly string[] {
    let need = chosen.get(granted)
    if (need === undefined) {
      const all = new Set(expand(granted))
      need = alternatives.find((scopes) => scopes.every((scope) => all.has(scope))) ?? NOTHING
      chosen.set(granted, need)
    }
    return need
  }

  return (access, { scopes }) => {
    access[kNeeds] ??= read(access)
    const needs = access[kNeeds]
    return needs.alternatives.length > 1 ? choose(needs, scopes) : needs.alternatives[0] ?? NOTHING
  }
}
