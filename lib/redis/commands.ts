import { once } from 'node:events'
import { Type } from '@sinclair/typebox'
import { accepted, withMethods } from '../core/options.js'
import { withTimeout } from '../core/clock.js'

/** What is asked of a client: a `Redis` or a `Cluster` of ioredis is one. */
export interface RedisClient extends NodeJS.EventEmitter {
  readonly status: string
  readonly options?: object
  call (command: string, ...args: string[]): Promise<unknown>
  connect (): Promise<unknown>
}

/** What a store in Redis is made of. */
export interface RedisStoreOptions {
  /** A `Redis` or a `Cluster` of ioredis, such as `app.redis` of @fastify/redis, that the host opens and closes. */
  redis: RedisClient
  /** What the names of all keys in Redis begin with; `latchkey` by default. */
  namespace?: string | undefined
  /** Seconds that a command, or waiting for a connection, may take. */
  timeout?: number | undefined
}

/** @param longest seconds that `timeout` may be */
export function redisStoreOptions (longest: number) {
  return Type.Object({
    redis: withMethods(['call', 'connect', 'once'], 'a Redis or a Cluster of ioredis'),
    namespace: Type.Optional(Type.String({ pattern: '^[A-Za-z0-9:._-]{1,64}$', description: '1 to 64 letters, digits and characters of : . _ -' })),
    timeout: Type.Optional(accepted((value) => typeof value === 'number' && value > 0 && value <= longest, `seconds: a number above 0, at most ${longest}`))
  }, { additionalProperties: false })
}

export type Command = (command: string, ...args: string[]) => Promise<unknown>

/** A client keeps each command until its answer comes or its connection ends, long after its caller was told. */
const MOST_UNANSWERED = 10_000

/**
 * Runs single commands, each within a deadline. A command is given to a connected client only: those that ioredis keeps
 * for later are run by it long after their caller was told that they failed.
 * @param timeout seconds
 */
export function commandsOf (redis: RedisClient, timeout: number): Command {
  let connected: Promise<unknown> | undefined
  let unanswered = 0

  async function connect (): Promise<void> {
    const waiting = new AbortController()
    const ready = once(redis, 'ready', { signal: waiting.signal })
    if (redis.status === 'wait') redis.connect().catch(ignore)
    try {
      await withTimeout(ready, timeout, 'Redis')
    } finally {
      // Takes the listeners off a client that may never be ready.
      waiting.abort()
    }
  }

  return async function command (name, ...args) {
    while (redis.status !== 'ready') await (connected ??= connect().finally(() => { connected = undefined }))
    if (unanswered >= MOST_UNANSWERED) throw new TooManyCommands()
    unanswered++
    return await withTimeout(redis.call(name, ...args).finally(() => { unanswered-- }), timeout, 'Redis')
  }
}

/** More commands of one store are unanswered than may be; whatever asks now is refused at once. */
export class TooManyCommands extends Error {
  readonly code = 'LATCHKEY_ERR_TOO_MANY_COMMANDS'
  constructor () {
    super(`${MOST_UNANSWERED} commands are unanswered by Redis`)
    this.name = 'TooManyCommands'
  }
}

/** Of a failed attempt to connect the client tells by its `error` event too. */
function ignore (): void {}
