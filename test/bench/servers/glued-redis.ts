import { Redis } from 'ioredis'
import { REDIS_PORT, type Build } from './contender.js'
import { buildGlued } from './glued-memory.js'

/** The same with @fastify/rate-limit's counters in Redis, over a client set as its README says. */
export const build: Build = async function gluedRedis (shape) {
  const redis = new Redis({ port: Number(process.env[REDIS_PORT]), host: '127.0.0.1', connectTimeout: 500, maxRetriesPerRequest: 1 })
  return buildGlued(shape, redis)
}
