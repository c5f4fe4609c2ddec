import { DeadlineExceeded } from '../../core/clock.js'
import { Undecided, type RedisClient } from './client.js'

/** Whether anything can be sent to Redis, as far as its client knows. */
export interface Connection {
  /** `opening` until the first connection is ready. */
  readonly state: 'opening' | 'ready' | 'lost'
  /** Resolves when it is ready. @throws DeadlineExceeded after so many ms */
  ready (milliseconds: number): Promise<void>
  close (): void
}

/** Follows a client. @param onReady called for each new connection, before anything is sent over it */
export function watchConnection (client: RedisClient, onReady: () => void): Connection {
  let state: Connection['state'] = 'opening'
  const waiting = new Set<(error?: Error) => void>()

  function ready (): void {
    state = 'ready'
    onReady()
    for (const settle of waiting) settle()
  }

  function lost (): void {
    if (state === 'ready') state = 'lost'
  }

  client.on('ready', ready)
  client.on('close', lost)
  if (client.status === 'ready') ready()
  // An `error` event says why it fails.
  if (client.status === 'wait') client.connect().catch(() => {})

  return {
    get state () { return state },
    ready: (milliseconds) => new Promise((resolve, reject) => {
      if (state === 'ready') return resolve()
      const timer = setTimeout(() => settle(new DeadlineExceeded('Redis', milliseconds / 1000)), milliseconds)
      function settle (error?: Error): void {
        clearTimeout(timer)
        waiting.delete(settle)
        if (error === undefined) resolve()
        else reject(error)
      }
      waiting.add(settle)
    }),
    close () {
      state = 'lost'
      client.off('ready', ready)
      client.off('close', lost)
      for (const settle of waiting) settle(new Undecided('closed'))
    }
  }
}
