import type { Clock } from '../core/clock.js'
import type { Principal } from '../core/principal.js'
import { createOncePerWindow, eventId, type AccessEvent, type Emitter } from '../events/index.js'
import type { PolicyOutcome } from './store.js'

export type EmitLimitExceeded = (policies: readonly PolicyOutcome[], principal: Principal) => void

/**
 * Emits `limit.exceeded` once for each used-up window, and for other limiters once in the time of their window. Every
 * process emits it with the same event id, so that consumers can drop repetitions.
 */
export function createLimitExceeded ({ events, clock }: { events: Emitter, clock: Clock }): EmitLimitExceeded {
  const once = createOncePerWindow(clock)

  function emitOnce (outcome: PolicyOutcome, principal: Principal): void {
    const { policy, reset, closesAt } = outcome
    const isWindow = policy.kind === 'window'
    const name = `limit ${closesAt ?? ''} ${policy.id} ${policy.partitionOf(principal)}`
    if (once.isFirst(name, isWindow ? reset : policy.window)) events.emit(eventOf(name, outcome, principal))
  }

  function eventOf (
    name: string, { policy, reset, closesAt }: PolicyOutcome, { kind, id, workspace, environment }: Principal
  ): AccessEvent<'limit.exceeded'> {
    const now = clock()
    const resetAt = closesAt ?? now + reset * 1000
    const period = closesAt ?? Math.floor((policy.kind === 'window' ? resetAt : now) / (policy.window * 1000))
    return {
      id: eventId(name, period),
      type: 'limit.exceeded',
      at: new Date(now),
      workspace,
      data: {
        policy: policy.name,
        partition: policy.partition ?? 'principal',
        principal: { kind, id },
        environment,
        resetAt: new Date(resetAt).toISOString()
      }
    }
  }

  return function emitLimitExceeded (policies, principal) {
    if (!events.hasListeners('limit.exceeded')) return
    for (const outcome of policies) if (!outcome.admitted) emitOnce(outcome, principal)
  }
}
