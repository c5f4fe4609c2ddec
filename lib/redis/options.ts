import { Type } from '@sinclair/typebox'
import { accepted, checkOptions, withMethods } from '../core/options.js'
import { createCommand, type Command, type RedisClient } from './commands.js'

/** Options of every store in Redis. */
export interface RedisStoreOptions {
  /** A `Redis` or a `Cluster` of ioredis or iovalkey, such as `app.redis` of @fastify/redis; the host closes it. */
  redis: RedisClient
  /** What the names of all keys in Redis begin with; `latchkey` by default. */
  namespace?: string | undefined
  /** Seconds that a command, or the wait for a connection, may take. */
  timeout?: number | undefined
}

export interface OpenRedis { readonly command: Command, readonly namespace: string }

/** @param timeouts seconds: the default of the option `timeout`, and the most that it may be @throws OptionError */
export function openRedis (options: RedisStoreOptions, timeouts = { usual: 1, max: 3600 }): OpenRedis {
  checkOptions(schemaOf(timeouts.max), options, '')
  const { redis, namespace = 'latchkey', timeout = timeouts.usual } = options
  return { command: createCommand(redis, timeout), namespace }
}

function schemaOf (maxTimeout: number) {
  return Type.Object({
    redis: withMethods(['call', 'connect', 'once'], 'a Redis or a Cluster of ioredis'),
    namespace: Type.Optional(Type.String({
      pattern: '^[A-Za-z0-9:._-]{1,64}$',
      description: '1 to 64 letters, digits and characters of : . _ -'
    })),
    timeout: Type.Optional(accepted(
      (value) => typeof value === 'number' && value > 0 && value <= maxTimeout,
      `seconds: a number above 0, at most ${maxTimeout}`
    ))
  }, { additionalProperties: false })
}
