import type { FastifyRequest } from 'fastify'
import type { AccessContext } from '../core/access-context.js'
import type { AccessError } from '../core/errors.js'
import { describeMissingScopes, scopeLists } from '../core/missing-scopes.js'
import type { Principal } from '../core/principal.js'
import type { Alternative } from '../core/route-access.js'

type Refusing = Pick<AccessContext, 'refusal' | 'usedPlace'>

/** Refuses a principal that satisfies none of `alternatives`; names the scopes required and granted. */
export function insufficientScope (
  context: Refusing, alternatives: readonly Alternative[], principal: Principal, request: FastifyRequest
): AccessError {
  return context.refusal('INSUFFICIENT_SCOPE', {
    ...describeMissingScopes(alternatives, principal), ...context.usedPlace(request)
  })
}

export const KINDS: Readonly<Record<Principal['kind'], string>> = {
  'api-key': 'an API key',
  'access-token': 'an access token'
}

/**
 * Refuses a principal of a scheme that no alternative names, whatever its scopes. Where the route takes an access
 * token, the challenge says which scopes to request.
 */
export function wrongScheme (
  context: Refusing,
  alternatives: readonly Alternative[],
  kindOf: (scheme: string) => string,
  { kind, scopes: granted }: Principal,
  request: FastifyRequest
): AccessError {
  const required = scopeLists(alternatives)
  const taken = alternatives.map(({ scheme, scopes }) => {
    return `${kindOf(scheme)} (${scheme})${scopes.length === 0 ? '' : ` with ${scopes.join(' and ')}`}`
  }).join(', or ')
  return context.refusal('INSUFFICIENT_SCOPE', {
    reason: `takes ${taken}`,
    detail: `This operation takes ${taken}; the credential is ${KINDS[kind]}.`,
    extensions: {
      required,
      granted,
      schemes: [...new Set(alternatives.map(({ scheme }) => scheme))],
      credentialKind: kind
    },
    scope: kind === 'api-key' ? required.slice(0, 1).flat() : [],
    ...context.usedPlace(request)
  })
}
