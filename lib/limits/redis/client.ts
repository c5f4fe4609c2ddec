import { Command, Redis, type RedisOptions } from 'ioredis'
import { describeFault } from '../../core/errors.js'
import { OptionError } from '../../core/options.js'
import type { Script } from './script.js'

/** What the store uses of ioredis' `Redis` and `Cluster`, and so of @fastify/redis. */
export interface RedisClient {
  readonly status: string
  readonly isCluster: boolean
  connect (): Promise<unknown>
  /** Texts of the answer are bytes. */
  callBuffer (command: string, ...args: string[]): Promise<unknown>
  time (): Promise<unknown>
  info (section: string): Promise<string>
  on (event: 'ready' | 'close', listener: () => void): unknown
  off (event: 'ready' | 'close', listener: () => void): unknown
}

export const REDIS_METHODS = ['connect', 'callBuffer', 'time', 'info', 'on', 'off']

/** Commands that the scripts and the store send, for the message of an account that may not. */
export const COMMANDS = ['eval', 'evalsha', 'time', 'get', 'set', 'setrange', 'pttl', 'del']

/** A client of the store's own: what it can't send at once fails at once, and nothing is ever sent twice. */
export function openClient (url: string | undefined, options: RedisOptions, deadline: number): Redis {
  const own = {
    connectTimeout: 2_000,
    socketTimeout: Math.max(1_000, deadline * 5_000),
    retryStrategy: (times: number) => Math.min(50 * 2 ** times, 1_000) * (0.5 + Math.random() / 2),
    ...options,
    lazyConnect: false,
    enableOfflineQueue: false,
    autoResendUnfulfilledCommands: false,
    maxRetriesPerRequest: 0,
    enableAutoPipelining: false,
    replyMapping: 'legacy' as const,
    maxLoadingRetryTime: 1_000,
    reconnectOnError: (fault: Error) => codeOf(fault) === 'READONLY'
  }
  return url === undefined ? new Redis(own) : new Redis(checkUrl(url), own)
}

/** A URL may hold a password: no message quotes it. */
function checkUrl (url: string): string {
  if (!URL.canParse(url) || !['redis:', 'rediss:'].includes(new URL(url).protocol)) {
    throw new OptionError('option limits.store url must be redis://host:port/database, or rediss:// for TLS')
  }
  return url
}

/** Runs a script by its name; one that Redis has forgotten is sent whole, unless nobody waits any more. Texts of its answer are bytes. */
export async function run (client: RedisClient, { lua, sha }: Script, keys: readonly string[], args: readonly string[], wanted: () => boolean): Promise<unknown> {
  try {
    return await call(client, 'evalsha', [sha, String(keys.length), ...keys, ...args])
  } catch (fault) {
    if (codeOf(fault) !== 'NOSCRIPT' || !wanted()) throw fault
    return call(client, 'eval', [lua, String(keys.length), ...keys, ...args])
  }
}

/** `callBuffer` copies what a command is made with one by one, which takes a third as long as sending it: here it is given its arguments. */
function call (client: RedisClient, name: string, args: string[]): unknown {
  if (!(client instanceof Redis) || hasPrefix(client)) return client.callBuffer(name, ...args)
  const command = new Command(name, [], { replyEncoding: null })
  command.args = args
  return client.sendCommand(command)
}

/** ioredis puts it before the keys that a command is made with. */
function hasPrefix ({ options: { keyPrefix = '' } }: Redis): boolean {
  return keyPrefix !== ''
}

/** The word that a reply of Redis begins its refusal with; undefined for faults of the connection. */
export function codeOf (fault: unknown): string | undefined {
  if (!(fault instanceof Error) || fault.name !== 'ReplyError') return undefined
  if (/ACL failure in script|user executing the script can't/.test(fault.message)) return 'NOPERM'
  const [code] = /^[A-Z]{2,20}\b/.exec(fault.message) ?? ['ERR']
  return code
}

/** What may be said of a fault: never a message, which quotes arguments and addresses. */
export function reasonOf (fault: unknown): string {
  return codeOf(fault) ?? describeFault(fault)
}
