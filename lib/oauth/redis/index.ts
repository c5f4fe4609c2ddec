import { hash } from 'node:crypto'
import { openRedis, type RedisStoreOptions } from '../../redis/options.js'
import type { ReplayStore } from '../replay.js'

/** `timeout` is 0.5 by default, and 60 at most: a proof that Redis has not answered for lets nobody in. */
export interface RedisReplayStoreOptions extends RedisStoreOptions {}

/**
 * Used DPoP proofs, shared by all processes (RFC 9449 §11.1): each proof is accepted once, by whichever process.
 * Redis must not evict keys (`maxmemory-policy noeviction`). After a failover to a replica it may have lost the
 * proofs of the last moments, each of which is then accepted once more within its `maxAge`.
 *
 * ```ts
 * createJwtResolver({ issuers, dpop: { replay: createRedisReplayStore({ redis: app.redis }) } })
 * ```
 *
 * @throws OptionError
 */
export function createRedisReplayStore (options: RedisReplayStoreOptions): ReplayStore {
  const { command, namespace } = openRedis(options, { usual: 0.5, max: 60 })
  return {
    async use (proof, until, now) {
      const name = `${namespace}:dpop:${hash('sha256', proof, 'base64url')}`
      const milliseconds = Math.max(1, Math.ceil(until - now))
      return await command('set', name, '', 'NX', 'PX', String(milliseconds)) === 'OK'
    }
  }
}
