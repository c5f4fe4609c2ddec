import type { CompiledPolicy } from './policy.js'

/**
 * Checks the answer of a limit store: one outcome for each policy of the take, in order, consistent with `admitted`.
 * @throws TypeError
 */
export function checkOutcome (value: unknown, asked: readonly CompiledPolicy[]): void {
  if (!isOutcomeOf(asked, value)) throw new TypeError('the limit store did not answer an outcome')
}

function isOutcomeOf (asked: readonly CompiledPolicy[], value: unknown): boolean {
  if (!isObject(value) || !('policies' in value) || !Array.isArray(value.policies)) return false
  if (value.policies.length !== asked.length) return false
  let admitted = true
  for (let i = 0; i < asked.length; i++) {
    const one: unknown = value.policies[i]
    if (!isOutcomeOfPolicy(asked[i], one)) return false
    if (!one.admitted) admitted = false
  }
  return 'admitted' in value && value.admitted === admitted &&
    !('versionMarker' in value && value.versionMarker !== undefined && !isCount(value.versionMarker))
}

function isOutcomeOfPolicy (asked: CompiledPolicy | undefined, value: unknown): value is { admitted: boolean } {
  return isObject(value) && 'policy' in value && value.policy === asked &&
    'admitted' in value && typeof value.admitted === 'boolean' &&
    'remaining' in value && isCount(value.remaining) && 'reset' in value && isCount(value.reset)
}

function isObject (value: unknown): value is object {
  return typeof value === 'object' && value !== null
}

function isCount (value: unknown): boolean {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0
}
