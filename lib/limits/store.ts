import type { Principal } from '../core/principal.js'
import type { Clock } from '../core/clock.js'
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
   * The largest version that any process has marked the principal with, 0 where no marker is left; left out by stores
   * that keep none. A principal of another version is loaded anew before its request goes on.
   */
  readonly versionMarker?: number
  /** Nothing could be counted and `policies` is empty: the host chose to admit such requests. */
  readonly uncounted?: true
}

/** A take for a store that has a clock of its own: ours is read only where that one can't be asked. */
export interface JoinedTake extends Omit<Take, 'now'> {
  /** What `now` would be. @throws TypeError when the clock does not tell the time */
  readonly time: Clock
}

/** A take that is decided together with others. */
export interface PendingTake {
  readonly take: JoinedTake
  /** Settles once all of them are decided, and never rejects; they share it. */
  readonly decided: Promise<unknown>
  /** What came of this one, from then on. @throws what `take` would reject with */
  outcome (): Outcome
}

/** As `take` of a store that settles by itself; what waits shares one promise, which costs a request less than one of its own. */
export type Join = (take: JoinedTake) => Outcome | PendingTake

const joins = new WeakMap<LimitStore, { readonly take: LimitStore['take'], readonly join: Join }>()

/** Makes a store that is joined. Known by the object and its `take`: what a host makes of it, with one of its own, is asked by that. */
export function joinable<S extends LimitStore> (store: S, join: Join): S {
  joins.set(store, { take: store.take, join })
  return store
}

export function joinOf (store: LimitStore): Join | undefined {
  const known = joins.get(store)
  return known?.take === store.take ? known.join : undefined
}

/** Waits for what may be pending. @throws as it does */
export async function outcomeWhenDecided (taken: Outcome | PendingTake): Promise<Outcome> {
  if (!('decided' in taken)) return taken
  await taken.decided
  return taken.outcome()
}

/** A store's word that it can't decide now, and when it may again; becomes 503 with `Retry-After`. */
export class LimitStoreUnavailable extends Error {
  readonly code = 'LATCHKEY_ERR_LIMIT_STORE_UNAVAILABLE'
  /** @param retryAfter seconds, at least 1 */
  constructor (readonly retryAfter: number, reason: string) {
    super(`the limit store is unavailable: ${reason}`)
    this.name = 'LimitStoreUnavailable'
  }
}

/**
 * Where counters live. A take is atomic over its policies: counted by all or by none, whatever runs beside it.
 * Whoever can't decide throws or rejects; the hook answers 503.
 */
export interface LimitStore {
  /** Called once at boot. What it rejects with stops the boot: a store that only can't be reached yet should not. */
  ready? (): Promise<void>
  /** Seconds within which `take` settles by itself, whatever happens; no other deadline is set for it then. */
  readonly deadline?: number
  take (take: Take): Outcome | Promise<Outcome>
  /**
   * Marks a principal with the version of its record, for every process that takes from this store. A marker only grows,
   * and outlives whatever the processes hold of the principal. A store with `mark` answers `marker` to every take of a
   * principal that has a version, also to one of no policies.
   */
  publishVersion? (principal: Pick<Principal, 'id' | 'workspace' | 'environment'>, version: number): Promise<void>
  /**
   * Who of all processes does what is to be done once: true to one of those that ask for a name, then false to all for so
   * many seconds. No request waits for it. Rejects where nobody can say, and then nobody may do it.
   * @param name any text of any length
   */
  claim? (name: string, seconds: number): Promise<boolean>
}

/** What a verdict tells the caller, in whole units and seconds. @param counted units that this take took */
export function outcomeOf (policy: CompiledPolicy, { admitted, available, reset }: Verdict, counted: number): PolicyOutcome {
  return { policy, admitted, remaining: Math.max(0, available - counted), reset: Math.ceil(reset / 1_000_000) }
}
