import type { FastifyRequest, onRequestHookHandler } from 'fastify'
import type { Alternative } from '../core/route-access.js'
import type { AccessError } from '../core/errors.js'
import { contextOf, type AccessContext } from '../core/access-context.js'
import type { Principal } from '../core/principal.js'
import type { ScopeTable } from './catalogue.js'

/**
 * The refusal of a principal that satisfies none of `alternatives`: says what was required and what was granted.
 * @param scheme that the credential came by, where it was not Bearer
 */
export function insufficientScope (ground: Pick<AccessContext, 'refusal'>, alternatives: readonly Alternative[], principal: Principal, scheme?: 'DPoP'): AccessError {
  const required = scopesOf(alternatives)
  const wanted = required.map((scopes) => scopes.join(' and ') || 'another kind of credential').join(', or ')
  return ground.refusal('INSUFFICIENT_SCOPE', {
    reason: `needs ${wanted}`,
    detail: `This operation requires ${wanted}; the credential grants ${principal.scopes.join(', ') || 'nothing'}.`,
    extensions: { required, granted: principal.scopes },
    scope: required.slice(0, 1).flat(),
    ...scheme !== undefined && { scheme }
  })
}

const KINDS: Readonly<Record<Principal['kind'], string>> = { 'api-key': 'an API key', 'access-token': 'an access token' }

/**
 * The refusal of a principal whose kind none of `alternatives` takes, whatever it was granted. A client learns by the
 * challenge what token to ask for, where a token is wanted.
 * @param alternatives all of the other kind
 * @param scheme that the credential came by, where it was not Bearer
 */
export function wrongKind (ground: Pick<AccessContext, 'refusal'>, alternatives: readonly Alternative[], { kind, scopes: granted }: Principal, scheme?: 'DPoP'): AccessError {
  const other = kind === 'api-key' ? KINDS['access-token'] : KINDS['api-key']
  const required = scopesOf(alternatives)
  const taken = alternatives.map(({ scheme, scopes }) => `${other} (${scheme})${scopes.length === 0 ? '' : ` with ${scopes.join(' and ')}`}`).join(', or ')
  return ground.refusal('INSUFFICIENT_SCOPE', {
    reason: `takes ${taken}`,
    detail: `This operation takes ${taken}; the credential is ${KINDS[kind]}.`,
    extensions: { required, granted, schemes: [...new Set(alternatives.map(({ scheme }) => scheme))], credentialKind: kind },
    scope: kind === 'api-key' ? required.slice(0, 1).flat() : [],
    ...scheme !== undefined && { scheme }
  })
}

/** Lists of scopes that are enough, each once. */
function scopesOf (alternatives: readonly Alternative[]): Array<readonly string[]> {
  return [...new Map(alternatives.map(({ scopes }) => [JSON.stringify(scopes), scopes])).values()]
}

/** What the credential of a request that was let in came by, where it was not Bearer: read anew, since it is told to the refused alone. */
export function schemeOf ({ challenge }: Pick<AccessContext, 'challenge'>, { headers: { authorization } }: FastifyRequest): 'DPoP' | undefined {
  return challenge.dpop !== undefined && /^dpop /i.test(String(authorization)) ? 'DPoP' : undefined
}

/** The hook behind `catalogue.requireScopes`. */
export function createRequireScopes (table: ScopeTable, scopes: readonly string[]): onRequestHookHandler {
  const wanted = table.require(scopes)
  return function requireScopes (request: FastifyRequest, reply, done) {
    const ground = contextOf(request.server)
    const { principal } = request
    if (principal === null) return ground.refuse(request, reply, ground.refusal('CREDENTIAL_MISSING'))
    if (wanted !== undefined && table.grant(principal.scopes).includes(wanted)) return done()
    ground.refuse(request, reply, insufficientScope(ground, [{ scheme: 'apiKey', scopes }], principal, schemeOf(ground, request)))
  }
}
