import { withTimeout } from '../core/clock.js'
import { describeFault } from '../core/errors.js'
import { isInAll, type AccessEvent, type EventType } from './event.js'

/** Emits what happens in this process: `app.latchkey.events`. */
export interface Emitter {
  /**
   * Calls a listener after each event of a type, of several types, or of all but `usage.counted` (`'*'`). Nothing waits
   * for it; what it throws or rejects with is logged.
   *
   * ```ts
   * app.latchkey.events.on('key.exposed', ({ data }) => warn(data.key.owner))
   * ```
   *
   * @returns unsubscribes
   */
  on<T extends EventType> (type: T | readonly T[] | '*', listener: (event: AccessEvent<T>) => unknown): () => void
  /**
   * Calls a listener that stores events, such as a queue, after each event of any type. What happened to a key counts
   * as emitted only once all durable listeners have fulfilled: until then it is emitted again, also by other processes
   * and after a crash, always with the same id.
   * @returns unsubscribes
   */
  onDurable (listener: (event: AccessEvent) => unknown): () => void
  /** Emits an event. Never throws and never rejects. @returns whether all durable listeners fulfilled in time */
  emit (event: AccessEvent): Promise<boolean>
  /** True when an event of this type would reach a listener: check it before work that only an event needs. */
  hasListeners (type: EventType): boolean
  /** True when something listens by `onDurable`. */
  hasDurableListeners (): boolean
  /** Resolves when no durable listener is running. */
  idle (): Promise<void>
}

export interface EmitterDeps {
  /** Seconds that a durable listener may take. */
  readonly deadline: number
  readonly log: (reason: string, message: string) => void
}

interface Listener {
  wants (type: EventType): boolean
  call (event: AccessEvent): Promise<void>
}

type DurableListener = (event: AccessEvent) => unknown

/** Listeners run in a later turn of the event loop, so that they neither delay nor fail the caller of `emit`. */
export function createEmitter ({ deadline, log }: EmitterDeps): Emitter {
  const listeners = new Set<Listener>()
  const durable = new Set<{ readonly call: DurableListener }>()
  const running = new Set<Promise<boolean>>()

  function hasListeners (type: EventType): boolean {
    if (durable.size > 0) return true
    for (const listener of listeners) if (listener.wants(type)) return true
    return false
  }

  async function dispatch (event: AccessEvent): Promise<boolean> {
    const called = [...listeners].filter((listener) => listener.wants(event.type))
    const stored = [...durable]
    freeze(event)
    await new Promise(setImmediate)
    for (const listener of called) {
      listener.call(event).catch((fault: unknown) => log(describeFault(fault), `a listener of ${event.type} failed`))
    }
    const results = await Promise.all(stored.map(({ call }) => store(call, event)))
    return results.every(Boolean)
  }

  async function store (call: DurableListener, event: AccessEvent): Promise<boolean> {
    const work = async (): Promise<unknown> => await call(event)
    try {
      await withTimeout(work(), deadline, 'a durable listener of events')
      return true
    } catch (fault) {
      log(describeFault(fault), `a durable listener did not store ${event.type} ${event.id}`)
      return false
    }
  }

  return {
    hasListeners,
    hasDurableListeners: () => durable.size > 0,
    on<T extends EventType> (type: T | readonly T[] | '*', listener: (event: AccessEvent<T>) => unknown) {
      const types: ReadonlySet<string> | undefined = type === '*' ? undefined : new Set([type].flat())
      const wants = (one: EventType) => types?.has(one) ?? isInAll(one)
      function isWanted (event: AccessEvent): event is AccessEvent & AccessEvent<T> {
        return wants(event.type)
      }
      return add(listeners, {
        wants,
        async call (event) { if (isWanted(event)) await listener(event) }
      })
    },
    onDurable: (listener) => add(durable, { call: listener }),
    async emit (event) {
      if (!hasListeners(event.type)) return true
      const dispatched = dispatch(event)
      running.add(dispatched)
      try {
        return await dispatched
      } finally {
        running.delete(dispatched)
      }
    },
    async idle () {
      while (running.size > 0) await Promise.all(running)
    }
  }
}

function add<T> (set: Set<T>, one: T): () => void {
  set.add(one)
  return () => { set.delete(one) }
}

/** All listeners share one object, and none may change it for the others. */
function freeze (value: object): void {
  Object.freeze(value)
  for (const part of Object.values(value)) if (typeof part === 'object' && part !== null) freeze(part)
}
