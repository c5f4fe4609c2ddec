import type { RouteAccess } from '../access.js'
import { describeFault, type AccessError } from '../errors.js'
import type { Ground } from '../ground.js'
import type { Principal } from '../principal.js'
import { isThenable, within } from '../time.js'
import type { CompiledPolicy } from './policy.js'
import type { Profiles } from './profiles.js'
import type { LimitStore, Outcome, PolicyOutcome } from './store.js'

/** What the limiter says of one request. */
export interface Judgement {
  readonly outcome: 'admitted' | 'limited' | 'too-costly' | 'unavailable'
  readonly policies: readonly PolicyOutcome[]
  readonly error?: AccessError
}

export interface Limiter {
  /** Never throws and never rejects: what goes wrong is an `unavailable` judgement. */
  judge (access: RouteAccess, principal: Principal): Judgement | Promise<Judgement>
}

interface Parts {
  readonly ground: Ground
  readonly profiles: Profiles
  readonly store: LimitStore
  /** Seconds. */
  readonly deadline: number
}

const UNLIMITED: Judgement = { outcome: 'admitted', policies: [] }

/** profile → cost within capacity → one take of all policies. */
export function createLimiter ({ ground, profiles, store, deadline }: Parts): Limiter {
  function judge (access: RouteAccess, principal: Principal): Judgement | Promise<Judgement> {
    try {
      const { cost } = access
      const policies = profiles.select(access, principal)
      if (policies.length === 0) return UNLIMITED
      for (const policy of policies) {
        if (cost > policy.capacity && policy.quota > 0) return tooCostly(policy, cost)
      }
      const taken = store.take({ policies, principal, cost, now: ground.clock() })
      return isThenable(taken) ? within(taken, deadline, 'the limit store').then(read).catch(unavailable) : read(taken)
    } catch (fault) {
      return unavailable(fault)
    }
  }

  /** A store that answers nothing, or nonsense, has not decided. */
  function read (answer: unknown): Judgement {
    if (!isOutcome(answer)) throw new TypeError('the limit store did not answer an outcome')
    const { admitted, policies } = answer
    return admitted ? { outcome: 'admitted', policies } : { outcome: 'limited', policies, error: limited(policies) }
  }

  function limited (policies: readonly PolicyOutcome[]): AccessError {
    const refusing = policies.filter(({ admitted }) => !admitted)
    return ground.refusal('RATE_LIMITED', {
      reason: refusing.map(({ policy }) => policy.name).join(', '),
      retryAfter: Math.max(...refusing.map(({ reset }) => reset)),
      headers: ground.fields(policies)
    })
  }

  function tooCostly ({ name, capacity }: CompiledPolicy, cost: number): Judgement {
    return {
      outcome: 'too-costly',
      policies: [],
      error: ground.refusal('COST_ABOVE_QUOTA', {
        detail: `This operation costs ${cost}; ${name} allows at most ${capacity} at once.`,
        extensions: { cost, policy: name, capacity }
      })
    }
  }

  function unavailable (fault: unknown): Judgement {
    return { outcome: 'unavailable', policies: [], error: ground.refusal('LIMITER_UNAVAILABLE', { reason: describeFault(fault), retryAfter: 1 }) }
  }

  return { judge }
}

function isOutcome (value: unknown): value is Outcome {
  return typeof value === 'object' && value !== null && 'admitted' in value && typeof value.admitted === 'boolean' &&
    'policies' in value && Array.isArray(value.policies) && value.policies.every(isPolicyOutcome)
}

function isPolicyOutcome (value: unknown): value is PolicyOutcome {
  return typeof value === 'object' && value !== null && 'policy' in value && typeof value.policy === 'object' && value.policy !== null &&
    'remaining' in value && typeof value.remaining === 'number' && 'reset' in value && typeof value.reset === 'number' && 'admitted' in value
}
