import type { Writable } from 'node:stream'
import { setImmediate } from 'node:timers'
import { together } from './together.js'

/** Lets a request of a connection go on: at once where it came alone, else with those that came with it. */
export type Cohort = (connection: Writable | null, proceed: () => void) => void

/**
 * Cohort scheduling (Larus and Parkes, USENIX 2002): requests that one tick of the event loop has read go on when all of
 * them are. What reads requests stays in the processor's caches from one to the next, and so does what answers them; taking
 * turns, each throws the other out, which costs a busy server a quarter of its time. They go on in one drain of microtasks, each
 * in its own asynchronous context, and their answers leave together.
 */
export function createCohort (): Cohort {
  let size = 0
  /** Requests came together when some came last. */
  let crowded = false
  let all: Promise<void> | undefined
  let wake = (): void => {}

  function goOn (): void {
    crowded = size > 1
    size = 0
    all = undefined
    wake()
  }

  function gather (): Promise<void> {
    const gathered = new Promise<void>((resolve) => { wake = resolve })
    gathered.then(together.begin)
    return gathered
  }

  return function join (connection, proceed) {
    together.watch(connection)
    if (++size === 1) {
      setImmediate(goOn)
      if (!crowded) return proceed()
    }
    all ??= gather()
    all.then(() => { together.next(); proceed() })
  }
}
