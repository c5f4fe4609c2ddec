import { Type } from '@sinclair/typebox'
import { commandsOf, type RedisClient } from '../../keys/redis/client.js'
import { accepted, checkOptions, withMethods } from '../../options.js'
import type { WebhookStore } from '../store.js'
import { createLayout } from './layout.js'
import { createStore } from './store.js'

export interface RedisWebhookStoreOptions {
  /** A `Redis` or a `Cluster` of ioredis, that the host opens and closes. */
  redis: RedisClient
  /** What the names of all keys in Redis begin with; `latchkey` by default. */
  namespace?: string | undefined
  /** Seconds that a command, or waiting for a connection, may take; 1 by default. */
  timeout?: number | undefined
}

const options = Type.Object({
  redis: withMethods(['call', 'connect', 'once'], 'a Redis or a Cluster of ioredis'),
  namespace: Type.Optional(Type.String({ pattern: '^[A-Za-z0-9:._-]{1,64}$', description: '1 to 64 letters, digits and characters of : . _ -' })),
  timeout: Type.Optional(accepted((value) => typeof value === 'number' && value > 0 && value <= 3600, 'seconds: a number above 0, at most 3600'))
}, { additionalProperties: false })

/**
 * Endpoints and deliveries in Redis, one of its own or a Cluster, which must keep what it was told (`appendonly yes`,
 * `maxmemory-policy noeviction`); any number of processes deliver from it.
 *
 * @throws OptionError
 */
export function createRedisWebhookStore (given: RedisWebhookStoreOptions): WebhookStore {
  checkOptions(options, given, '')
  const { redis, namespace = 'latchkey', timeout = 1 } = given
  return createStore(commandsOf(redis, timeout), createLayout(namespace))
}
