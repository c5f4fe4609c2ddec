import type { Alternative } from '../core/route-access.js'
import type { Policy, Profile } from '../limits/index.js'
import { codeSpan } from './markdown.js'
import type { OperationAccess } from './security.js'

/** Profiles of limits by name; undefined where requests are not counted. */
export type Profiles = Readonly<Record<string, Profile>> | undefined

/** What an operation requires, what it costs and how it is limited, for people; lines of Markdown. */
export function accessLines ({ mode, alternatives, profile, cost }: OperationAccess, profiles: Profiles): string[] {
  const optional = mode === 'optional' ? '; a credential is optional' : ''
  const lines = mode === 'public' ? [] : [`Scopes: ${scopesInWords(alternatives, codeSpan) ?? 'none'}${optional}`]
  if (profiles === undefined) return lines
  if (cost !== 1) lines.push(`Cost: ${requests(cost)}`)
  const policies = profile === undefined ? undefined : profiles[profile]
  if (policies !== undefined) lines.push(`Limit: ${policies.map(policyInWords).join('; ') || 'none'}`)
  return lines
}

/**
 * The scopes of alternatives; a scheme is named where not all of them want the same. Undefined where any credential
 * will do.
 * @param write how names are written
 */
export function scopesInWords (
  alternatives: readonly Alternative[], write: (name: string) => string
): string | undefined {
  if (alternatives.every(({ scopes }) => scopes.length === 0)) return undefined
  const all = new Set(alternatives.map(({ scheme }) => scheme))
  const schemesByScopes = new Map<string, Set<string>>()
  for (const { scheme, scopes } of alternatives) {
    const wanted = scopes.map(write).join(' and ')
    schemesByScopes.set(wanted, (schemesByScopes.get(wanted) ?? new Set()).add(scheme))
  }
  return [...schemesByScopes].map(([wanted, schemes]) => {
    const names = [...schemes].map(write).join(' or ')
    if (wanted === '') return `any credential of ${names}`
    return schemes.size === all.size ? wanted : `${wanted} of ${names}`
  }).join(', or ')
}

function policyInWords ({ quota, window, burst, partition }: Policy): string {
  const bursts = burst === undefined ? '' : `, at most ${burst.toLocaleString('en')} at once`
  const shared = partition === 'workspace' ? ', shared by the workspace' : ''
  return `${requests(quota)} ${period(window)}${bursts}${shared}`
}

function requests (count: number): string {
  return `${count.toLocaleString('en')} ${count === 1 ? 'request' : 'requests'}`
}

const UNITS: ReadonlyArray<readonly [seconds: number, unit: string, article: string]> = [
  [604_800, 'week', 'a'], [86_400, 'day', 'a'], [3_600, 'hour', 'an'], [60, 'minute', 'a']
]

function period (window: number): string {
  const [seconds, unit, article] = UNITS.find(([seconds]) => window % seconds === 0) ?? [1, 'second', 'a']
  const count = window / seconds
  return count === 1 ? `${article} ${unit}` : `in ${count} ${unit}s`
}
