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
  /** The operation behind each word of `permissions`, in their order; empty for `all operations`. */
  readonly operations: readonly PermittedOperation[]
}

export interface PermittedOperation {
  readonly method: string
  /** As Fastify has it, such as `/devices/:id`. */
  readonly url: string
  readonly operationId?: string
  readonly tags: readonly string[]
}

/** A route that the table shows. */
export interface VisibleRoute { readonly access: RouteAccess, readonly tags: readonly string[] }

/** The table of scopes, by resource, in the order of the catalogue. */
export function createScopesTable (table: ScopeTable, visible: readonly VisibleRoute[]): ResourceScopes[] {
  const routes = visible.filter(({ access }) => access.mode === 'guarded' && !isHeadOfGet(access, visible))
  const resources = byResource(table.names)

  return [...resources].map(([resource, names]) => ({
    resource,
    title: titleOf(resource),
    scopes: names.map((scope) => permissionsOf(scope, resource, names))
  }))

  function permissionsOf (scope: string, resource: string, names: readonly string[]): ScopePermissions {
    const granted = new Set(table.expand([scope]))
    if (names.length > 1 && names.every((name) => granted.has(name))) {
      return { scope, permissions: ['all operations'], operations: [] }
    }
    const byWord = new Map<string, PermittedOperation>()
    for (const route of routes) {
      const missing = missingFor(route.access, granted)
      if (missing === undefined) continue
      const word = wordOf(route.access, resource) + (missing.length === 0 ? '' : ` (with ${missing.join(' and ')})`)
      if (!byWord.has(word)) byWord.set(word, operationOf(route))
    }
    return { scope, permissions: [...byWord.keys()], operations: [...byWord.values()] }
  }
}

function operationOf ({ access: { method, url, operationId }, tags }: VisibleRoute): PermittedOperation {
  return { method, url, ...operationId !== undefined && { operationId }, tags }
}

/** What a holder of `granted` lacks for the alternative that needs least beside it; undefined when it opens none. */
function missingFor ({ alternatives }: RouteAccess, granted: ReadonlySet<string>): string[] | undefined {
  const missing = alternatives
    .filter(({ scopes }) => scopes.some((scope) => granted.has(scope)))
    .map(({ scopes }) => scopes.filter((scope) => !granted.has(scope)))
  return missing.sort((one, other) => one.length - other.length)[0]
}

function isHeadOfGet ({ method, url }: RouteAccess, visible: readonly VisibleRoute[]): boolean {
  return method === 'HEAD' && visible.some(({ access }) => access.method === 'GET' && access.url === url)
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
  const parts = resource.split(/[_\-.]+/).filter((word) => word !== '')
  const words = parts.map((word) => word === 'api' ? 'API' : word).join(' ')
  return words === '' ? 'All resources' : words.charAt(0).toUpperCase() + words.slice(1)
}
