import type { FastifyRequest, onRequestHookHandler } from 'fastify'
import type { Alternative } from '../access.js'
import type { AccessError } from '../errors.js'
import { groundOf, type Ground } from '../ground.js'
import type { Principal } from '../principal.js'
import type { ScopeTable } from './catalogue.js'

/** The refusal of a principal that satisfies none of `alternatives`: says what was required and what was granted. */
export function insufficientScope (ground: Pick<Ground, 'refusal'>, alternatives: readonly Alternative[], principal: Principal): AccessError {
  const required = [...new Map(alternatives.map(({ scopes }) => [JSON.stringify(scopes), scopes])).values()]
  const wanted = required.map((scopes) => scopes.join(' and ') || 'another kind of credential').join(', or ')
  return ground.refusal('INSUFFICIENT_SCOPE', {
    reason: `needs ${wanted}`,
    detail: `This operation requires ${wanted}; the credential grants ${principal.scopes.join(', ') || 'nothing'}.`,
    extensions: { required, granted: principal.scopes },
    scope: required.slice(0, 1).flat()
  })
}

/** The hook behind `catalogue.requireScopes`. */
export function createRequireScopes (table: ScopeTable, scopes: readonly string[]): onRequestHookHandler {
  const wanted = table.require(scopes)
  return function requireScopes (request: FastifyRequest, reply, done) {
    const ground = groundOf(request.server)
    const { principal } = request
    if (principal === null) return ground.refuse(request, reply, ground.refusal('CREDENTIAL_MISSING'))
    if (wanted !== undefined && table.grant(principal.scopes).includes(wanted)) return done()
    ground.refuse(request, reply, insufficientScope(ground, [{ scheme: 'apiKey', scopes }], principal))
  }
}
