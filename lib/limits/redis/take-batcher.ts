import { together } from '../../together.js'
import type { JoinedTake, Outcome, PendingTake } from '../store.js'

/** A take that waits for its outcome, or for what is thrown instead. */
export interface Waiting extends PendingTake {
  /** What it is answered when Redis can't; may throw. */
  readonly otherwise: (take: JoinedTake, reason: string) => Outcome
  settle (answer: (waiting: Waiting) => Outcome): void
}

/** The takes of one tick that go to Redis together, or that never leave. */
export interface Batch {
  readonly waiting: readonly Waiting[]
  /** Monotonic milliseconds from which on nobody waits. */
  readonly until: number
  /** False once everybody has been answered. */
  readonly open: boolean
  /** Answers everybody by `answer`; whoever it throws for, with that. */
  settle (answer: (waiting: Waiting) => Outcome): void
}

export interface TakeBatcherDeps {
  /** Milliseconds. */
  readonly deadline: number
  readonly send: (batch: Batch) => void
  /** Called once the deadline has passed and what had arrived by then has been read, also after the loop was blocked. */
  readonly expired: (batch: Batch) => void
}

/** Takes of one batch at most: keeps a script under a few milliseconds, and its keys within what Lua can unpack. */
export const MAX_BATCH = 500
/** With one alone, Redis has nothing to do while its answer is read; with more than two, batches get smaller and nothing quicker. */
const MOST_ON_THE_WAY = 2
/** So many takes keep Redis busy, and us when they are answered: another batch beside them would only be smaller. */
const ENOUGH_ON_THE_WAY = 16

interface Filling extends Batch {
  readonly waiting: Waiting[]
  open: boolean
  readonly decided: Promise<void>
  /** Its tick is over; it goes when one of the batches before it is answered. */
  due: boolean
  sent: boolean
}

/**
 * Gathers what comes in one tick of the event loop, and while others are on their way: a call costs Redis and us more than
 * the takes in it, so fewer and larger ones are worth the wait of one round trip at most.
 */
export function createTakeBatcher ({ deadline, send, expired }: TakeBatcherDeps): (take: JoinedTake, otherwise: Waiting['otherwise']) => Waiting {
  let filling: Filling | undefined
  let batchesOnTheWay = 0
  let takesOnTheWay = 0

  /** No accessors in here: V8 gives each object that has one a hidden class of its own, which keeps the batch until a full collection. */
  function begin (): Filling {
    const timer = setTimeout(() => setImmediate(() => expired(begun)), deadline)
    const wakers: Array<() => void> = []
    const begun: Filling = {
      waiting: [],
      decided: new Promise((resolve) => { wakers.push(resolve) }),
      until: performance.now() + deadline,
      open: true,
      due: false,
      sent: false,
      settle (answer) {
        begun.open = false
        clearTimeout(timer)
        leave(begun)
        for (const one of begun.waiting) one.settle(answer)
        for (const wake of wakers) wake()
      }
    }
    begun.decided.then(together.begin)
    together.after(flush, begun)
    return begun
  }

  function flush (filled: Filling): void {
    if (filled !== filling) return
    if (isBusy()) filled.due = true
    else depart(filled)
  }

  function isBusy (): boolean {
    return batchesOnTheWay >= MOST_ON_THE_WAY || takesOnTheWay >= ENOUGH_ON_THE_WAY
  }

  function depart (filled: Filling): void {
    filling = undefined
    filled.sent = true
    batchesOnTheWay++
    takesOnTheWay += filled.waiting.length
    if (performance.now() < filled.until) send(filled)
    else expired(filled)
  }

  function leave ({ sent, waiting }: Filling): void {
    if (sent) {
      batchesOnTheWay--
      takesOnTheWay -= waiting.length
    } else {
      filling = undefined
    }
    if (filling?.due === true && !isBusy()) setImmediate(flush, filling)
  }

  return function add (take, otherwise) {
    filling ??= begin()
    const { waiting, decided } = filling
    const added = new Waiter(take, otherwise, decided)
    if (waiting.push(added) === MAX_BATCH) depart(filling)
    return added
  }
}

class Waiter implements Waiting {
  #outcome: Outcome | undefined
  #fault: unknown

  constructor (readonly take: JoinedTake, readonly otherwise: Waiting['otherwise'], readonly decided: Promise<void>) {}

  settle (answer: (waiting: Waiting) => Outcome): void {
    try {
      this.#outcome = answer(this)
    } catch (fault) {
      this.#fault = fault
    }
  }

  outcome (): Outcome {
    if (this.#outcome === undefined) throw this.#fault
    return this.#outcome
  }
}
