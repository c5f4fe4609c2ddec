/**
 * `fastify-latchkey/openapi`: scopes, refusals and fields in the document of @fastify/swagger.
 */

import type { FastifyInstance, RouteOptions } from 'fastify'
import type { RouteAccess } from '../core/route-access.js'
import { offer, type AccessContext } from '../core/access-context.js'
import type { LimitsOptions } from '../limits/index.js'
import type { ScopeTable } from '../scopes/index.js'
import { addDocumentedContext } from './documented-context.js'
import { documentSchemes, type DocumentedScheme } from './security.js'
import { createScopesTable, type ResourceScopes, type VisibleRoute } from './scopes-table.js'

/** What `createOpenApi` works with. */
export interface OpenApiDeps {
  /** The catalogue of the context. */
  readonly scopes: ScopeTable
  /** The security schemes that the context authenticates by. */
  readonly schemes: readonly DocumentedScheme[]
  readonly limits: LimitsOptions | false
}

declare module '../core/access-context.js' {
  interface Latchkey {
    /** Each declared scope with the operations that it permits. Complete once the app is ready. */
    scopesByResource (): ResourceScopes[]
  }
}

/** Collects the routes of a guarded context for `swaggerOptions` and for `app.latchkey.scopesByResource`. */
export function createOpenApi (app: FastifyInstance, context: AccessContext, deps: OpenApiDeps): void {
  const { scopes, schemes, limits } = deps
  const registered: RouteOptions[] = []

  app.addHook('onRoute', function collectRoute (route) { registered.push(route) })
  addDocumentedContext({
    app,
    rendering: context,
    profiles: limits === false || limits.dryRun === true ? undefined : limits.profiles ?? {},
    schemes: documentSchemes(schemes, context.challenge.credentials),
    accessesOf (route) {
      const declared = context.declaredBy(route)
      if (declared.length > 0) return declared
      // @fastify/swagger copies some HEAD routes before the hooks of a context that is registered later.
      return context.routes.filter(({ method, url }) => url === route.url && [route.method].flat().includes(method))
    }
  })
  offer(app, 'scopesByResource', () =>
    createScopesTable(scopes, registered.flatMap((route) => visibleOf(route, context.declaredBy(route)))))
}

function visibleOf ({ schema = {} }: RouteOptions, accesses: readonly RouteAccess[]): VisibleRoute[] {
  if ('hide' in schema && schema.hide === true) return []
  const tags = 'tags' in schema && Array.isArray(schema.tags) ? schema.tags.map(String) : []
  return accesses.map((access) => ({ access, tags }))
}

export { scopesHtml, scopesMarkdown } from './render-scopes.js'
export { swaggerOptions, type DocumentOptions, type SwaggerOptions } from './swagger-options.js'
export type { ScopesPageOptions } from './render-scopes.js'
export type { PermittedOperation, ResourceScopes, ScopePermissions } from './scopes-table.js'
