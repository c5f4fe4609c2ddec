import { commandsOf } from '../../redis/client.js'
import { checkOptions } from '../../core/options.js'
import { redisStoreOptions, type RedisStoreOptions } from '../../redis/commands.js'
import type { WebhookStore } from '../store.js'
import { createLayout } from './layout.js'
import { createStore } from './store.js'

/** `timeout` is 1 by default. */
export interface RedisWebhookStoreOptions extends RedisStoreOptions {}

const options = redisStoreOptions(3600)

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
