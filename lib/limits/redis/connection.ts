import { DeadlineExceeded } from '../../core/clock.js'
import type { RedisClient } from './client.js'

/** Whether anything can be sent to Redis, as far as its client tells. */
export interface Connection {
  /** `opening` until the first connection stands. */
  readonly state: 'opening' | 'usable' | 'down'
  /** Redis' time less ours (µs less monotonic ms × 1000) when the connection was made; undefined where it can't be told. */
  readonly offset: number | undefined
  /** Settles once it is usable, within so many ms. */
  usable (milliseconds: number): Promise<void>
  close (): void
}

/**
 * Follows a client. Redis is asked for its time at each connection before anything else is sent to it; of a Cluster any
 * node is, whose time is a guess for the others.
 */
export function watchConnection (client: RedisClient, onUsable: () => void): Connection {
  let state: Connection['state'] = 'opening'
  let offset: number | undefined
  let epoch = 0
  const awaiting = new Set<() => void>()

  async function ready (): Promise<void> {
    const connection = ++epoch
    const told = await client.time().catch(() => undefined)
    if (connection !== epoch) return
    offset = offsetOf(told)
    state = 'usable'
    for (const tell of awaiting) tell()
    onUsable()
  }

  function closed (): void {
    epoch++
    if (state === 'usable') state = 'down'
  }

  client.on('ready', ready)
  client.on('close', closed)
  if (client.status === 'ready') ready()
  if (client.status === 'wait') client.connect().catch(() => {})

  return {
    get state () { return state },
    get offset () { return offset },
    usable: (milliseconds) => new Promise((resolve, reject) => {
      if (state === 'usable') return resolve()
      const timer = setTimeout(() => { awaiting.delete(tell); reject(new DeadlineExceeded('Redis', milliseconds / 1000)) }, milliseconds)
      function tell (): void {
        clearTimeout(timer)
        awaiting.delete(tell)
        resolve()
      }
      awaiting.add(tell)
    }),
    close () {
      epoch++
      state = 'down'
      client.off('ready', ready)
      client.off('close', closed)
    }
  }
}

function offsetOf (told: unknown): number | undefined {
  if (!Array.isArray(told)) return undefined
  const [seconds, micros]: unknown[] = told
  return Number(seconds) * 1_000_000 + Number(micros) - performance.now() * 1000
}
