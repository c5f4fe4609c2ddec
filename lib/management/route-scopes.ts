import { OptionError, show } from '../core/options.js'
import type { ScopeName } from '../core/scope-registry.js'

/** Scopes that routes of management require. */
export interface RouteScopes {
  /** To see records. */
  readonly read: ScopeName
  /** To make and change them. */
  readonly write: ScopeName
  /** To do what can't be undone. */
  readonly manage: ScopeName
}

/** @param plugin whose option `scopes` it is @throws OptionError that says what to add to the catalogue */
export function checkScopes (scopes: RouteScopes, declared: readonly string[], plugin: string): void {
  const missing = Object.values(scopes).filter((scope) => !declared.includes(scope))
  if (missing.length === 0) return
  const names = missing.map(show).join(', ')
  throw new OptionError(`${plugin} requires ${names}, which the catalogue does not declare; ` +
    `${fixFor(missing)}, or name declared scopes in option ${plugin}.scopes`)
}

/** What to write into `defineScopes`, by resource. */
function fixFor (missing: readonly string[]): string {
  const actions = new Map<string, string[]>()
  for (const scope of missing) {
    const [resource = '', action] = scope.split(':')
    if (action !== undefined) actions.set(resource, [...actions.get(resource) ?? [], action])
  }
  const lines = [...actions].map(([resource, names]) => `${resource}: [${names.map((name) => `'${name}'`).join(', ')}]`)
  if (lines.length === 0) return 'add them to levels of defineScopes'
  return `add ${lines.join(', ')} to resources of defineScopes`
}
