import { takesFrom, type CredentialPlace, type Resolver } from '../auth/index.js'
import { readDeclaration, readRateLimit } from '../core/declaration.js'
import type { RouteAccess, Security } from '../core/route-access.js'
import { recordOf, type Json } from './document-parts.js'

/**
 * For each scheme that routes name: the security scheme objects of a document by their names there, one for each place
 * in which the credential is taken.
 */
export type DocumentedSchemes = Readonly<Record<string, Readonly<Record<string, Json>>>>

/** @param places where credentials are read */
export function documentSchemes (
  schemes: readonly DocumentedScheme[], places: readonly CredentialPlace[]
): DocumentedSchemes {
  const documented: Record<string, Record<string, Json>> = {}
  for (const scheme of schemes) {
    for (const place of places.filter((one) => takesFrom(scheme, one))) {
      const [name, description] = describePlace(scheme, place)
      documented[scheme.scheme] = { ...documented[scheme.scheme], [name]: description }
    }
  }
  return documented
}

/** What a resolver says of its security scheme. */
export type DocumentedScheme = Pick<Resolver, 'scheme' | 'kind' | 'places' | 'description'>

/** The names are public: they depend on the place alone, not on what else is configured. */
function describePlace ({ scheme, description }: DocumentedScheme, place: CredentialPlace): [name: string, Json] {
  switch (place.type) {
    case 'bearer': return [scheme, description]
    case 'basic': return [`${scheme}-basic`, {
      type: 'http', scheme: 'basic', description: 'The credential is the user name; the password is empty.'
    }]
    case 'header': return [`${scheme}-${place.name}`, {
      type: 'apiKey', in: 'header', name: place.name, description: 'The credential is the whole value of the field.'
    }]
  }
}

/** What an operation requires, as far as documents show it. */
export type OperationAccess = Pick<RouteAccess, 'mode' | 'alternatives' | 'profile' | 'cost' | 'countsAnonymous'>

/** The `security` of an operation, defaults included: an alternative for each place that may have the credential. */
export function securityOf ({ mode, alternatives }: OperationAccess, schemes: DocumentedSchemes): Security {
  if (mode === 'public') return []
  const wanted = alternatives.length > 0 ? alternatives : Object.keys(schemes).map((scheme) => ({ scheme, scopes: [] }))
  const security = wanted.flatMap(({ scheme, scopes }) =>
    Object.keys({ ...schemes[scheme] }).map((name) => ({ [name]: [...scopes] })))
  return mode === 'optional' ? [...security, {}] : security
}

/** What an operation requires by its `security`; undefined when that is missing, empty, or names another scheme. */
export function readOperation (operation: Json, schemes: DocumentedSchemes): OperationAccess | undefined {
  const { security } = operation
  if (!Array.isArray(security)) return undefined
  const faults: string[] = []
  const access = readDeclaration(security, faults)
  const known = access.alternatives.every(({ scheme }) => Object.hasOwn(schemes, scheme))
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
