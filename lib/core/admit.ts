import type { AccessContext } from './access-context.js'
import { reportOutcome } from './outcomes.js'
import type { Step } from './step.js'

/** The last step of a request: what comes here is admitted, unless a check of the route's own is still to come. */
export function createAdmitStep (context: AccessContext): Step {
  return function admit (request, _reply, access) {
    if (access.lastCheck === undefined) reportOutcome(context, request, access)
    return undefined
  }
}
