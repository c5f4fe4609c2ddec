/**
 * `fastify-latchkey/usage/redis`: counts of requests in Redis, by a client of `ioredis` that the host passes.
 */

import { openRedis, type RedisStoreOptions } from '../../redis/options.js'
import type { UsageStore } from '../store.js'
import { createRedisStore } from './store.js'

/** `timeout` is 5 by default. */
export interface RedisUsageStoreOptions extends RedisStoreOptions {}

/**
 * Counts of requests in Redis, single or Cluster: a hash for each key and UTC day, which expires once `retention` is
 * over. A batch is some scripts for each workspace. It is added once, unless it is repeated more than a day later.
 *
 * ```ts
 * const store = createRedisUsageStore({ redis: app.redis })
 * ```
 *
 * @throws OptionError
 */
export function createRedisUsageStore (options: RedisUsageStoreOptions): UsageStore {
  return createRedisStore(openRedis(options, { usual: 5, max: 3600 }))
}
