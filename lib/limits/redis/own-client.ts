import { EventEmitter } from 'node:events'
import type { Redis, RedisOptions } from 'ioredis'
import { OptionError } from '../../core/options.js'
import { codeOf, type RedisClient } from './client.js'

/** A client of the store's own. It emits `error` for whatever its connection fails with. */
export interface OwnClient extends RedisClient {
  on (event: 'ready' | 'close' | 'error', listener: (error: unknown) => void): unknown
  /** Rejects where ioredis is not installed, or refuses its options. */
  readonly opened: Promise<unknown>
  disconnect (): void
}

/**
 * Connects at once. ioredis is loaded here alone: a host that passes a client, such as one of iovalkey, needs none.
 * @param deadline seconds
 * @throws OptionError
 */
export function openClient (url: string | undefined, options: RedisOptions, deadline: number): OwnClient {
  if (url !== undefined) checkUrl(url)
  const own = clientOptions(options, deadline)
  const events = new EventEmitter()
  const opened = open()
  opened.catch((error: unknown) => events.emit('error', error))

  async function open (): Promise<Redis> {
    const { Redis } = await import('ioredis')
    const redis = url === undefined ? new Redis(own) : new Redis(url, own)
    for (const name of ['ready', 'close', 'error']) redis.on(name, (...args) => events.emit(name, ...args))
    return redis
  }

  return {
    opened,
    status: 'wait',
    connect: () => opened,
    callBuffer: async (command, args) => await (await opened).callBuffer(command, args),
    info: async (section) => await (await opened).info(section),
    on: (event, listener) => events.on(event, listener),
    off: (event, listener) => events.off(event, listener),
    disconnect () {
      opened.then((redis) => redis.disconnect(), () => {})
    }
  }
}

/** What it can't send at once fails at once, and nothing is sent twice. @param deadline seconds */
export function clientOptions (
  options: RedisOptions, deadline: number
): RedisOptions & { replyMapping: 'legacy' } {
  return {
    connectTimeout: 2_000,
    socketTimeout: Math.max(1_000, deadline * 5_000),
    retryStrategy: (times: number) => Math.min(50 * 2 ** times, 1_000) * (0.5 + Math.random() / 2),
    ...options,
    lazyConnect: false,
    enableOfflineQueue: false,
    autoResendUnfulfilledCommands: false,
    maxRetriesPerRequest: 0,
    enableAutoPipelining: false,
    replyMapping: 'legacy',
    maxLoadingRetryTime: 1_000,
    // A primary that became a replica: the address leads elsewhere by now, or soon.
    reconnectOnError: (error: Error) => codeOf(error) === 'READONLY'
  }
}

/** A URL may contain a password: no message quotes it. */
function checkUrl (url: string): void {
  if (!URL.canParse(url) || !['redis:', 'rediss:'].includes(new URL(url).protocol)) {
    throw new OptionError('option limits.store url must be redis://host:port/database, or rediss:// for TLS')
  }
}
