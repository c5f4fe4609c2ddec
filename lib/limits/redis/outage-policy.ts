import { createMemoryLimitStore } from '../memory.js'
import type { CompiledPolicy } from '../policy.js'
import { LimitStoreUnavailable, type Outcome, type Take } from '../store.js'

/** Answers a take that Redis can't decide. */
export type OutagePolicy = (take: Take, retryAfter: number, reason: string) => Outcome

/** @param processes how many share a quota where each counts for itself */
export function outagePolicyOf (onUnavailable: 'reject' | 'local' | 'allow', processes: number): OutagePolicy {
  if (onUnavailable === 'allow') return () => ({ admitted: true, policies: [], uncounted: true })
  return onUnavailable === 'local' ? countLocally(processes) : reject
}

export function reject (_take: Take, retryAfter: number, reason: string): Outcome {
  return { admitted: false, policies: [], failure: new LimitStoreUnavailable(retryAfter, reason) }
}

/**
 * Counts this process' share in its memory: quotas and bursts divided by the number of processes, at least 1. A request
 * that costs more than a share can't be decided here, however long its caller waits.
 */
function countLocally (processes: number): OutagePolicy {
  const store = createMemoryLimitStore()
  const shares = new WeakMap<CompiledPolicy, CompiledPolicy>()
  const part = (units: number): number => units === 0 ? 0 : Math.max(1, Math.floor(units / processes))

  function shareOf (policy: CompiledPolicy): CompiledPolicy {
    const share = shares.get(policy) ?? { ...policy, quota: part(policy.quota), capacity: part(policy.capacity) }
    shares.set(policy, share)
    return share
  }

  return function takeShare (take, retryAfter, reason) {
    const shares = take.policies.map(shareOf)
    if (shares.some(({ quota, capacity }) => quota > 0 && take.cost > capacity)) return reject(take, retryAfter, reason)
    try {
      const { admitted, policies } = store.take({ ...take, policies: shares })
      const ofShare = (i: number) => policies.slice(i, i + 1)
      return { admitted, policies: take.policies.flatMap((policy, i) => ofShare(i).map((one) => ({ ...one, policy }))) }
    } catch {
      return reject(take, retryAfter, reason)
    }
  }
}
