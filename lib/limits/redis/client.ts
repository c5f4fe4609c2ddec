import { describeFault } from '../../core/errors.js'
import type { Script } from './scripts.js'

/** What the store uses of ioredis' `Redis` and `Cluster`, and so of @fastify/redis. */
export interface RedisClient {
  readonly status: string
  readonly options?: { readonly keyPrefix?: string | undefined }
  /** Of a Cluster: by hash slot the addresses of its nodes, the primary first. */
  readonly slots?: ReadonlyArray<readonly string[]>
  connect (): Promise<unknown>
  /** Texts in the answer are bytes. */
  callBuffer (command: string, args: string[]): Promise<unknown>
  info (section: string): Promise<string>
  on (event: 'ready' | 'close', listener: () => void): unknown
  off (event: 'ready' | 'close', listener: () => void): unknown
}

export const REDIS_METHODS = ['connect', 'callBuffer', 'info', 'on', 'off']

/** Commands that the scripts and the store send, for the message to an account that may not. */
export const COMMANDS = ['eval', 'evalsha', 'time', 'get', 'set', 'setrange', 'pttl', 'del']

/**
 * Runs a script by its name, and sends it whole where Redis does not know it. Texts in its answer are bytes.
 * @param until monotonic milliseconds: later, nobody waits for the answer
 */
export async function run (
  client: RedisClient, { lua, sha }: Script, keys: readonly string[], args: readonly string[], until = Infinity
): Promise<unknown> {
  try {
    return await client.callBuffer('evalsha', [sha, String(keys.length), ...keys, ...args])
  } catch (error) {
    if (codeOf(error) !== 'NOSCRIPT' || performance.now() >= until) throw error
    return client.callBuffer('eval', [lua, String(keys.length), ...keys, ...args])
  }
}

/** The code of a refusal by Redis, such as `READONLY`; undefined for errors of the connection. */
export function codeOf (error: unknown): string | undefined {
  if (!(error instanceof Error) || error.name !== 'ReplyError') return undefined
  if (/ACL failure in script|user executing the script can't/.test(error.message)) return 'NOPERM'
  // Redis 6 wraps a refusal within a script: ERR Error running script (…): @user_script:1: -READONLY You can't write
  const [, code = 'ERR'] = /^(?:ERR Error running script .*? -)?([A-Z]{2,20})\b/.exec(error.message) ?? []
  return code
}

/** Why Redis has not decided, in words that may be logged and answered. */
export class Undecided extends Error {
  override readonly name = 'Undecided'
}

/** What may be said of an error: never the message of a client, which quotes arguments and addresses. */
export function reasonOf (error: unknown): string {
  return error instanceof Undecided ? error.message : codeOf(error) ?? describeFault(error)
}
