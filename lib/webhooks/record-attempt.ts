import { describeFault } from '../core/errors.js'
import { createFailureLog, type FailureLog } from '../core/failure-log.js'
import type { EngineDeps } from './engine.js'
import type { Claim, Settled } from './store.js'

/** By which a lease is longer than an attempt may take: time to record how it ended. */
const LEASE_MARGIN_MS = 15_000
const MAX_TRIES = 3

/** Milliseconds for which an engine leases what it attempts. */
export const leaseOf = ({ deadline }: Pick<EngineDeps, 'deadline'>): number => deadline * 1000 + LEASE_MARGIN_MS

export function createStoreFailureLog (deps: Pick<EngineDeps, 'log' | 'inform'>): FailureLog {
  const begins = 'the webhook store could not be asked for deliveries'
  return createFailureLog(deps, begins, 'the webhook store is asked for deliveries again')
}

/** Writes to the store how an attempt ended. Never rejects: an attempt that can't be recorded is made again. */
export async function recordAttempt (
  { store, log }: Pick<EngineDeps, 'store' | 'log'>,
  claim: Claim,
  settled: Settled
): Promise<void> {
  let last: unknown
  for (let left = MAX_TRIES; left > 0; left--) {
    try {
      await store.settle(claim, settled)
      return
    } catch (fault) {
      last = fault
    }
  }
  log(describeFault(last), `an attempt of the delivery ${claim.delivery.id} could not be recorded; it is made again`)
}
