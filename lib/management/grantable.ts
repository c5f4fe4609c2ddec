import { Type } from '@sinclair/typebox'
import { OptionError, show } from '../core/options.js'
import type { Principal } from '../core/principal.js'
import type { ScopeName } from '../core/scope-registry.js'
import type { Keys } from '../keys/index.js'
import type { ResourceScopes } from '../openapi/index.js'
import type { CallerView } from './key-schemas.js'

/** A bundle of scopes under one name. */
export interface ScopePreset {
  readonly name: string
  /** What it is for, in a sentence. */
  readonly description?: string | undefined
  readonly scopes: readonly ScopeName[]
}

const text = Type.String({ minLength: 1, description: 'text' })
const scopes = Type.Array(text, { description: 'an array of declared scopes' })
export const presets = Type.Array(Type.Object({ name: text, description: Type.Optional(text), scopes }, {
  additionalProperties: false,
  description: '{ name, description?, scopes }'
}), { description: 'an array of { name, description?, scopes }' })

/** @throws OptionError where a preset has a scope that is not declared */
export function checkPresets (presets: readonly ScopePreset[], catalogue: readonly ResourceScopes[]): void {
  const declared = new Set(namesOf(catalogue))
  for (const { name, scopes } of presets) {
    const unknown = scopes.find((scope) => !declared.has(scope))
    if (unknown === undefined) continue
    throw new OptionError(`option keyRoutes.presets: ${show(name)} has ${show(unknown)}, which is not declared`)
  }
}

/** Of operations of ours, in the place of their ids. */
const WORDS: ReadonlyMap<string | undefined, string> = new Map([
  ['api_keys.caller', 'see what you may do'],
  ['api_keys.key_usage', 'usage of a key'],
  ['webhooks.caller', 'see what you may do']
])

/** What an operation does, for people; a word that says which further scope it needs keeps that. */
function humanWord (word: string, operationId: string | undefined): string {
  return WORDS.get(operationId) ?? word.replace(/^[^ ]+/, (id) => id.replaceAll('_', ' '))
}

export interface GrantableDeps {
  /** Complete once the app is ready. */
  readonly catalogue: () => readonly ResourceScopes[]
  readonly grants: Keys['grants']
  readonly presets: readonly ScopePreset[]
}

/** Makes the view of what a caller may grant. */
export function createGrantable ({ catalogue, grants, presets }: GrantableDeps) {
  let resources: CallerView['scopes'] | undefined

  /** What each scope includes is the same for all callers. */
  function describe (): CallerView['scopes'] {
    const table = catalogue()
    const names = namesOf(table)
    const includedIn = (scope: string) => names.filter((name) => name !== scope && grants({ scopes: [scope] }, [name]))
    return table.map(({ resource, title, scopes }) => ({
      resource,
      title,
      scopes: scopes.map(({ scope, permissions, operations }) => ({
        scope,
        permissions: permissions.map((word, i) => humanWord(word, operations[i]?.operationId)),
        includes: includedIn(scope)
      }))
    }))
  }

  return function grantableBy (by: Principal): Pick<CallerView, 'scopes' | 'presets'> {
    resources ??= describe()
    const isGrantable = ({ scope }: { scope: string }) => grants(by, [scope])
    const grantable = resources.map((one) => ({ ...one, scopes: one.scopes.filter(isGrantable) }))
    return {
      scopes: grantable.filter(({ scopes }) => scopes.length > 0),
      presets: presets.filter((one) => grants(by, one.scopes)).map(viewOfPreset)
    }
  }
}

function viewOfPreset ({ name, description, scopes }: ScopePreset): CallerView['presets'][number] {
  return { name, ...description !== undefined && { description }, scopes: [...scopes] }
}

/** The declared scopes. */
export function namesOf (catalogue: readonly ResourceScopes[]): string[] {
  return catalogue.flatMap(({ scopes }) => scopes.map(({ scope }) => scope))
}
