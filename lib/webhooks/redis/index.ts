/**
 * `fastify-latchkey/webhooks/redis`: endpoints and deliveries in Redis, by a client of `ioredis` that the host passes.
 */

import { openRedis, type RedisStoreOptions } from '../../redis/options.js'
import type { WebhookStore } from '../store.js'
import { createRedisStore } from './store.js'

/** `timeout` is 1 by default. */
export interface RedisWebhookStoreOptions extends RedisStoreOptions {}

/**
 * Endpoints and deliveries in Redis, single or Cluster, which must persist every write (`appendonly yes`,
 * `maxmemory-policy noeviction`); any number of processes deliver from it.
 *
 * @throws OptionError
 */
export function createRedisWebhookStore (options: RedisWebhookStoreOptions): WebhookStore {
  return createRedisStore(openRedis(options))
}
