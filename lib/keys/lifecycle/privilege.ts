import { AccessError } from '../../core/errors.js'
import type { Principal } from '../../core/principal.js'
import type { ApiKey } from '../record.js'
import { invalid } from './input.js'

/** Keeps a caller from handing out more than it may do itself. Without a caller, the host acts and may do anything. */
export interface Privilege {
  /** True when the principal's scopes, with what they imply, include all of these. */
  grants (principal: Pick<Principal, 'scopes'>, scopes: readonly string[]): boolean
  /** @throws AccessError `INSUFFICIENT_SCOPE` where the scopes permit something that the caller may not do */
  checkScopes (by: Principal | undefined, scopes: readonly string[]): void
  /** Checks scopes and expiry of a key that the caller hands out. @throws AccessError */
  checkKey (by: Principal | undefined, key: Pick<ApiKey, 'scopes' | 'expiresAt'>): void
}

/** @param expand all scopes that scopes grant, with what they imply */
export function createPrivilege (expand: (scopes: readonly string[]) => readonly string[], realm: string): Privilege {
  function missing (principal: Pick<Principal, 'scopes'>, scopes: readonly string[]): string[] {
    const granted = new Set([...principal.scopes, ...expand(principal.scopes)])
    return [...new Set([...scopes, ...expand(scopes)])].filter((scope) => !granted.has(scope))
  }

  function checkScopes (by: Principal | undefined, scopes: readonly string[]): void {
    if (by === undefined) return
    const lacking = missing(by, scopes)
    if (lacking.length === 0) return
    const granted = by.scopes.join(', ') || 'nothing'
    throw new AccessError('INSUFFICIENT_SCOPE', {
      realm,
      scope: scopes,
      reason: `principal ${by.id} lacks ${lacking.join(', ')}`,
      detail: `The key holds ${scopes.join(', ')}; the credential that manages it grants ${granted}.`,
      extensions: { required: [scopes], granted: by.scopes }
    })
  }

  return {
    grants: (principal, scopes) => missing(principal, scopes).length === 0,
    checkScopes,
    checkKey (by, { scopes, expiresAt }) {
      checkScopes(by, scopes)
      const end = by === undefined ? Infinity : endOf(by)
      if (end === Infinity || (expiresAt !== undefined && expiresAt.getTime() <= end)) return
      const latest = new Date(end).toISOString()
      throw invalid(`expiresAt must be ${latest} at the latest, when the credential ends that manages the key`)
    }
  }
}

/** A caller sees the keys of its workspace and environment. */
export function isVisible (key: ApiKey, by: Principal | undefined): boolean {
  return by === undefined || (key.workspace === by.workspace && key.environment === by.environment)
}

/**
 * When a key that the caller hands out must have ended: no key outlives the key that it was made with. Access tokens
 * are short-lived by nature, which says nothing about their owner, so they set no end.
 */
function endOf ({ kind, expiresAt, secretRetiresAt }: Principal): number {
  if (kind !== 'api-key') return Infinity
  return Math.min(expiresAt?.getTime() ?? Infinity, secretRetiresAt?.getTime() ?? Infinity)
}
