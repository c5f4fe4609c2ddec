import type { Outcome, Take } from '../store.js'

/** A take that waits for its outcome. */
export interface Waiting {
  readonly take: Take
  readonly resolve: (outcome: Outcome | Promise<Outcome>) => void
  readonly reject: (fault: unknown) => void
  /** What it is answered when Redis can't; may throw. */
  readonly otherwise: (take: Take, reason: string) => Outcome | Promise<Outcome>
}

/** The takes of one tick that go to Redis together, or that never leave. */
export interface Batch {
  readonly waiting: readonly Waiting[]
  /** Monotonic milliseconds from which on nobody waits. */
  readonly until: number
  /** False once everybody has been answered. */
  readonly open: boolean
  /** Answers everybody by `answer`; whoever it throws for, with that. */
  settle (answer: (waiting: Waiting) => Outcome | Promise<Outcome>): void
}

export interface LaneParts {
  /** Milliseconds. */
  readonly deadline: number
  readonly send: (batch: Batch) => void
  /** Called once the deadline has passed and what had arrived by then has been read, also after the loop was blocked. */
  readonly expired: (batch: Batch) => void
}

/** Takes of one batch at most: keeps a script under a few milliseconds, and its keys within what Lua can unpack. */
export const LARGEST_BATCH = 500
/** With one alone, Redis has nothing to do while its answer is read; with more than two, batches get smaller and nothing quicker. */
const MOST_ON_THE_WAY = 2

interface Filling extends Batch {
  readonly waiting: Waiting[]
  open: boolean
  /** Its tick is over; it goes when one of the batches before it is answered. */
  due: boolean
  sent: boolean
}

/**
 * Gathers what comes in one tick of the event loop, and while others are on their way: a call costs Redis and us more than
 * the takes in it, so fewer and larger ones are worth the wait of one round trip at most.
 */
export function createLane ({ deadline, send, expired }: LaneParts): (waiting: Waiting) => void {
  let filling: Filling | undefined
  let onTheWay = 0

  /** No accessors in here: V8 gives each object that has one a hidden class of its own, which keeps the batch until a full collection. */
  function begin (): Filling {
    const timer = setTimeout(() => setImmediate(() => expired(begun)), deadline)
    const begun: Filling = {
      waiting: [],
      until: performance.now() + deadline,
      open: true,
      due: false,
      sent: false,
      settle (answer) {
        begun.open = false
        clearTimeout(timer)
        leave(begun)
        for (const one of begun.waiting) settle(one, answer)
      }
    }
    setImmediate(flush, begun)
    return begun
  }

  function flush (filled: Filling): void {
    if (filled !== filling) return
    if (onTheWay >= MOST_ON_THE_WAY) filled.due = true
    else depart(filled)
  }

  function depart (filled: Filling): void {
    filling = undefined
    filled.sent = true
    onTheWay++
    if (performance.now() < filled.until) send(filled)
    else expired(filled)
  }

  function leave ({ sent }: Filling): void {
    if (sent) onTheWay--
    else filling = undefined
    if (onTheWay < MOST_ON_THE_WAY && filling?.due === true) setImmediate(flush, filling)
  }

  return function add (waiting) {
    filling ??= begin()
    filling.waiting.push(waiting)
    if (filling.waiting.length === LARGEST_BATCH) depart(filling)
  }
}

function settle (waiting: Waiting, answer: (waiting: Waiting) => Outcome | Promise<Outcome>): void {
  let outcome: Outcome | Promise<Outcome>
  try {
    outcome = answer(waiting)
  } catch (fault) {
    return waiting.reject(fault)
  }
  waiting.resolve(outcome)
}
