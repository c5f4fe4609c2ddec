import type { RouteAccess } from '../access.js'
import type { ScopeTable } from '../scopes/index.js'

/** The scopes of one resource, with what each permits. */
export interface ResourceScopes {
  readonly resource: string
  readonly scopes: ReadonlyArray<{ readonly scope: string, readonly permissions: readonly string[] }>
}

/** The table of scopes: each with the operations that accept it alone, in the order of the routes. */
export function createScopesTable (table: ScopeTable, routes: readonly RouteAccess[]): ResourceScopes[] {
  const rows = new Map<string, Array<{ scope: string, permissions: string[] }>>()
  for (const scope of table.names) {
    const [resource = scope] = scope.split(':')
    const permissions = routes.filter((route) => route.method !== 'HEAD' && accepts(table, route, scope)).map(nameOf)
    const row = rows.get(resource) ?? []
    row.push({ scope, permissions: [...new Set(permissions)] })
    rows.set(resource, row)
  }
  return [...rows].map(([resource, scopes]) => ({ resource, scopes }))
}

function accepts (table: ScopeTable, { alternatives }: RouteAccess, scope: string): boolean {
  const granted = table.grant([scope])
  return alternatives.some(({ scopes }) => {
    const wanted = table.require(scopes)
    return scopes.length > 0 && wanted !== undefined && granted.includes(wanted)
  })
}

function nameOf ({ operationId, method, url }: RouteAccess): string {
  return operationId ?? `${method} ${url}`
}
