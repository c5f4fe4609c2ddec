import type { Principal } from '../core/principal.js'
import type { Verdict } from './algorithms.js'
import type { Caller } from './caller.js'
import type { CompiledPolicy } from './policy.js'

/** One request asks for `cost` units of every policy at once. */
export interface Take {
  readonly policies: readonly CompiledPolicy[]
  /** Whom it counts for; `policy.partitionOf(caller)` names the counter of a policy. */
  readonly caller: Caller
  /** Whole units; 0 takes none, but is refused like any other cost. */
  readonly cost: number
  /** Milliseconds since the epoch; a store with a clock of its own, shared by processes, uses that. */
  readonly now: number
}

/** What is left of one policy after the take. */
export interface PolicyOutcome {
  /** The policy of the take: the same object. */
  readonly policy: CompiledPolicy
  /** Whether this policy by itself admits. */
  readonly admitted: boolean
  /** Whole units. */
  readonly remaining: number
  /** Whole seconds until more quota comes back, rounded up; where the policy does not admit, until it would. */
  readonly reset: number
  /**
   * When a used-up fixed window closes, in milliseconds since the epoch; it identifies the window. Only from stores
   * whose clock all processes share, and only where the policy does not admit.
   */
  readonly closesAt?: number
}

export interface Outcome {
  /** All policies admit and have counted the take; otherwise none has. */
  readonly admitted: boolean
  /** One for each policy of the take, in its order. */
  readonly policies: readonly PolicyOutcome[]
  /**
   * The largest version that any process has published for the principal; 0 where there is none. A principal with
   * another version is loaded again before its request goes on. Stores without `publishVersion` leave it out; one with
   * it leaves it out where it could not be read, and the principal is loaded again.
   */
  readonly versionMarker?: number
  /** Nothing could be counted and `policies` is empty: the host chose to admit such requests. */
  readonly uncounted?: true
  /** This take could not be decided; its caller gets 503. For stores that decide takes in batches. */
  readonly failure?: LimitStoreUnavailable
}

/** A store that can't decide now throws it; the caller gets 503 with `Retry-After`. */
export class LimitStoreUnavailable extends Error {
  readonly code = 'LATCHKEY_ERR_LIMIT_STORE_UNAVAILABLE'
  /** @param retryAfter seconds, at least 1 */
  constructor (readonly retryAfter: number, reason: string) {
    super(`the limit store is unavailable: ${reason}`)
    this.name = 'LimitStoreUnavailable'
  }
}

/** Also true for errors of another installed copy of this package, whose class is not ours. */
export function isLimitStoreUnavailable (fault: unknown): fault is LimitStoreUnavailable {
  return fault instanceof Error && 'retryAfter' in fault && typeof fault.retryAfter === 'number' &&
    'code' in fault && fault.code === 'LATCHKEY_ERR_LIMIT_STORE_UNAVAILABLE'
}

/**
 * Where counters live. A take is atomic: counted by all of its policies or by none, whatever runs at the same time. A
 * store that can't decide throws or rejects; the caller gets 503.
 */
export interface LimitStore {
  /** Called once at boot, which fails where it rejects. It should resolve where the store can't be reached yet. */
  ready? (): Promise<void>
  /** Seconds within which every take settles by itself; the option `deadline` does not apply then. */
  readonly deadline?: number
  take (take: Take): Outcome | Promise<Outcome>
  /** Decides the takes of one event-loop tick in one trip, and answers in their order. */
  takeBatch? (takes: readonly Take[]): Promise<readonly Outcome[]>
  /**
   * Stores the version of a principal's record as its version marker, which only grows and outlives every cached copy
   * of the principal. A store with `publishVersion` answers `versionMarker` to every take of a principal that has a
   * version, also where the take has no policies.
   */
  publishVersion? (principal: Pick<Principal, 'id' | 'workspace' | 'environment'>, version: number): Promise<void>
}

/**
 * A verdict in whole units and seconds.
 * @param counted units that this take took
 */
export function outcomeOf (
  policy: CompiledPolicy, { admitted, available, reset }: Verdict, counted: number
): PolicyOutcome {
  return { policy, admitted, remaining: Math.max(0, available - counted), reset: Math.ceil(reset / 1_000_000) }
}
