import type { FastifyInstance } from 'fastify'
import fp from 'fastify-plugin'
import { Type } from '@sinclair/typebox'
import { groundOf } from '../ground.js'
import { checkOptions } from '../options.js'
import type { ScopeTable } from '../scopes/index.js'
import { createScopesTable, type ResourceScopes } from './table.js'

export interface DocsOptions {
  /** What `defineScopes` returned. */
  scopes: ScopeTable
}

declare module 'fastify' {
  interface FastifyInstance {
    /** Each declared scope with the operations it permits, taken from the routes. Complete once the app is ready. */
    scopesByResource (): ResourceScopes[]
  }
}

const docsOptions = Type.Object({ scopes: Type.Object({}, { description: 'what defineScopes returned' }) }, { additionalProperties: false })

/** Documents what the other rooms enforce, from the same declarations. */
export const docs = fp<DocsOptions>(async function latchkeyDocs (app: FastifyInstance, options: DocsOptions) {
  checkOptions(docsOptions, options, 'docs')
  const ground = groundOf(app)
  app.decorate('scopesByResource', () => createScopesTable(options.scopes, ground.routes))
}, { name: 'latchkey-docs', fastify: '5.x' })

export type { ResourceScopes } from './table.js'
