import type { FastifyInstance, RouteOptions } from 'fastify'
import type { RouteAccess } from '../core/route-access.js'
import type { Profiles } from './access-lines.js'
import type { RefusalRendering } from './responses.js'
import type { DocumentedSchemes } from './security.js'

/** One guarded context, as documents show it. */
export interface DocumentedContext {
  readonly app: FastifyInstance
  readonly rendering: RefusalRendering
  readonly profiles: Profiles
  readonly schemes: DocumentedSchemes
  /** What a route declares, once for each of its methods; empty when the route is not of this context. */
  accessesOf (route: RouteOptions): readonly RouteAccess[]
}

/** By server, because @fastify/swagger may be registered outside the guarded contexts that its document shows. */
const contexts = new WeakMap<FastifyInstance['server'], DocumentedContext[]>()

export function addDocumentedContext (context: DocumentedContext): void {
  const { server } = context.app
  contexts.set(server, [...contexts.get(server) ?? [], context])
}

/** The guarded contexts that `app` is in, and those inside it. */
export function documentedContexts (app: FastifyInstance): DocumentedContext[] {
  const all = contexts.get(app.server) ?? []
  return all.filter((one) => one.app === app || isInside(one.app, app) || isInside(app, one.app))
}

/** Fastify creates each child context with its parent as the prototype. */
function isInside (inner: object, outer: object): boolean {
  return Object.prototype.isPrototypeOf.call(outer, inner)
}
