import type { Step } from '../../core/step.js'
import type { AnnounceRetirement } from './rotation-grace.js'
import type { UsageRecorder } from './usage-recorder.js'
import type { UsedScopes } from './used-scopes.js'

export interface UsageStepDeps {
  readonly announceRetirement: AnnounceRetirement
  /** Undefined where uses are not recorded. */
  readonly recorder: UsageRecorder | undefined
  readonly usedScopes: UsedScopes
}

/** The last step of a request: says that its secret retires, and records the use of its key. It refuses nobody. */
export function createUsageStep ({ announceRetirement, recorder, usedScopes }: UsageStepDeps): Step {
  return function recordUse ({ principal }, reply, access) {
    if (principal === null) return undefined
    announceRetirement(principal, reply)
    // A principal without a version was made by a resolver of the host, not from a stored key.
    if (recorder !== undefined && principal.kind === 'api-key' && principal.version !== undefined) {
      recorder.record(principal, usedScopes(access, principal))
    }
    return undefined
  }
}
