/**
 * `fastify-latchkey/keys/redis`: keys in Redis, by a client of `ioredis` that the host passes.
 */

import { OptionError } from '../../core/options.js'
import type { RedisClient } from '../../redis/commands.js'
import { openRedis, type RedisStoreOptions } from '../../redis/options.js'
import type { KeyStore } from '../store.js'
import { createRedisStore } from './store.js'

/** `timeout` is 1 by default. */
export interface RedisKeyStoreOptions extends RedisStoreOptions {}

/**
 * Keys in Redis, single or Cluster. It is where keys live, not a cache: Redis must persist every write (`appendonly
 * yes`, `maxmemory-policy noeviction`), and the client must read from masters. Every read is a script that only a
 * master runs, so a master that was demoted is an outage (503) from its first answer on. A master that is cut off
 * goes on for `min-replicas-max-lag` seconds (10 by default) with `min-replicas-to-write 1`, and without it until it
 * learns of its successor. Replicas must stay read-only (`replica-read-only yes`, Redis' default).
 *
 * ```ts
 * const store = createRedisKeyStore({ redis: app.redis })
 * ```
 *
 * @throws OptionError
 */
export function createRedisKeyStore (options: RedisKeyStoreOptions): KeyStore {
  const redis = openRedis(options)
  checkMasters(options.redis)
  return createRedisStore(redis)
}

function checkMasters ({ options = {} }: RedisClient): void {
  const role: unknown = Reflect.get(options, 'role')
  const scaleReads: unknown = Reflect.get(options, 'scaleReads')
  if (role === 'slave' || (scaleReads !== undefined && scaleReads !== 'master')) {
    throw new OptionError('option redis reads from replicas, which may not know of a revocation yet: ' +
      'give the key store a client without role: \'slave\', and with scaleReads: \'master\'')
  }
}

export { StoreError, DuplicateError } from '../../core/store-error.js'
