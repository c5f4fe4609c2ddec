import type { FastifyRequest, onRequestHookHandler } from 'fastify'
import { contextOf, type AccessContext } from '../core/access-context.js'
import type { AccessError } from '../core/errors.js'
import { declareCheck, reportOutcome } from '../core/outcomes.js'
import type { ScopeTable } from './catalogue.js'
import { insufficientScope } from './refusals.js'

/** The hook behind `catalogue.requireScopes`. */
export function createRequireScopes (table: ScopeTable, scopes: readonly string[]): onRequestHookHandler {
  const wanted = table.require(scopes)

  function refusalOf (context: AccessContext, request: FastifyRequest): AccessError | undefined {
    const { principal } = request
    if (principal === null) return context.refusal('CREDENTIAL_MISSING')
    if (wanted !== undefined && table.grant(principal.scopes).includes(wanted)) return undefined
    return insufficientScope(context, [{ scheme: 'apiKey', scopes }], principal, request)
  }

  return declareCheck<onRequestHookHandler>(function requireScopes (request, reply, done) {
    const context = contextOf(request.server)
    const access = context.accessOf(request)
    const refusal = refusalOf(context, request)
    const isLast = access.lastCheck === requireScopes
    if (isLast || (refusal !== undefined && access.lastCheck !== undefined)) {
      reportOutcome(context, request, access, refusal)
    }
    if (refusal === undefined) done()
    else context.refuse(request, reply, refusal)
  })
}
