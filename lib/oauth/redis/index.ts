import { hash } from 'node:crypto'
import { checkOptions } from '../../core/options.js'
import { commandsOf, redisStoreOptions, type RedisStoreOptions } from '../../redis/commands.js'
import type { ReplayStore } from '../replay.js'

/** `timeout` is 0.5 by default, and 60 at most: nobody is let in by a proof that Redis has not answered for. */
export interface RedisReplayStoreOptions extends RedisStoreOptions {}

const optionsSchema = redisStoreOptions(60)

/**
 * DPoP proofs that were used, remembered by all processes (RFC 9449 §11.1): a proof is good once, at whichever of them.
 * Redis must not evict (`maxmemory-policy noeviction`); one that fails over to a replica may forget the proofs of its last
 * moments, each of which is then good once more within its `maxAge`.
 *
 * ```ts
 * createJwtResolver({ issuers, dpop: { replay: createRedisReplayStore({ redis: app.redis }) } })
 * ```
 *
 * @throws OptionError
 */
export function createRedisReplayStore (options: RedisReplayStoreOptions): ReplayStore {
  checkOptions(optionsSchema, options, '')
  const { redis, namespace = 'latchkey', timeout = 0.5 } = options
  const command = commandsOf(redis, timeout)

  return {
    async use (proof, until, now) {
      const name = `${namespace}:dpop:${hash('sha256', proof, 'base64url')}`
      return await command('set', name, '', 'NX', 'PX', String(Math.max(1, Math.ceil(until - now)))) === 'OK'
    }
  }
}
