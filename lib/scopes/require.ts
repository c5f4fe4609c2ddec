import type { onRequestHookHandler } from 'fastify'
import { contextOf } from '../core/access-context.js'
import type { ScopeTable } from './catalogue.js'
import { insufficientScope } from './refusals.js'

/** The hook behind `catalogue.requireScopes`. */
export function createRequireScopes (table: ScopeTable, scopes: readonly string[]): onRequestHookHandler {
  const wanted = table.require(scopes)
  return function requireScopes (request, reply, done) {
    const context = contextOf(request.server)
    const { principal } = request
    if (principal === null) return context.refuse(request, reply, context.refusal('CREDENTIAL_MISSING'))
    if (wanted !== undefined && table.grant(principal.scopes).includes(wanted)) return done()
    context.refuse(request, reply, insufficientScope(context, [{ scheme: 'apiKey', scopes }], principal, request))
  }
}
