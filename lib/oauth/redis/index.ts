import { hash } from 'node:crypto'
import { Type } from '@sinclair/typebox'
import { accepted, checkOptions, withMethods } from '../../options.js'
import { commandsOf, type RedisClient } from '../../redis.js'
import type { ReplayStore } from '../replay.js'

export interface RedisReplayStoreOptions {
  /** A `Redis` or a `Cluster` of ioredis, such as `app.redis` of @fastify/redis, that the host opens and closes. */
  redis: RedisClient
  /** What the names of all keys in Redis begin with; `latchkey` by default. */
  namespace?: string | undefined
  /** Seconds that Redis may take; 0.5 by default. Nobody is let in by a proof that it has not answered for. */
  timeout?: number | undefined
}

const optionsSchema = Type.Object({
  redis: withMethods(['call', 'connect', 'once'], 'a Redis or a Cluster of ioredis'),
  namespace: Type.Optional(Type.String({ pattern: '^[A-Za-z0-9:._-]{1,64}$', description: '1 to 64 letters, digits and characters of : . _ -' })),
  timeout: Type.Optional(accepted((value) => typeof value === 'number' && value > 0 && value <= 60, 'seconds: a number above 0, at most 60'))
}, { additionalProperties: false })

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
