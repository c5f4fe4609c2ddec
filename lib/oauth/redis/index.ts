/**
 * `fastify-latchkey/oauth/redis`: used DPoP proofs that processes share, by a client of `ioredis` that the host
 * passes.
 */

import { hash } from 'node:crypto'
import { accepted, checkOptions } from '../../core/options.js'
import { createScript } from '../../redis/commands.js'
import { openRedis, type RedisStoreOptions } from '../../redis/options.js'
import { BUCKET_MS, bucketOf, endOf, tooManyProofs, type ReplayStore } from '../replay.js'

/** `timeout` is 0.5 by default, and 60 at most: a proof that Redis has not answered for lets nobody in. */
export interface RedisReplayStoreOptions extends RedisStoreOptions {
  /** The most proofs of one JWK a minute; further ones are 429 for that holder alone. 2,000 by default. */
  perHolder?: number | undefined
}

/**
 * Remembers one proof in the set of its holder and minute, which Redis forgets as a whole. KEYS: set. ARGV: proof, the
 * most proofs, milliseconds until the set is forgotten.
 */
const USE = `
if redis.call('SISMEMBER', KEYS[1], ARGV[1]) == 1 then return 'used' end
if redis.call('SCARD', KEYS[1]) >= tonumber(ARGV[2]) then return 'too-many' end
redis.call('SADD', KEYS[1], ARGV[1])
redis.call('PEXPIRE', KEYS[1], ARGV[3])
return 'new'`

/** Clocks of processes may differ by as much. */
const MARGIN_MS = BUCKET_MS

/**
 * Used DPoP proofs, shared by all processes (RFC 9449 §11.1): each proof is accepted once, by whichever process. Redis
 * must not evict keys (`maxmemory-policy noeviction`). After a failover to a replica it may have lost the proofs of the
 * last moments, each of which is then accepted once more within its `maxAge`.
 *
 * ```ts
 * createJwtResolver({ issuers, dpop: { replay: createRedisReplayStore({ redis: app.redis }) } })
 * ```
 *
 * @throws OptionError
 */
export function createRedisReplayStore ({ perHolder = 2_000, ...options }: RedisReplayStoreOptions): ReplayStore {
  checkOptions(wholeNumber, perHolder, 'perHolder')
  const { command, namespace } = openRedis(options, { usual: 0.5, max: 60 })
  const run = createScript(command)
  return {
    async use (proof, until, now, holder) {
      const bucket = bucketOf(until)
      const name = `${namespace}:dpop:${hash('sha256', `${bucket} ${holder}`, 'base64url')}`
      const lifetime = Math.ceil(endOf(bucket) - now) + MARGIN_MS
      const result = await run(USE, [name], [hash('sha256', proof, 'base64url'), perHolder, Math.max(1, lifetime)])
      if (result === 'too-many') throw tooManyProofs(until)
      return result === 'new'
    }
  }
}

const wholeNumber = accepted(
  (value) => Number.isSafeInteger(value) && Number(value) >= 1, 'a whole number of at least 1'
)
