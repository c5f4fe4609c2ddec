import { Redis } from 'ioredis'
import { createRedisKeyStore } from 'fastify-latchkey/keys/redis'
import { REDIS_PORT, type Build } from './contender.js'
import { buildHeld } from './held.js'

/** Keys in Redis, and in the record cache; each server has a namespace of its own. */
export const build: Build = (shape) => {
  const redis = new Redis({ host: '127.0.0.1', port: Number(process.env[REDIS_PORT]) })
  return buildHeld(shape, createRedisKeyStore({ redis, namespace: `held-${process.pid}`, timeout: 10 }))
}
