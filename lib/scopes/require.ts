import type { FastifyRequest, onRequestHookHandler } from 'fastify'
import type { Alternative } from '../access.js'
import type { AccessError } from '../errors.js'
import { groundOf, type Ground } from '../ground.js'
import type { Principal } from '../principal.js'
import type { Bits } from './bits.js'
import type { ScopeTable } from './catalogue.js'

/** What principals hold, by their list of scopes: lists are frozen and shared, so a look-up is all a request pays. */
export function createGrants (table: ScopeTable): (principal: Principal) => Bits {
  const grants = new WeakMap<readonly string[], Bits>()
  return function grantOf ({ scopes }) {
    let bits = grants.get(scopes)
    if (bits === undefined) {
      bits = table.grant(scopes)
      grants.set(scopes, bits)
    }
    return bits
  }
}

/** The refusal of a principal that satisfies none of `alternatives`: says what was required and what was granted. */
export function insufficientScope (ground: Pick<Ground, 'refusal'>, alternatives: readonly Alternative[], principal: Principal): AccessError {
  const required = alternatives.map(({ scopes }) => scopes)
  const wanted = required.map((scopes) => scopes.join(' and ') || 'another kind of credential').join(', or ')
  return ground.refusal('INSUFFICIENT_SCOPE', {
    reason: `needs ${wanted}`,
    detail: `This operation requires ${wanted}; the credential grants ${principal.scopes.join(', ') || 'nothing'}.`,
    extensions: { required, granted: principal.scopes },
    ...required[0] !== undefined && { scope: required[0] }
  })
}

/** The hook behind `catalogue.requireScopes`. */
export function createRequireScopes (table: ScopeTable, scopes: readonly string[]): onRequestHookHandler {
  const grantOf = createGrants(table)
  const wanted = table.require(scopes)
  return function requireScopes (request: FastifyRequest, reply, done) {
    const ground = groundOf(request.server)
    const { principal } = request
    if (principal === null) return ground.refuse(request, reply, ground.refusal('CREDENTIAL_MISSING'))
    if (wanted !== undefined && grantOf(principal).includes(wanted)) return done()
    ground.refuse(request, reply, insufficientScope(ground, [{ scheme: 'apiKey', scopes }], principal))
  }
}
