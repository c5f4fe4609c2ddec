import type { FastifyInstance } from 'fastify'
import fp from 'fastify-plugin'
import { Type } from '@sinclair/typebox'
import type { RouteAccess } from '../core/route-access.js'
import { contextOf, offer } from '../core/access-context.js'
import { checkOptions, OptionError } from '../core/options.js'
import type { ScopeTable } from '../scopes/index.js'
import { createStatedSecurity } from './stated.js'
import { createAccessDocument, type AccessDocument } from './swagger.js'
import { createScopesTable, type ResourceScopes } from './scopes-table.js'

export interface DocsOptions {
  /** What `defineScopes` returned. */
  scopes: ScopeTable
}

const kDocument = Symbol('latchkey.document')

declare module '../core/access-context.js' {
  interface Latchkey {
    /** Each declared scope with the operations it permits, taken from the routes. Complete once the app is ready. */
    scopesByResource (): ResourceScopes[]
    [kDocument]: AccessDocument
  }
}

const docsOptions = Type.Object({ scopes: Type.Object({}, { description: 'what defineScopes returned' }) }, { additionalProperties: false })

/**
 * Documents what the other rooms enforce, from the same declarations. Where @fastify/swagger is registered, in this
 * context, an outer or an inner one, before or after, the OpenAPI 3 document that `app.swagger()` answers shows the
 * security schemes, each operation's security (defaults as well) and what a refused request is answered. Documents of
 * Swagger 2.0 are left alone.
 */
export const docs = fp<DocsOptions>(async function latchkeyDocs (app: FastifyInstance, options: DocsOptions) {
  checkOptions(docsOptions, options, 'docs')
  const ground = contextOf(app)
  const operations: RouteAccess[] = []
  const contexts = new Set([app])
  const schemes = Object.fromEntries(app.latchkey.resolvers.map(({ scheme, description }) => [scheme, description]))
  const stated = createStatedSecurity(Object.keys(schemes))
  const document = createAccessDocument({ ground, schemes, stated })

  app.addHook('onRoute', function documentRoute (route) {
    const accesses = ground.statedBy(route)
    const { schema = {} } = route
    route.schema = { ...schema, security: stated.show(accesses, schema.security) }
    if (!('hide' in schema && schema.hide === true)) operations.push(...accesses)
    contexts.add(this)
  })
  app.addHook('onReady', async function shareDocument () {
    for (const context of contexts) document.shareWith(context)
  })
  document.shareWith(app)

  offer(app, kDocument, document)
  offer(app, 'scopesByResource', () => createScopesTable(options.scopes, operations))
}, { name: 'latchkey-docs', fastify: '5.x', dependencies: ['latchkey-auth'] })

/**
 * For the `transformObject` option of @fastify/swagger, where the document is made under another `decorator`, or is
 * wanted as real YAML. Under another decorator, state `openapi.components.securitySchemes` as well:
 * @fastify/swagger looks the schemes of operations up there before `transformObject` is asked.
 *
 * ```ts
 * await app.register(swagger, { openapi, transformObject: accessDocument(app) })
 * ```
 *
 * @throws OptionError when the document is made while `app` is not guarded
 */
export function accessDocument (app: FastifyInstance) {
  return function transformObject<Two extends object, Three extends object> (given: { swaggerObject: Two } | { openapiObject: Three }): Two | Three {
    if (!app.hasDecorator('latchkey')) throw new OptionError('accessDocument needs an app that Latchkey guards: register Latchkey in its context, or in an outer one')
    return 'openapiObject' in given ? app.latchkey[kDocument].describe(given.openapiObject) : given.swaggerObject
  }
}

export { scopesHtml, scopesMarkdown } from './render.js'
export type { ResourceScopes, ScopePermissions } from './scopes-table.js'
