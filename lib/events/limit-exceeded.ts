import { describeFault } from '../core/errors.js'
import type { LimitStore, PolicyOutcome } from '../limits/index.js'
import type { Principal } from '../core/principal.js'
import { withTimeout, type Clock } from '../core/clock.js'
import type { Emitter } from './emitter.js'
import type { AccessEvent } from './event.js'
import { eventId } from './event-id.js'
import type { OncePerWindow } from './once-per-window.js'

export interface LimitExceededDeps {
  readonly emitter: Pick<Emitter, 'emit'>
  readonly clock: Clock
  readonly firsts: OncePerWindow
  /** Asks the store that processes share which of them tells; undefined where there is none to ask. */
  readonly claim: LimitStore['claim']
  /** Seconds that a claim may take. */
  readonly deadline: number
  readonly log: (reason: string, message: string) => void
}

/** What one process of all is to tell. */
interface Shared {
  readonly event: AccessEvent
  readonly name: string
  /** Until it may be told again. */
  readonly seconds: number
  /** Seconds after which what is another's is asked for again. */
  readonly patience: number
}

/** Seconds for which the claim of a window outlives it: a process that was held up may ask late. */
const HELD_UP = 60
/** Share of a period after which another's claim is asked for again: it began sooner than the period did here. */
const PART = 0.1

/**
 * Whoever uses up a window is told of once in it; of other limiters, which have none, once in as much time. Processes that
 * can claim what they tell do so once among all of them, and at most: while nobody can say whose it is, it is told by
 * nobody, and claimed again by the next request that is refused. Where nothing can be claimed each tells it, with one id.
 */
export function createLimitExceeded ({ emitter, clock, firsts, claim, deadline, log }: LimitExceededDeps): (outcome: PolicyOutcome, principal: Principal) => void {
  const tell = claim === undefined ? ({ event }: Shared) => { emitter.emit(event) } : createTeller(claim)

  function createTeller (claim: NonNullable<LimitStore['claim']>): (shared: Shared) => void {
    let failing = false
    return async function tellIfOurs ({ event, name, seconds, patience }) {
      try {
        const asked = Promise.resolve().then(() => claim(name, seconds))
        if (await withTimeout(asked, deadline, 'the limit store')) emitter.emit(event)
        else firsts.again(name, patience)
        failing = false
      } catch (fault) {
        firsts.again(name, 0)
        if (!failing) log(describeFault(fault), 'limit.exceeded is told by nobody while the limit store can\'t say who tells it')
        failing = true
      }
    }
  }

  function eventOf (name: string, { policy, reset, closesAt }: PolicyOutcome, { kind, id, workspace, environment }: Principal): AccessEvent<'limit.exceeded'> {
    const now = clock()
    const resetAt = now + reset * 1000
    const period = closesAt ?? Math.floor((policy.kind === 'window' ? resetAt : now) / (policy.window * 1000))
    return {
      id: eventId(name, period),
      type: 'limit.exceeded',
      at: new Date(now),
      workspace,
      data: { policy: policy.name, partition: policy.partition ?? 'principal', principal: { kind, id }, environment, resetAt: new Date(resetAt).toISOString() }
    }
  }

  return function exceeded (outcome, principal) {
    const { policy, reset, closesAt } = outcome
    const name = `limit ${closesAt ?? ''} ${policy.id} ${policy.partitionOf(principal)}`
    const seconds = policy.kind === 'window' ? reset : policy.window
    if (!firsts.isFirst(name, seconds)) return
    const event = eventOf(name, outcome, principal)
    tell(closesAt === undefined ? { event, name, seconds, patience: seconds * PART } : { event, name, seconds: seconds + HELD_UP, patience: seconds })
  }
}
