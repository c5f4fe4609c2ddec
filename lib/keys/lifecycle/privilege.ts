import { AccessError } from '../../core/errors.js'
import type { Principal } from '../../core/principal.js'
import type { ApiKey } from '../record.js'

/** What a caller may hand out: nothing that it does not hold itself. */
export interface Privilege {
  /** True when the principal's scopes, with what they imply, include these. */
  grants (principal: Pick<Principal, 'scopes'>, scopes: readonly string[]): boolean
  /**
   * @throws AccessError `INSUFFICIENT_SCOPE` where the scopes permit something that the caller may not;
   * without a caller it is the host that acts, and may do anything
   */
  checkScopes (by: Principal | undefined, scopes: readonly string[]): void
}

/** @param expand all scopes that scopes grant, with what they imply */
export function createPrivilege (expand: (scopes: readonly string[]) => readonly string[], realm: string): Privilege {
  function missing (principal: Pick<Principal, 'scopes'>, scopes: readonly string[]): string[] {
    const held = new Set([...principal.scopes, ...expand(principal.scopes)])
    return [...new Set([...scopes, ...expand(scopes)])].filter((scope) => !held.has(scope))
  }

  return {
    grants: (principal, scopes) => missing(principal, scopes).length === 0,
    checkScopes (by, scopes) {
      if (by === undefined) return
      const lacking = missing(by, scopes)
      if (lacking.length === 0) return
      throw new AccessError('INSUFFICIENT_SCOPE', {
        realm,
        scope: scopes,
        reason: `principal ${by.id} lacks ${lacking.join(', ')}`,
        detail: `The key holds ${scopes.join(', ')}; the credential that manages it grants ${by.scopes.join(', ') || 'nothing'}.`,
        extensions: { required: [scopes], granted: by.scopes }
      })
    }
  }
}

/** A key of another workspace or environment is none to a caller. */
export function isVisible (key: ApiKey, by: Principal | undefined): boolean {
  return by === undefined || (key.workspace === by.workspace && key.environment === by.environment)
}

/**
 * When what a caller hands out must have ended: no key or secret lives on in what was made with it. Access tokens end
 * within the hour by their nature, which says nothing of what their owner may do.
 */
export function endOf ({ kind, expiresAt, secretRetiresAt }: Principal): number {
  if (kind !== 'api-key') return Infinity
  return Math.min(expiresAt?.getTime() ?? Infinity, secretRetiresAt?.getTime() ?? Infinity)
}
