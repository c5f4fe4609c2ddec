import type { RouteAccess } from '../core/route-access.js'
import type { ScopeTable } from '../scopes/index.js'

/** The scopes of one resource, with what each permits. */
export interface ResourceScopes {
  /** As declared, such as `config_instances`; '' for levels and other scopes without a resource. */
  readonly resource: string
  /** For people, such as `Config instances`. */
  readonly title: string
  readonly scopes: readonly ScopePermissions[]
}

export interface ScopePermissions {
  readonly scope: string
  /**
   * A word for each operation, in the order of the routes: of the `operationId` what follows `resource.` or `resource_`
   * when that is the resource of the scope, else all of it; `GET /devices` where there is none. An operation that this
   * scope alone does not open says what else is needed: `copy (with files:write)`. A scope that includes every other
   * of its resource has the one word `all operations`.
   */
  readonly permissions: readonly string[]
}

/** The table of scopes, by resource, in the order of the catalogue. */
export function createScopesTable (table: ScopeTable, operations: readonly RouteAccess[]): ResourceScopes[] {
  const routes = operations.filter((one) => one.mode === 'guarded' && !isHeadOfGet(one, operations))
  const resources = byResource(table.names)

  return [...resources].map(([resource, names]) => ({
    resource,
    title: titleOf(resource),
    scopes: names.map((scope) => ({ scope, permissions: permissionsOf(scope, resource, names) }))
  }))

  function permissionsOf (scope: string, resource: string, names: readonly string[]): string[] {
    const granted = new Set(table.expand([scope]))
    if (names.length > 1 && names.every((name) => granted.has(name))) return ['all operations']
    return [...new Set(routes.flatMap((route) => {
      const missing = missingFor(route, granted)
      if (missing === undefined) return []
      const word = wordOf(route, resource)
      return missing.length === 0 ? [word] : [`${word} (with ${missing.join(' and ')})`]
    }))]
  }
}

/** What a holder of `granted` lacks for the alternative that needs least beside it; undefined when it opens none. */
function missingFor ({ alternatives }: RouteAccess, granted: ReadonlySet<string>): string[] | undefined {
  const missing = alternatives
    .filter(({ scopes }) => scopes.some((scope) => granted.has(scope)))
    .map(({ scopes }) => scopes.filter((scope) => !granted.has(scope)))
  return missing.sort((one, other) => one.length - other.length)[0]
}

function isHeadOfGet ({ method, url }: RouteAccess, operations: readonly RouteAccess[]): boolean {
  return method === 'HEAD' && operations.some((other) => other.method === 'GET' && other.url === url)
}

function wordOf ({ operationId, method, url }: RouteAccess, resource: string): string {
  if (operationId === undefined) return `${method} ${url}`
  const own = resource !== '' && ['.', '_'].some((mark) => operationId.startsWith(resource + mark))
  return (own ? operationId.slice(resource.length + 1) : '') || operationId
}

function byResource (names: readonly string[]): Map<string, string[]> {
  const groups = new Map<string, string[]>()
  for (const name of names) {
    const resource = name.includes(':') ? name.slice(0, name.indexOf(':')) : ''
    groups.set(resource, [...groups.get(resource) ?? [], name])
  }
  return groups
}

function titleOf (resource: string): string {
  const words = resource.split(/[_\-.]+/).filter((word) => word !== '').join(' ')
  return words === '' ? 'All resources' : words.charAt(0).toUpperCase() + words.slice(1)
}
