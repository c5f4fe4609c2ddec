import { createMemoryLimitStore } from '../memory.js'
import type { CompiledPolicy } from '../policy.js'
import { LimitStoreUnavailable, type JoinedTake, type Outcome } from '../store.js'

/** What a take is answered while Redis can't be asked. */
export type OutagePolicy = (take: JoinedTake, retryAfter: number, reason: string) => Outcome

/** @param processes how many share a quota where each counts for itself */
export function outagePolicyOf (onUnavailable: 'reject' | 'local' | 'allow', processes: number): OutagePolicy {
  if (onUnavailable === 'allow') return () => ({ admitted: true, policies: [], uncounted: true })
  return onUnavailable === 'local' ? countShare(processes) : reject
}

function reject (_take: JoinedTake, retryAfter: number, reason: string): never {
  throw new LimitStoreUnavailable(retryAfter, reason)
}

/**
 * Counts this process's share in its memory: quotas and bursts divided by the processes, and at least 1. What costs more than
 * a share can't be decided here, however long its caller waits.
 */
function countShare (processes: number): OutagePolicy {
  const store = createMemoryLimitStore()
  const shares = new WeakMap<CompiledPolicy, CompiledPolicy>()
  const part = (units: number): number => units === 0 ? 0 : Math.max(1, Math.floor(units / processes))

  function shareOf (policy: CompiledPolicy): CompiledPolicy {
    const share = shares.get(policy) ?? { ...policy, quota: part(policy.quota), capacity: part(policy.capacity) }
    shares.set(policy, share)
    return share
  }

  return function countLocally (take, retryAfter, reason) {
    const { principal, cost, time } = take
    const shares = take.policies.map(shareOf)
    if (shares.some(({ quota, capacity }) => quota > 0 && cost > capacity)) return reject(take, retryAfter, reason)
    try {
      const { admitted, policies } = store.take({ policies: shares, principal, cost, now: time() })
      return { admitted, policies: take.policies.flatMap((policy, i) => policies.slice(i, i + 1).map((outcome) => ({ ...outcome, policy }))) }
    } catch {
      return reject(take, retryAfter, reason)
    }
  }
}
