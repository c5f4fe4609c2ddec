import type { Clock } from '../core/clock.js'
import type { Principal } from '../core/principal.js'
import { createOncePerWindow, eventId, type AccessEvent, type Emitter } from '../events/index.js'
import type { PolicyOutcome } from './store.js'

export interface LimitExceededDeps {
  readonly events: Pick<Emitter, 'hasListeners' | 'emit'>
  readonly clock: Clock
}

/** Emits `limit.exceeded` for each policy that has refused a request. */
export type LimitExceeded = (
  decision: { readonly principal: Principal, readonly policies: readonly PolicyOutcome[] }
) => void

/**
 * Emits once per policy, partition and window in each process; a policy without fixed windows counts as one window as
 * often as its period passes. All processes give one occurrence the same event id, so that consumers drop repetitions.
 */
export function createLimitExceeded ({ events, clock }: LimitExceededDeps): LimitExceeded {
  const once = createOncePerWindow(clock)

  function emit ({ policy, reset, closesAt }: PolicyOutcome, principal: Principal): void {
    const name = `limit ${closesAt ?? ''} ${policy.id} ${policy.partitionOf(principal)}`
    if (!once.isFirst(name, policy.kind === 'window' ? reset : policy.window)) return
    const now = clock()
    const resetAt = now + reset * 1000
    const period = closesAt ?? Math.floor((policy.kind === 'window' ? resetAt : now) / (policy.window * 1000))
    const { kind, id, workspace, environment } = principal
    const event: AccessEvent<'limit.exceeded'> = {
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
    events.emit(event)
  }

  return function limitExceeded ({ principal, policies }) {
    if (!events.hasListeners('limit.exceeded')) return
    for (const outcome of policies) if (!outcome.admitted) emit(outcome, principal)
  }
}
