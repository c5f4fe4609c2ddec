import type { Security } from '../access.js'
import { OptionError, show } from '../options.js'
import { createBits, type Bits } from './bits.js'

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
}

export type Resources = Readonly<Record<string, readonly string[]>>

export type ScopesOf<R extends Resources, L extends readonly string[]> =
  | { [Resource in keyof R & string]: `${Resource}:${R[Resource][number]}` }[keyof R & string]
  | L[number]

/** The declared scopes, numbered, each with the set of scopes it grants. */
export interface ScopeTable<S extends string = string> {
  readonly names: readonly S[]
  has (name: string): name is S
  /** All scopes that `scopes` grant, with what they imply; unknown names grant nothing. */
  expand (scopes: readonly string[]): S[]
  /** The same as a bit set. */
  grant (scopes: readonly string[]): Bits
  /** The scopes themselves as a bit set, or undefined when one of them is not declared. */
  require (scopes: readonly string[]): Bits | undefined
  /** Index of a scope in `names`. */
  readonly levels: readonly S[]
  /** What the method of a route states for it, where levels are declared. */
  byMethod (method: string): Security | undefined
}

const SAFE = ['GET', 'HEAD']
const UNSAFE = ['POST', 'PUT', 'PATCH', 'DELETE']

/** Builds the table. @throws OptionError that names the scope */
export function createScopeTable<const R extends Resources, const L extends readonly string[]> (
  { resources, implies, levels, methods }: ScopesDefinition<R, L>
): ScopeTable<ScopesOf<R, L>> {
  type S = ScopesOf<R, L>
  const names: string[] = []
  const included = new Map<string, string[]>()

  for (const [resource, actions] of Object.entries(resources ?? {})) {
    checkToken(resource, `resources.${resource}`)
    if (!Array.isArray(actions) || actions.length === 0) throw new OptionError(`option scopes.resources.${resource} must be an array of actions, not ${show(actions)}`)
    for (const action of actions) {
      checkToken(action, `resources.${resource}`)
      names.push(`${resource}:${action}`)
      included.set(`${resource}:${action}`, action === 'manage' ? actions.map((one) => `${resource}:${one}`) : [])
    }
  }
  levels?.forEach((level, i) => {
    checkToken(level, 'levels')
    names.push(level)
    included.set(level, levels.slice(0, i))
  })
  if (names.length === 0) throw new OptionError('option scopes must declare resources or levels: defineScopes({ resources: { devices: [\'read\', \'write\'] } })')
  if (included.size !== names.length) throw new OptionError(`option scopes declares ${names.find((name, i) => names.indexOf(name) !== i)} twice`)

  const numbers = new Map(names.map((name, i) => [name, i]))
  for (const [scope, others] of Object.entries<readonly string[] | undefined>({ ...implies })) {
    for (const name of [scope, ...others ?? []]) {
      if (!numbers.has(name)) throw new OptionError(`option scopes.implies names ${show(name)}, which is not declared; declared: ${names.join(', ')}`)
    }
    included.get(scope)?.push(...others ?? [])
  }
  const methodLevels = levelOfMethods(levels ?? [], { ...methods })
  const closures = names.map((name) => closure(name, included))
  const isDeclared = (name: string): name is S => numbers.has(name)
  const declared = names.filter(isDeclared)

  function grant (scopes: readonly string[]): Bits {
    const bits = createBits(names.length)
    for (const scope of scopes) {
      const number = numbers.get(scope)
      if (number === undefined) continue
      for (const implied of closures[number] ?? []) bits.add(numbers.get(implied) ?? number)
    }
    return bits
  }

  return Object.freeze({
    names: Object.freeze(declared),
    levels: Object.freeze((levels ?? []).filter(isDeclared)),
    has: isDeclared,
    grant,
    expand (scopes) {
      const bits = grant(scopes)
      return declared.filter((_, i) => bits.has(i))
    },
    require (scopes) {
      const bits = createBits(names.length)
      for (const scope of scopes) {
        const number = numbers.get(scope)
        if (number === undefined) return undefined
        bits.add(number)
      }
      return bits
    },
    byMethod (method) {
      const level = methodLevels.get(method)
      return level === undefined ? undefined : [{ apiKey: [level] }]
    }
  } satisfies ScopeTable<S>)
}

/** RFC 6749 §3.3 without the colon, which parts resource and action. */
function checkToken (token: unknown, path: string): void {
  if (typeof token === 'string' && /^[\x21\x23-\x39\x3b-\x5b\x5d-\x7e]+$/.test(token)) return
  throw new OptionError(`option scopes.${path} has ${show(token)}; a name is visible ASCII without spaces, quotes, backslashes and colons (RFC 6749 §3.3)`)
}

function closure (scope: string, included: ReadonlyMap<string, readonly string[]>): Set<string> {
  const reached = new Set([scope])
  for (const name of reached) {
    for (const other of included.get(name) ?? []) reached.add(other)
  }
  return reached
}

function levelOfMethods (levels: readonly string[], methods: Readonly<Record<string, string>>): Map<string, string> {
  const [first, second = first] = levels
  const byMethod = new Map<string, string>()
  if (first === undefined || second === undefined) {
    if (Object.keys(methods).length > 0) throw new OptionError('option scopes.methods needs scopes.levels to choose from')
    return byMethod
  }
  for (const method of SAFE) byMethod.set(method, first)
  for (const method of UNSAFE) byMethod.set(method, second)
  for (const [method, level] of Object.entries(methods)) {
    if (!levels.includes(level)) throw new OptionError(`option scopes.methods.${method} must be one of ${levels.join(', ')}, not ${show(level)}`)
    byMethod.set(method.toUpperCase(), level)
  }
  return byMethod
}
