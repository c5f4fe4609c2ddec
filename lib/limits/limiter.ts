import type { RouteAccess } from '../core/route-access.js'
import { describeFault, type AccessError } from '../core/errors.js'
import type { AccessContext } from '../core/access-context.js'
import { OptionError } from '../core/options.js'
import type { Principal } from '../core/principal.js'
import { isThenable, withTimeout } from '../core/clock.js'
import type { CompiledPolicy } from './policy.js'
import type { Profiles } from './profiles.js'
import { isMemoryLimitStore, type MemoryLimitStore } from './memory.js'
import { LimitStoreUnavailable, type LimitStore, type Outcome, type PolicyOutcome, type Take } from './store.js'
import { createTakeBatcher } from './take-batcher.js'

/** What the limiter says of one request. */
export interface Judgement {
  readonly outcome: 'admitted' | 'limited' | 'too-costly' | 'unavailable'
  readonly policies: readonly PolicyOutcome[]
  readonly error?: AccessError
  /** The store knows another version of the principal, or none: it must be loaded anew, and judged again. */
  readonly stale?: boolean
}

/** Never throws and never rejects: what goes wrong is an `unavailable` judgement. */
export interface Limiter {
  judge (access: RouteAccess, principal: Principal): Judgement | Promise<Judgement>
}

interface Parts {
  readonly ground: AccessContext
  readonly profiles: Profiles
  readonly store: LimitStore | MemoryLimitStore
  /** Seconds. */
  readonly deadline: number
}

const UNLIMITED: Judgement = { outcome: 'admitted', policies: [] }
/** Unavailable without an error: nobody is refused. */
const UNCOUNTED: Judgement = { outcome: 'unavailable', policies: [] }

/** profile → cost within capacity → one take of all policies. */
export function createLimiter ({ ground, profiles, store, deadline }: Parts): Limiter {
  const marks = 'publishVersion' in store && store.publishVersion !== undefined
  const own = isMemoryLimitStore(store) ? store : undefined
  const take = takeOf(store)

  function judge (access: RouteAccess, principal: Principal): Judgement | Promise<Judgement> {
    try {
      const { cost } = access
      const policies = profiles.select(access, principal)
      if (policies.length === 0 && !(marks && principal.version !== undefined)) return UNLIMITED
      for (const policy of policies) {
        if (cost > policy.capacity && policy.quota > 0) return judgeTooCostly(policy, principal, cost)
      }
      return decide(policies, principal, cost)
    } catch (fault) {
      return unavailable(fault)
    }
  }

  /** @throws TypeError for a clock that does not tell the time */
  function time (): number {
    const now = ground.clock()
    if (!Number.isFinite(now)) throw new TypeError('the clock does not tell the time')
    return now
  }

  /** @throws what a store throws, and as `time` */
  function decide (policies: readonly CompiledPolicy[], principal: Principal, cost: number): Judgement | Promise<Judgement> {
    const asked = { policies, principal, cost, now: time() }
    if (own !== undefined) return judgementBy(own.take(asked), principal)
    const taken = take(asked)
    return isThenable(taken) ? judgeLater(taken, asked) : read(taken, asked)
  }

  /** Is refused whatever is left; but where a dry run lets it go on, its principal must be the one that the store knows. */
  function judgeTooCostly (policy: CompiledPolicy, principal: Principal, cost: number): Judgement | Promise<Judgement> {
    const refusal = tooCostly(policy, cost)
    return marks && principal.version !== undefined ? unlessStale(refusal, decide([], principal, 0)) : refusal
  }

  async function unlessStale (refusal: Judgement, asked: Judgement | Promise<Judgement>): Promise<Judgement> {
    const { stale } = await asked
    return stale === true ? { ...refusal, stale } : refusal
  }

  async function judgeLater (taken: PromiseLike<Outcome>, take: Take): Promise<Judgement> {
    try {
      return read(await (store.deadline === undefined ? withTimeout(taken, deadline, 'the limit store') : taken), take)
    } catch (fault) {
      return unavailable(fault)
    }
  }

  /** A store that answers nothing, or nonsense, has not decided. */
  function read (answer: unknown, { policies, principal }: Take): Judgement {
    if (isUncounted(answer)) return UNCOUNTED
    if (isObject(answer) && 'failure' in answer && answer.failure !== undefined) return unavailable(answer.failure)
    if (!isOutcomeOf(policies, answer)) throw new TypeError('the limit store did not answer an outcome')
    return judgementBy(answer, principal)
  }

  function judgementBy ({ admitted, policies, versionMarker: marker, uncounted }: Outcome, { version }: Principal): Judgement {
    if (uncounted === true) return UNCOUNTED
    const stale = marker !== undefined && version !== undefined && marker !== version
    return admitted ? { outcome: 'admitted', policies, stale } : { outcome: 'limited', policies, error: limited(policies), stale }
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

  /** Our own words may be logged; those of a store may hold anything. */
  function unavailable (fault: unknown): Judgement {
    const own = fault instanceof OptionError || fault instanceof LimitStoreUnavailable
    const reason = own ? fault.message : describeFault(fault)
    const retryAfter = fault instanceof LimitStoreUnavailable ? fault.retryAfter : 1
    return { outcome: 'unavailable', policies: [], error: ground.refusal('LIMITER_UNAVAILABLE', { reason, retryAfter }) }
  }

  return { judge }
}

/** A store that decides takes in batches gets those of one event-loop tick together. */
function takeOf (store: LimitStore): LimitStore['take'] {
  const { takeBatch } = store
  return takeBatch === undefined ? (take) => store.take(take) : createTakeBatcher({ takeBatch: (takes) => takeBatch.call(store, takes) })
}

/** True where the host of a store chose to admit what can't be counted. */
function isUncounted (value: unknown): boolean {
  return isObject(value) && 'uncounted' in value && value.uncounted === true
}

/** True for an answer to exactly these policies that agrees with itself. */
function isOutcomeOf (asked: readonly CompiledPolicy[], value: unknown): value is Outcome {
  if (!isObject(value) || !('policies' in value) || !Array.isArray(value.policies) || value.policies.length !== asked.length) return false
  let admitted = true
  for (let i = 0; i < asked.length; i++) {
    const one: unknown = value.policies[i]
    if (!isOutcomeOfPolicy(asked[i], one)) return false
    if (!one.admitted) admitted = false
  }
  return 'admitted' in value && value.admitted === admitted && !('versionMarker' in value && value.versionMarker !== undefined && !isCount(value.versionMarker))
}

function isOutcomeOfPolicy (asked: CompiledPolicy | undefined, value: unknown): value is PolicyOutcome {
  return isObject(value) && 'policy' in value && value.policy === asked && 'admitted' in value && typeof value.admitted === 'boolean' &&
    'remaining' in value && isCount(value.remaining) && 'reset' in value && isCount(value.reset)
}

function isObject (value: unknown): value is object {
  return typeof value === 'object' && value !== null
}

function isCount (value: unknown): boolean {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0
}
