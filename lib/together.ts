import { AsyncResource } from 'node:async_hooks'
import { nextTick } from 'node:process'
import { Writable } from 'node:stream'
import { setImmediate } from 'node:timers'

const plainUncork = Writable.prototype.uncork

/** Milliseconds for which what was answered may wait for others. */
const PATIENCE = 1

/** What requests have in common that go on in one drain of microtasks. */
export interface Together {
  /** Requests go on from now on, until the running microtasks end. Where none run, nothing comes of it. */
  begin (): void
  /** Another of them goes on: to be called before it does. */
  next (): void
  /** What this connection is given to write while requests go on leaves when they have. */
  watch (connection: Writable | null): void
  /** Acts when all that this tick of the loop brings is here: once the requests that go on have, else once the loop has read what it can. */
  after<T> (act: (given: T) => void, given: T): void
}

/** A connection that would have been uncorked, and who would have done it: what its answer's end sets off belongs to that request. */
interface Held { readonly connection: Writable, readonly context: AsyncResource }

/**
 * Answers that are written one by one each wake whoever reads them, and what makes answers and what sends them throw each
 * other out of the processor's caches. Here the connections of requests that go on together are uncorked one right after the
 * other: when the last request has gone on, or when a millisecond has passed and another goes on or is answered. Node's
 * `response.end` uncorks last, so the response is ended by then for whoever looks at it. What is held is written before its
 * connection is destroyed and before the process ends.
 */
export function createTogether (now: () => number = () => performance.now()): Together {
  let goingOn = false
  let since = 0
  let held: Held[] = []
  /** Of what is held, what the request that went on last has found. */
  let found = 0
  let watching = false

  function end (): void {
    goingOn = false
    letGo()
  }

  function letGo (): void {
    const leaving = held
    held = []
    found = 0
    for (const { connection, context } of leaving) context.runInAsyncScope(write, null, connection)
  }

  function letGoWhenDue (): void {
    if (now() - since < PATIENCE) return
    letGo()
    since = now()
  }

  function uncork (this: Writable): void {
    if (!goingOn) return plainUncork.call(this)
    if (this.writableCorked === 1 && held.at(-1)?.connection === this) return // Node 24 does it twice
    held.push({ connection: this, context: new AsyncResource('LATCHKEYANSWER') })
    letGoWhenDue()
  }

  return {
    begin () {
      if (goingOn) return
      goingOn = true
      since = now()
      nextTick(end)
    },
    next () {
      if (held.length === found) {
        if (found > 0) letGoWhenDue()
      } else {
        found = held.length // whoever was answered since has looked at the time
      }
    },
    watch (connection) {
      if (connection?.uncork !== plainUncork) return
      if (!watching) process.once('exit', end)
      watching = true
      const { destroy } = connection
      connection.uncork = uncork
      connection.destroy = function destroyWritten (fault) {
        held.find((one) => one.connection === connection)?.context.runInAsyncScope(write, null, connection)
        return destroy.call(connection, fault)
      }
    },
    after (act, given) {
      if (goingOn) nextTick(act, given)
      else setImmediate(act, given)
    }
  }
}

/** What goes wrong with one connection keeps no other waiting. */
function write (connection: Writable): void {
  try {
    plainUncork.call(connection)
  } catch (fault) {
    connection.destroy(fault instanceof Error ? fault : undefined)
  }
}

/** One for all that runs on this thread, since its event loop is one. */
export const together = createTogether()
