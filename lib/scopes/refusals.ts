import type { FastifyRequest } from 'fastify'
import type { AccessContext } from '../core/access-context.js'
import type { AccessError } from '../core/errors.js'
import type { Principal } from '../core/principal.js'
import type { Alternative } from '../core/route-access.js'

type Refusing = Pick<AccessContext, 'refusal'>

/**
 * The refusal of a principal that satisfies none of `alternatives`: says what was required and what was granted.
 * @param scheme that the credential came by, where it was not Bearer
 */
export function insufficientScope (
  context: Refusing, alternatives: readonly Alternative[], principal: Principal, scheme?: 'DPoP'
): AccessError {
  const required = scopesOf(alternatives)
  const wanted = required.map((scopes) => scopes.join(' and ') || 'another kind of credential').join(', or ')
  return context.refusal('INSUFFICIENT_SCOPE', {
    reason: `needs ${wanted}`,
    detail: `This operation requires ${wanted}; the credential grants ${principal.scopes.join(', ') || 'nothing'}.`,
    extensions: { required, granted: principal.scopes },
    scope: required.slice(0, 1).flat(),
    ...scheme !== undefined && { scheme }
  })
}

const KINDS: Readonly<Record<Principal['kind'], string>> = { 'api-key': 'an API key', 'access-token': 'an access token' }

/**
 * The refusal of a principal whose scheme no alternative names, whatever it was granted. A client learns by the
 * challenge what token to ask for, where a token is wanted.
 */
export function wrongScheme (
  context: Refusing, alternatives: readonly Alternative[], kindOf: (scheme: string) => Principal['kind'] | undefined,
  { kind, scopes: granted }: Principal, scheme?: 'DPoP'
): AccessError {
  const required = scopesOf(alternatives)
  const taken = alternatives.map(({ scheme, scopes }) => {
    const wanted = kindOf(scheme)
    return `${wanted === undefined ? 'a credential' : KINDS[wanted]} (${scheme})${scopes.length === 0 ? '' : ` with ${scopes.join(' and ')}`}`
  }).join(', or ')
  return context.refusal('INSUFFICIENT_SCOPE', {
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

/** The scheme that a credential came by, where it was not Bearer: read again, since only a refused request needs it. */
export function schemeOf (
  { challenge }: Pick<AccessContext, 'challenge'>, { headers: { authorization } }: FastifyRequest
): 'DPoP' | undefined {
  return challenge.dpop !== undefined && /^dpop /i.test(String(authorization)) ? 'DPoP' : undefined
}
