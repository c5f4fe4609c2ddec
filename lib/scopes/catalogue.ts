import type { Security } from '../core/route-access.js'
import { Bits } from './bits.js'
import { readDefinition, type Resources, type ScopesDefinition, type ScopesOf } from './definition.js'
import { createByMethod } from './levels.js'

/** The declared scopes, numbered, each with the set of scopes it grants. */
export interface ScopeTable<S extends string = string> {
  readonly names: readonly S[]
  /** Security schemes that `secure`, `anyOf` and levels declare. */
  readonly schemes: readonly string[]
  has (name: string): name is S
  /** All scopes that `scopes` grant, with those they imply; unknown names grant nothing. */
  expand (scopes: readonly string[]): S[]
  /** The same as a bit set. */
  grant (scopes: readonly string[]): Bits
  /** These scopes alone as a bit set; undefined when one of them is not declared. */
  require (scopes: readonly string[]): Bits | undefined
  /** From the least to the most powerful; empty without levels. */
  readonly levels: readonly S[]
  /** What a route declares by its method, where the catalogue has levels. */
  byMethod (method: string): Security | undefined
}

/** @throws OptionError that names the scope */
export function createScopeTable<const R extends Resources, const L extends readonly string[]> (
  definition: ScopesDefinition<R, L>
): ScopeTable<ScopesOf<R, L>> {
  type S = ScopesOf<R, L>
  const granted = readDefinition(definition)
  const { levels = [], methods = {}, schemes = ['apiKey'] } = definition
  const names = [...granted.keys()]
  const numbers = new Map(names.map((name, i) => [name, i]))
  const isDeclared = (name: string): name is S => numbers.has(name)
  const declared = names.filter(isDeclared)
  const grants = new WeakMap<readonly string[], Bits>()

  /** Caches the bits of frozen lists, which principals share. */
  function grant (scopes: readonly string[]): Bits {
    let bits = grants.get(scopes)
    if (bits === undefined) {
      const all = new Set(scopes.flatMap((scope) => [...granted.get(scope) ?? []]))
      bits = new Bits(names.flatMap((name, i) => all.has(name) ? [i] : []))
      if (Object.isFrozen(scopes)) grants.set(scopes, bits)
    }
    return bits
  }

  return Object.freeze({
    names: Object.freeze(declared),
    schemes: Object.freeze([...schemes]),
    levels: Object.freeze(levels.filter(isDeclared)),
    has: isDeclared,
    grant,
    expand (scopes) {
      const bits = grant(scopes)
      return declared.filter((_, i) => bits.has(i))
    },
    require (scopes) {
      const required: number[] = []
      for (const scope of scopes) {
        const number = numbers.get(scope)
        if (number === undefined) return undefined
        required.push(number)
      }
      return new Bits(required)
    },
    byMethod: createByMethod(levels, methods, schemes)
  } satisfies ScopeTable<S>)
}
