import { describeFault } from '../core/errors.js'
import { createFailureLog, type FailureLog } from '../core/failure-log.js'
import type { EngineDeps } from './engine.js'
import type { Claim, Settled } from './store.js'

/** Milliseconds beyond the deadline for which a claim is held, so that nobody else attempts it meanwhile. */
const SLACK = 15_000
/** Times that the end of an attempt is told to a store that fails. */
const TRIES = 3

/** Milliseconds for which an engine holds what it attempts. */
export const leaseOf = ({ deadline }: Pick<EngineDeps, 'deadline'>): number => deadline * 1000 + SLACK

export function outageOfStore (parts: Pick<EngineDeps, 'log' | 'inform'>): FailureLog {
  return createFailureLog(parts, 'the webhook store could not be asked for deliveries', 'the webhook store is asked for deliveries again')
}

/** Tells the store how an attempt ended. Never rejects: what can't be noted is made again. */
export async function recordAttempt ({ store, log }: Pick<EngineDeps, 'store' | 'log'>, claim: Claim, settled: Settled): Promise<void> {
  let last: unknown
  for (let left = TRIES; left > 0; left--) {
    try {
      await store.settle(claim, settled)
      return
    } catch (fault) {
      last = fault
    }
  }
  log(describeFault(last), `how the delivery ${claim.delivery.id} ended could not be noted; it is made again`)
}
