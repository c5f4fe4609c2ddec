import { describeFault } from '../core/errors.js'
import { withTimeout } from '../core/clock.js'
import type { AccessEvent, EventType } from './event.js'

/** Tells everybody in this process what has happened. */
export interface AccessEvents {
  /** Hears of events of a type, of several, or of all ('*'). What it throws or rejects with is logged and changes nothing; nobody waits for it. @returns ends it */
  on<T extends EventType> (type: T | readonly T[] | '*', listener: (event: AccessEvent<T>) => unknown): () => void
  /** As `on('*')`, for who keeps events (a queue): a notice of a key counts as told only once all keepers have fulfilled. @returns ends it */
  onDurable (listener: (event: AccessEvent) => unknown): () => void
  /** Tells everybody. Never throws, never rejects. @returns whether all keepers have it (fulfilled within the deadline) */
  emit (event: AccessEvent): Promise<boolean>
}

export interface Emitter extends AccessEvents {
  /** Whether anybody would hear of an event of this type. */
  hasListeners (type: EventType): boolean
  /** Resolves when nobody is being told of anything. */
  idle (): Promise<void>
}

export interface EmitterDeps {
  /** Seconds that a keeper may take. */
  readonly deadline: number
  readonly log: (reason: string, message: string) => void
}

/** Rejects with what the host's function throws. */
type Tell = (event: AccessEvent) => Promise<void>

interface Listener {
  wants (type: EventType): boolean
  readonly tell: Tell
}

/** Listeners run in a turn of their own: neither what they throw nor what they do at once reaches whoever tells. */
export function createEmitter ({ deadline, log }: EmitterDeps): Emitter {
  const listeners = new Set<Listener>()
  const keepers = new Set<Tell>()
  const telling = new Set<Promise<boolean>>()

  function add<T> (hearers: Set<T>, hearer: T): () => void {
    hearers.add(hearer)
    return () => { hearers.delete(hearer) }
  }

  const hears = (type: EventType): boolean => keepers.size > 0 || [...listeners].some((one) => one.wants(type))

  async function tell (event: AccessEvent): Promise<boolean> {
    const heard = [...listeners].filter((one) => one.wants(event.type))
    const kept = [...keepers]
    freeze(event)
    await new Promise(setImmediate)
    for (const one of heard) one.tell(event).catch((fault: unknown) => log(describeFault(fault), `a listener of ${event.type} failed`))
    const results = await Promise.all(kept.map((one) => keep(one, event)))
    return results.every(Boolean)
  }

  async function keep (tell: Tell, event: AccessEvent): Promise<boolean> {
    try {
      await withTimeout(tell(event), deadline, 'a keeper of events')
      return true
    } catch (fault) {
      log(describeFault(fault), `${event.type} ${event.id} was not kept`)
      return false
    }
  }

  return {
    hasListeners: hears,
    on<T extends EventType> (type: T | readonly T[] | '*', listener: (event: AccessEvent<T>) => unknown) {
      const types: ReadonlySet<string> | undefined = type === '*' ? undefined : new Set([type].flat())
      function isWanted (event: AccessEvent): event is AccessEvent & AccessEvent<T> {
        return types?.has(event.type) ?? true
      }
      return add(listeners, {
        wants: (one) => types?.has(one) ?? true,
        async tell (event) { if (isWanted(event)) await listener(event) }
      })
    },
    onDurable: (listener) => add(keepers, async (event) => { await listener(event) }),
    async emit (event) {
      if (!hears(event.type)) return true
      const told = tell(event)
      telling.add(told)
      try {
        return await told
      } finally {
        telling.delete(told)
      }
    },
    async idle () {
      while (telling.size > 0) await Promise.all(telling)
    }
  }
}

/** All hear of one object, and none may change it for the others. */
function freeze (value: object): void {
  Object.freeze(value)
  for (const part of Object.values(value)) if (typeof part === 'object' && part !== null) freeze(part)
}
