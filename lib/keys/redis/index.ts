import { checkOptions, OptionError } from '../../core/options.js'
import { redisStoreOptions, type RedisStoreOptions } from '../../redis/commands.js'
import type { KeyStore } from '../store.js'
import { commandsOf, type RedisClient } from '../../redis/client.js'
import { createLayout } from './layout.js'
import { createStore } from './store.js'

/** `timeout` is 1 by default. */
export interface RedisKeyStoreOptions extends RedisStoreOptions {}

const options = redisStoreOptions(3600)

/**
 * Keys in Redis, one of its own or a Cluster. It is where keys live, not a cache: Redis must keep what it was told
 * (`appendonly yes`, `maxmemory-policy noeviction`), and the client must read from masters. Every read goes by a script
 * that only a master takes on, at no further trip: a master that was demoted is an outage (503) from its first answer on.
 * One that has lost the others and does not know it yet goes on: with `min-replicas-to-write 1` for
 * `min-replicas-max-lag` seconds at most (10 by default), without it until it hears of its successor. Replicas must stay
 * read-only (`replica-read-only yes`, Redis' default).
 *
 * ```ts
 * const store = createRedisKeyStore({ redis: app.redis })
 * ```
 *
 * @throws OptionError
 */
export function createRedisKeyStore (given: RedisKeyStoreOptions): KeyStore {
  checkOptions(options, given, '')
  const { redis, namespace = 'latchkey', timeout = 1 } = given
  checkMasters(redis)
  return createStore(commandsOf(redis, timeout), createLayout(namespace))
}

/** A replica may not have heard of a revocation yet. */
function checkMasters ({ options = {} }: RedisClient): void {
  const role: unknown = Reflect.get(options, 'role')
  const scaleReads: unknown = Reflect.get(options, 'scaleReads')
  if (role === 'slave' || (scaleReads !== undefined && scaleReads !== 'master')) {
    throw new OptionError('option redis reads from replicas, which may not have heard of a revocation yet: give the key store a client without role: \'slave\', and with scaleReads: \'master\'')
  }
}

export { KeyStoreError, KeyExistsError } from '../../core/store-error.js'
