import { readDeclaration, readRateLimit } from '../core/declaration.js'
import type { RouteAccess, Security } from '../core/route-access.js'
import { recordOf, type Json } from './document-parts.js'

/** What an operation requires, as far as documents show it. */
export type OperationAccess = Pick<RouteAccess, 'mode' | 'alternatives' | 'profile' | 'cost'>

/**
 * The `security` of an operation, defaults included.
 * @param schemes names of the schemes that the context authenticates by
 */
export function securityOf ({ mode, alternatives }: OperationAccess, schemes: readonly string[]): Security {
  if (mode === 'public') return []
  const wanted = alternatives.length > 0 ? alternatives : schemes.map((scheme) => ({ scheme, scopes: [] }))
  const security = wanted.map(({ scheme, scopes }) => ({ [scheme]: [...scopes] }))
  return mode === 'optional' ? [...security, {}] : security
}

/** What an operation requires by its `security`; undefined when that is missing, empty, or names another scheme. */
export function readOperation (operation: Json, schemes: readonly string[]): OperationAccess | undefined {
  const { security } = operation
  if (!Array.isArray(security)) return undefined
  const faults: string[] = []
  const access = readDeclaration(security, faults)
  const known = access.alternatives.every(({ scheme }) => schemes.includes(scheme))
  if (!known || faults.length > 0 || access.alternatives.length === 0) return undefined
  return { ...access, ...readRateLimit(operation['x-rate-limit'], faults) }
}

/** OpenAPI 3.0 allows scopes for OAuth 2.0 and OpenID Connect alone: for other schemes the list must be empty. */
export function withoutForbiddenScopes (security: Security, schemes: Json): Security {
  const items = security.map((item) => Object.fromEntries(Object.entries(item)
    .map(([scheme, scopes]) => [scheme, WITH_SCOPES.has(recordOf(schemes[scheme]).type) ? scopes : []])))
  return [...new Map(items.map((item) => [JSON.stringify(item), item])).values()]
}

const WITH_SCOPES: ReadonlySet<unknown> = new Set(['oauth2', 'openIdConnect'])
