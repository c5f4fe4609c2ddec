import type { AccessContext } from '../core/access-context.js'
import { withTimeout } from '../core/clock.js'
import { exampleOfPlace, type CredentialPlace } from '../core/credential-place.js'
import { describeFault, type AccessError } from '../core/errors.js'
import { timeLookup } from '../core/lookup-channel.js'
import { OptionError } from '../core/options.js'
import type { RouteAccess } from '../core/route-access.js'
import { andThen, attempt } from '../core/step.js'
import type { Caller } from './caller.js'
import { checkOutcome } from './check-outcome.js'
import type { CompiledPolicy } from './policy.js'
import type { Profiles } from './profiles.js'
import { isLimitStoreUnavailable, type LimitStore, type Outcome, type PolicyOutcome, type Take } from './store.js'
import { createTakeBatcher } from './take-batcher.js'

/** What was decided about one request, and what to do with it. */
export interface Ruling {
  readonly outcome: 'admitted' | 'limited' | 'too-costly' | 'unavailable'
  readonly policies: readonly PolicyOutcome[]
  readonly error?: AccessError
  /**
   * Load the principal again before the request goes on: its version marker says that it has changed (`outdated`), or
   * the store could not be asked for the marker (`unknown`).
   */
  readonly stale?: 'outdated' | 'unknown' | undefined
  /** Version that the principal has at least. */
  readonly versionMarker?: number | undefined
}

/** Never throws and never rejects: a failure is an `unavailable` ruling. */
export type Decide = (access: RouteAccess, caller: Caller) => Ruling | Promise<Ruling>

export interface DecideDeps {
  readonly context: AccessContext
  readonly profiles: Profiles
  readonly store: LimitStore
  /** Seconds that the store may take, where it has no deadline of its own. */
  readonly deadline: number
}

const UNLIMITED: Ruling = { outcome: 'admitted', policies: [] }

/** Profile → cost within capacity → one take of all policies. */
export function createDecide ({ context, profiles, store, deadline }: DecideDeps): Decide {
  const publishesVersions = store.publishVersion !== undefined
  const take = hasBatches(store) ? createTakeBatcher(store) : (one: Take) => timeLookup('limits', store.take(one))

  function ask (
    policies: readonly CompiledPolicy[], caller: Caller, access: RouteAccess, cost = access.cost
  ): Ruling | Promise<Ruling> {
    const now = context.clock()
    if (!Number.isFinite(now)) throw new TypeError('the clock does not answer a number of milliseconds')
    const taken: Outcome | PromiseLike<Outcome> = take({ policies, caller, cost, now })
    return andThen(inTime(taken), (outcome) => read(outcome, policies, caller, access))
  }

  function inTime (taken: Outcome | PromiseLike<Outcome>): Outcome | Promise<Outcome> {
    if (!('then' in taken)) return taken
    return store.deadline === undefined ? withTimeout(taken, deadline, 'the limit store') : Promise.resolve(taken)
  }

  /** @throws TypeError for an answer that does not fit the take */
  function read (
    outcome: Outcome, policies: readonly CompiledPolicy[], caller: Caller, access: RouteAccess
  ): Ruling {
    if (outcome.failure !== undefined) throw outcome.failure
    const { admitted, policies: outcomes, versionMarker, uncounted } = outcome
    const stale = stalenessOf(caller, versionMarker)
    // Unavailable without an error: the host chose to admit requests that can't be counted.
    if (uncounted === true) return { outcome: 'unavailable', policies: [], stale, versionMarker }
    checkOutcome(outcome, policies)
    if (admitted) return { outcome: 'admitted', policies: outcomes, stale, versionMarker }
    const isMissing = caller.kind === 'anonymous' && access.mode === 'guarded'
    return { outcome: 'limited', policies: outcomes, error: limited(outcomes, isMissing), stale, versionMarker }
  }

  function stalenessOf ({ version }: Caller, versionMarker: number | undefined): Ruling['stale'] {
    if (version === undefined || versionMarker === version) return undefined
    if (versionMarker !== undefined) return 'outdated'
    return publishesVersions ? 'unknown' : undefined
  }

  /** @param isMissing the route wants a credential, and none came: then waiting is not the way in */
  function limited (policies: readonly PolicyOutcome[], isMissing: boolean): AccessError {
    const refusing = policies.filter(({ admitted }) => !admitted)
    return context.refusal('RATE_LIMITED', {
      reason: refusing.map(({ policy }) => policy.name).join(', '),
      retryAfter: Math.max(...refusing.map(({ reset }) => reset)),
      headers: context.rateLimitHeaders(policies),
      ...isMissing && { detail: missingDetail(context.challenge.credentials) }
    })
  }

  /** Refuses a cost above the capacity of a policy: waiting would not help. */
  function tooCostly ({ name, capacity }: CompiledPolicy, cost: number): Ruling {
    const error = context.refusal('COST_ABOVE_QUOTA', {
      detail: `This operation costs ${cost}; ${name} allows at most ${capacity} at once.`,
      extensions: { cost, policy: name, capacity }
    })
    return { outcome: 'too-costly', policies: [], error }
  }

  /** Messages of other errors may hold secrets and are not logged. */
  function unavailable (fault: unknown, caller: Caller): Ruling {
    const isOwn = fault instanceof OptionError || isLimitStoreUnavailable(fault)
    const reason = isOwn ? fault.message : describeFault(fault)
    const retryAfter = isLimitStoreUnavailable(fault) ? fault.retryAfter : 1
    const error = context.refusal('LIMITER_UNAVAILABLE', { reason, retryAfter })
    return { outcome: 'unavailable', policies: [], error, stale: stalenessOf(caller, undefined) }
  }

  return function decide (access, caller) {
    return attempt<Ruling>(() => {
      const { cost } = access
      const policies = profiles.select(access, caller)
      const mayBeStale = publishesVersions && caller.version !== undefined
      const exceeded = policies.find(({ capacity, quota }) => cost > capacity && quota > 0)
      if (exceeded !== undefined) {
        const ruling = tooCostly(exceeded, cost)
        // A dry run lets the request go on, so its principal must still be checked against the version marker.
        if (!mayBeStale) return ruling
        return andThen(ask([], caller, access, 0), ({ stale, versionMarker }) => ({ ...ruling, stale, versionMarker }))
      }
      return policies.length > 0 || mayBeStale ? ask(policies, caller, access) : UNLIMITED
    }, (fault) => unavailable(fault, caller))
  }
}

function missingDetail (places: readonly CredentialPlace[]): string {
  return 'No credential came with this request, so the limit for callers without one applies. ' +
    `Send ${places.map(exampleOfPlace).join(', or ')}.`
}

function hasBatches (store: LimitStore): store is LimitStore & Required<Pick<LimitStore, 'takeBatch'>> {
  return store.takeBatch !== undefined
}
