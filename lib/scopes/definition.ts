import { Type } from '@sinclair/typebox'
import { checkOptions, OptionError, show } from '../core/options.js'

/** What `defineScopes` takes. */
export interface ScopesDefinition<R extends Resources, L extends readonly string[]> {
  /** Actions of each resource; the scopes are `resource:action`. `manage` includes all others of its resource. */
  resources?: R
  /** Further scopes that a scope includes. */
  implies?: { readonly [S in ScopesOf<NoInfer<R>, NoInfer<L>>]?: ReadonlyArray<ScopesOf<NoInfer<R>, NoInfer<L>>> }
  /** Levels from the least to the most powerful; each includes those before it. */
  levels?: L
  /** The level that routes of a method require where they declare nothing; overrides the defaults. */
  methods?: Readonly<Record<string, NoInfer<L>[number]>>
  /**
   * Security schemes that `secure`, `anyOf` and levels declare as alternatives; `['apiKey']` by default. The scheme of
   * access tokens is `oauth`.
   */
  schemes?: readonly string[]
}

export type Resources = Readonly<Record<string, readonly string[]>>

export type ScopesOf<R extends Resources, L extends readonly string[]> =
  | { [Resource in keyof R & string]: `${Resource}:${R[Resource][number]}` }[keyof R & string]
  | L[number]

const strings = Type.Array(Type.String(), { description: 'an array of strings' })
const actions = Type.Array(Type.String(), { minItems: 1, description: 'an array with at least one action' })
const level = Type.String({ description: 'one of the levels' })

const definitionSchema = Type.Object({
  resources: Type.Optional(Type.Record(Type.String(), actions, { description: '{ resource: [actions] }' })),
  implies: Type.Optional(Type.Record(Type.String(), strings, { description: '{ scope: [scopes] }' })),
  levels: Type.Optional(strings),
  methods: Type.Optional(Type.Record(Type.String(), level, { description: '{ METHOD: level }' })),
  schemes: Type.Optional(Type.Array(Type.String({ minLength: 1 }), {
    minItems: 1,
    uniqueItems: true,
    description: 'an array of different security schemes, such as [\'apiKey\', \'oauth\']'
  }))
}, { additionalProperties: false, description: '{ resources, implies? } or { levels, methods? }' })

/**
 * Reads a definition: each scope, in the order of declaration, with all scopes that it grants.
 * @throws OptionError that names the scope
 */
export function readDefinition (
  definition: ScopesDefinition<Resources, readonly string[]>
): ReadonlyMap<string, ReadonlySet<string>> {
  checkOptions(definitionSchema, definition, 'scopes')
  const { resources = {}, implies = {}, levels = [] } = definition
  const included = new Map<string, string[]>()

  function declare (name: string, includes: string[]): void {
    if (included.has(name)) throw new OptionError(`option scopes declares ${name} twice`)
    included.set(name, includes)
  }

  for (const [resource, actions] of Object.entries(resources)) {
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
  if (included.size === 0) {
    throw new OptionError('option scopes must declare resources or levels: ' +
      'defineScopes({ resources: { devices: [\'read\', \'write\'] } })')
  }

  for (const [scope, others = []] of Object.entries(implies)) {
    const unknown = [scope, ...others].find((name) => !included.has(name))
    if (unknown !== undefined) {
      throw new OptionError(`option scopes.implies names ${show(unknown)}, which is not declared; ` +
        `declared: ${[...included.keys()].join(', ')}`)
    }
    included.get(scope)?.push(...others)
  }
  return new Map([...included.keys()].map((scope) => [scope, closure(scope, included)]))
}

/** A scope token (RFC 6749 §3.3) without the colon, which separates resource and action. */
function checkToken (token: string, path: string): void {
  if (/^[\x21\x23-\x39\x3b-\x5b\x5d-\x7e]+$/.test(token)) return
  throw new OptionError(`option scopes.${path} has ${show(token)}; ` +
    'a name is visible ASCII without spaces, quotes, backslashes and colons (RFC 6749 §3.3)')
}

/** A scope with all that it includes, directly or through others. */
function closure (scope: string, included: ReadonlyMap<string, readonly string[]>): ReadonlySet<string> {
  const reached = new Set([scope])
  for (const name of reached) included.get(name)?.forEach((other) => reached.add(other))
  return reached
}
