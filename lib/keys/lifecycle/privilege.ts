import { AccessError, type ChallengeParameters } from '../../core/errors.js'
import type { Principal } from '../../core/principal.js'
import type { KeyCaller } from '../keys.js'
import type { ApiKey } from '../record.js'
import type { IssueFields } from './input.js'
import { BOUNDED, EXCEEDABLE, type Act, type ExceedableField } from './privilege-table.js'
import { differences, type KeyField } from './transitions.js'

/** Keeps a caller from gaining more than it has itself. Without a caller, the host acts and may do anything. */
export interface Privilege {
  /** True when the principal's scopes, with what they imply, include all of these. */
  grants (principal: Pick<Principal, 'scopes'>, scopes: readonly string[]): boolean
  /** @throws AccessError that names what the key has and the caller has not */
  check (caller: KeyCaller, act: Act, key: IssueFields): void
  /** Checks each act that an update consists of. @throws AccessError */
  checkUpdate (caller: KeyCaller, before: ApiKey, after: ApiKey): void
}

/** @param expand all scopes that scopes grant, with what they imply */
export function createPrivilege (
  expand: (scopes: readonly string[]) => readonly string[], challenge: ChallengeParameters
): Privilege {
  function missing (principal: Pick<Principal, 'scopes'>, scopes: readonly string[]): string[] {
    const granted = new Set([...principal.scopes, ...expand(principal.scopes)])
    return [...new Set([...scopes, ...expand(scopes)])].filter((scope) => !granted.has(scope))
  }

  function insufficientScope (by: Principal, { scopes }: IssueFields): AccessError {
    const granted = by.scopes.join(', ') || 'nothing'
    return new AccessError('INSUFFICIENT_SCOPE', {
      ...challenge,
      scope: scopes,
      reason: `principal ${by.id} lacks ${missing(by, scopes).join(', ')}`,
      detail: `The key holds ${scopes.join(', ')}; the credential that manages it grants ${granted}.`,
      extensions: { required: [scopes], granted: by.scopes }
    })
  }

  function check ({ by, mayExceed = [] }: KeyCaller, act: Act, key: IssueFields): void {
    if (by === undefined) return
    const isBounded = (field: keyof IssueFields): boolean => BOUNDED[field].includes(act)
    if (isBounded('workspace') && key.workspace !== by.workspace) throw new AccessError('KEY_NOT_FOUND')
    if (isBounded('environment') && key.environment !== by.environment) throw wrongEnvironment(by, key)
    if (isBounded('scopes') && missing(by, key.scopes).length > 0) throw insufficientScope(by, key)
    const bounded = EXCEEDABLE.filter((field) => isBounded(field) && !mayExceed.includes(field))
    const fields = bounded.filter((field) => exceeds[field](key, by))
    if (fields.length > 0) throw exceedsCaller(by, key, fields)
  }

  function actOf (field: KeyField, before: ApiKey, after: ApiKey): Act {
    switch (field) {
      case 'name':
      case 'metadata': return 'describe'
      case 'scopes': return missing(before, after.scopes).length > 0 ? 'extend' : 'restrict'
      case 'expiresAt': return endOf(after) > endOf(before) ? 'extend' : 'restrict'
      default: return 'extend'
    }
  }

  return {
    grants: (principal, scopes) => missing(principal, scopes).length === 0,
    check,
    checkUpdate (caller, before, after) {
      for (const act of new Set(differences(before, after).map((field) => actOf(field, before, after)))) {
        // Also as it was: who gives a key of another owner to itself would gain that key's id.
        check(caller, act, before)
        check(caller, act, after)
      }
    }
  }
}

/** A caller sees the keys of its workspace and environment. */
export function isVisible (key: ApiKey, by: Principal | undefined): boolean {
  return by === undefined || (key.workspace === by.workspace && key.environment === by.environment)
}

const exceeds: Readonly<Record<ExceedableField, (key: IssueFields, by: Principal) => boolean>> = {
  owner: (key, by) => key.owner !== by.owner,
  tier: (key, by) => key.tier !== by.tier,
  // A caller whose end is no time makes nothing.
  expiresAt: (key, by) => !(endOf(key) <= endOf(by))
}

type Holder = Pick<Principal, ExceedableField | 'secretRetiresAt'>

/** When a key or its caller ends. The end of an access token counts too: nothing that it makes outlives it. */
function endOf ({ expiresAt, secretRetiresAt }: Holder): number {
  return Math.min(expiresAt?.getTime() ?? Infinity, secretRetiresAt?.getTime() ?? Infinity)
}

function wrongEnvironment (by: Principal, { environment }: IssueFields): AccessError {
  const detail = `The key would belong to ${environment}; the credential that issues it belongs to ${by.environment}.`
  return new AccessError('WRONG_ENVIRONMENT', { detail })
}

function exceedsCaller (by: Principal, key: IssueFields, fields: readonly ExceedableField[]): AccessError {
  const list = (of: Holder): string => fields.map((field) => `${field} ${textOf(of, field)}`).join(', ')
  return new AccessError('KEY_EXCEEDS_CALLER', {
    reason: `principal ${by.id} lacks ${fields.join(', ')} of the key`,
    detail: `The key has ${list(key)}; the credential that manages it has ${list(by)}.`,
    extensions: { exceeds: fields }
  })
}

function textOf (of: Holder, field: ExceedableField): string {
  if (field !== 'expiresAt') return of[field] ?? 'none'
  const end = endOf(of)
  return Number.isFinite(end) ? new Date(end).toISOString() : 'none'
}
