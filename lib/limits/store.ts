import type { Principal } from '../core/principal.js'
import type { Verdict } from './algorithms.js'
import type { CompiledPolicy } from './policy.js'

/** One request asks for `cost` units of every policy at once. */
export interface Take {
  readonly policies: readonly CompiledPolicy[]
  readonly principal: Principal
  /** Whole units; 0 is decided and never counted. */
  readonly cost: number
  /** Milliseconds since the epoch; a store with a clock of its own, shared by processes, uses that. */
  readonly now: number
}

/** What one policy has left, after the take where it went through. */
export interface PolicyOutcome {
  /** The very object of the take. */
  readonly policy: CompiledPolicy
  /** This policy alone would admit. */
  readonly admitted: boolean
  /** Whole units. */
  readonly remaining: number
  /** Seconds until more quota comes back; where it does not admit, until it would. Rounded up. */
  readonly reset: number
  /**
   * When the window that is used up closes, in ms since the epoch by a clock that all processes share: what tells it from
   * the next one. Only of a fixed window that does not admit, by stores with such a clock.
   */
  readonly closesAt?: number
}

export interface Outcome {
  /** All policies admit, and all have counted; otherwise none has. */
  readonly admitted: boolean
  /** One for each policy of the take, in its order. */
  readonly policies: readonly PolicyOutcome[]
  /**
   * The largest version that any process has published of the principal, 0 where none is known any more; left out by
   * stores that keep none. A principal of another version is loaded anew before its request goes on.
   */
  readonly versionMarker?: number
  /** Nothing could be counted and `policies` is empty: the host chose to admit such requests. */
  readonly uncounted?: true
  /** This take could not be decided; its caller gets 503. For stores that decide takes in batches. */
  readonly failure?: LimitStoreUnavailable
}

/** A store can't decide now, and says when it may again; becomes 503 with `Retry-After`. */
export class LimitStoreUnavailable extends Error {
  readonly code = 'LATCHKEY_ERR_LIMIT_STORE_UNAVAILABLE'
  /** @param retryAfter seconds, at least 1 */
  constructor (readonly retryAfter: number, reason: string) {
    super(`the limit store is unavailable: ${reason}`)
    this.name = 'LimitStoreUnavailable'
  }
}

/**
 * Where counters live. A take is atomic over its policies: counted by all or by none, whatever else runs at the same
 * time. A store that can't decide throws or rejects; the caller gets 503.
 */
export interface LimitStore {
  /** Called once at boot. What it rejects with stops the boot; a store that can't be reached yet should resolve. */
  ready? (): Promise<void>
  /** Seconds within which takes settle by themselves, whatever happens; no other deadline is set for them then. */
  readonly deadline?: number
  take (take: Take): Outcome | Promise<Outcome>
  /** Decides many takes in one trip, and answers in their order. It gets the takes of one event-loop tick. */
  takeBatch? (takes: readonly Take[]): Promise<readonly Outcome[]>
  /**
   * Publishes the version of a principal's record to every process that takes from this store. A version marker only
   * grows, and outlives what processes cache of the principal. A store with `publishVersion` answers `versionMarker` to
   * every take of a principal that has a version, also to one of no policies.
   */
  publishVersion? (principal: Pick<Principal, 'id' | 'workspace' | 'environment'>, version: number): Promise<void>
}

/** What a verdict says in whole units and seconds. @param counted units that this take took */
export function outcomeOf (policy: CompiledPolicy, { admitted, available, reset }: Verdict, counted: number): PolicyOutcome {
  return { policy, admitted, remaining: Math.max(0, available - counted), reset: Math.ceil(reset / 1_000_000) }
}
