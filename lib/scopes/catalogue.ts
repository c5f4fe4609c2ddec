import { Type } from '@sinclair/typebox'
import type { Security } from '../core/route-access.js'
import { checkOptions, OptionError, show } from '../core/options.js'
import { Bits } from './bits.js'
import { createByMethod } from './levels.js'

/** What `defineScopes` takes. */
export interface ScopesDefinition<R extends Resources, L extends readonly string[]> {
  /** Actions of each resource; the scopes are `resource:action`. `manage` includes all others of its resource. */
  resources?: R
  /** Further scopes that a scope includes. */
  implies?: { readonly [S in ScopesOf<NoInfer<R>, NoInfer<L>>]?: ReadonlyArray<ScopesOf<NoInfer<R>, NoInfer<L>>> }
  /** Levels from the least to the most powerful; each includes those before it. */
  levels?: L
  /** The level that a route of this method needs where it states nothing; overrides the defaults. */
  methods?: Readonly<Record<string, NoInfer<L>[number]>>
  /** Security schemes that `secure`, `anyOf` and levels state, any of which will do; `['apiKey']` by default. OAuth's is `oauth`. */
  schemes?: readonly string[]
}

export type Resources = Readonly<Record<string, readonly string[]>>

export type ScopesOf<R extends Resources, L extends readonly string[]> =
  | { [Resource in keyof R & string]: `${Resource}:${R[Resource][number]}` }[keyof R & string]
  | L[number]

/** The declared scopes, numbered, each with the set of scopes it grants. */
export interface ScopeTable<S extends string = string> {
  readonly names: readonly S[]
  /** Security schemes that routes state by this catalogue. */
  readonly schemes: readonly string[]
  has (name: string): name is S
  /** All scopes that `scopes` grant, with what they imply; unknown names grant nothing. */
  expand (scopes: readonly string[]): S[]
  /** The same as a bit set. */
  grant (scopes: readonly string[]): Bits
  /** The scopes themselves as a bit set, or undefined when one of them is not declared. */
  require (scopes: readonly string[]): Bits | undefined
  /** From the least to the most powerful; empty without levels. */
  readonly levels: readonly S[]
  /** What the method of a route states for it, where levels are declared. */
  byMethod (method: string): Security | undefined
}

const strings = Type.Array(Type.String(), { description: 'an array of strings' })
const definitionSchema = Type.Object({
  resources: Type.Optional(Type.Record(Type.String(), Type.Array(Type.String(), { minItems: 1, description: 'an array with at least one action' }), { description: '{ resource: [actions] }' })),
  implies: Type.Optional(Type.Record(Type.String(), strings, { description: '{ scope: [scopes] }' })),
  levels: Type.Optional(strings),
  methods: Type.Optional(Type.Record(Type.String(), Type.String({ description: 'one of the levels' }), { description: '{ METHOD: level }' })),
  schemes: Type.Optional(Type.Array(Type.String({ minLength: 1 }), { minItems: 1, uniqueItems: true, description: 'an array of different security schemes, such as [\'apiKey\', \'oauth\']' }))
}, { additionalProperties: false, description: '{ resources, implies? } or { levels, methods? }' })

/** Builds the table. @throws OptionError that names the scope */
export function createScopeTable<const R extends Resources, const L extends readonly string[]> (
  definition: ScopesDefinition<R, L>
): ScopeTable<ScopesOf<R, L>> {
  type S = ScopesOf<R, L>
  checkOptions(definitionSchema, definition, 'scopes')
  const { resources = {}, implies = {}, levels = [], methods = {}, schemes = ['apiKey'] } = definition
  const names: string[] = []
  const included = new Map<string, string[]>()

  for (const [resource, actions] of Object.entries<readonly string[]>(resources)) {
    checkToken(resource, 'resources')
    for (const action of actions) {
      checkToken(action, `resources.${resource}`)
      declare(`${resource}:${action}`, action === 'manage' ? actions.map((one) => `${resource}:${one}`) : [])
    }
  }
  levels.forEach((level, i) => {
    checkToken(level, 'levels')
    declare(level, levels.slice(0, i))
  })
  if (names.length === 0) throw new OptionError('option scopes must declare resources or levels: defineScopes({ resources: { devices: [\'read\', \'write\'] } })')

  function declare (name: string, includes: string[]): void {
    if (included.has(name)) throw new OptionError(`option scopes declares ${name} twice`)
    names.push(name)
    included.set(name, includes)
  }

  for (const [scope, others] of Object.entries<readonly string[]>({ ...implies })) {
    const unknown = [scope, ...others].find((name) => !included.has(name))
    if (unknown !== undefined) throw new OptionError(`option scopes.implies names ${show(unknown)}, which is not declared; declared: ${names.join(', ')}`)
    included.get(scope)?.push(...others)
  }
  const numbers = new Map(names.map((name, i) => [name, i]))
  const closures = new Map(names.map((name) => [name, closure(name, included)]))
  const grants = new WeakMap<readonly string[], Bits>()
  const isDeclared = (name: string): name is S => numbers.has(name)
  const declared = names.filter(isDeclared)

  /** Kept for lists that can't change: principals share them, so a look-up is all that a request pays. */
  function grant (scopes: readonly string[]): Bits {
    let bits = grants.get(scopes)
    if (bits === undefined) {
      const granted = new Set(scopes.flatMap((scope) => closures.get(scope) ?? []))
      bits = new Bits(names.flatMap((name, i) => granted.has(name) ? [i] : []))
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
      const wanted: number[] = []
      for (const scope of scopes) {
        const number = numbers.get(scope)
        if (number === undefined) return undefined
        wanted.push(number)
      }
      return new Bits(wanted)
    },
    byMethod: createByMethod(levels, methods, schemes)
  } satisfies ScopeTable<S>)
}

/** RFC 6749 §3.3 without the colon, which parts resource and action. */
function checkToken (token: string, path: string): void {
  if (/^[\x21\x23-\x39\x3b-\x5b\x5d-\x7e]+$/.test(token)) return
  throw new OptionError(`option scopes.${path} has ${show(token)}; a name is visible ASCII without spaces, quotes, backslashes and colons (RFC 6749 §3.3)`)
}

function closure (scope: string, included: ReadonlyMap<string, readonly string[]>): string[] {
  const reached = new Set([scope])
  for (const name of reached) included.get(name)?.forEach((other) => reached.add(other))
  return [...reached]
}
