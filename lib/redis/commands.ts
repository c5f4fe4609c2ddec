import { once } from 'node:events'
import { wrapClientError } from '../core/client-error.js'
import { withTimeout } from '../core/clock.js'

/** The part of a client that is used: a `Redis` or a `Cluster` of ioredis has it. */
export interface RedisClient extends NodeJS.EventEmitter {
  readonly status: string
  readonly options?: object
  call (command: string, ...args: string[]): Promise<unknown>
  connect (): Promise<unknown>
}

/** Runs one command. Rejects with a `StoreError`. */
export type Command = (command: string, ...args: string[]) => Promise<unknown>

/**
 * The client keeps a command in memory until its answer comes or the connection ends, however early the caller gave
 * up.
 */
const MAX_UNANSWERED = 10_000

/**
 * Runs commands of one client, each within a deadline. It never lets ioredis queue a command for a connection to come,
 * since ioredis would run it long after its caller has been answered that it failed.
 * @param timeout seconds
 */
export function createCommand (redis: RedisClient, timeout: number): Command {
  let connecting: Promise<unknown> | undefined
  let unanswered = 0

  async function connect (): Promise<void> {
    const waiting = new AbortController()
    const ready = once(redis, 'ready', { signal: waiting.signal })
    if (redis.status === 'wait') redis.connect().catch(ignore)
    try {
      await withTimeout(ready, timeout, 'Redis')
    } finally {
      // Removes the listeners from a client that may never be ready.
      waiting.abort()
    }
  }

  async function run (name: string, args: readonly string[]): Promise<unknown> {
    while (redis.status !== 'ready') await (connecting ??= connect().finally(() => { connecting = undefined }))
    if (unanswered >= MAX_UNANSWERED) throw new TooManyCommands()
    unanswered++
    return await withTimeout(redis.call(name, ...args).finally(() => { unanswered-- }), timeout, 'Redis')
  }

  return async function command (name, ...args) {
    try {
      return await run(name, args)
    } catch (error) {
      throw wrapClientError('Redis', error)
    }
  }
}

class TooManyCommands extends Error {
  override readonly name = 'TooManyCommands'
  readonly code = 'LATCHKEY_ERR_TOO_MANY_COMMANDS'
}

/** A failed attempt to connect is also an `error` event of the client, which the host listens to. */
function ignore (): void {}

/** Runs a script. @param keys all in one slot of a Cluster */
export type Script = (text: string, keys: readonly string[], args?: ReadonlyArray<string | number>) => Promise<unknown>

export function createScript (command: Command): Script {
  return (text, keys, args = []) => command('eval', text, String(keys.length), ...keys, ...args.map(String))
}

/** A reply that is a list. @throws TypeError */
export function listOf (reply: unknown): readonly unknown[] {
  if (!Array.isArray(reply)) throw new TypeError('the answer of Redis is not a list')
  return reply
}

/** A reply that is a list of texts. @throws TypeError */
export function textsOf (reply: unknown): readonly string[] {
  return listOf(reply).map(String)
}
