import { createRedisLimitStore } from 'fastify-latchkey/limits/redis'
import { REDIS_PORT, type Build } from './contender.js'
import { buildLatchkey } from './latchkey-memory.js'

/** The same with counters in Redis; with a deadline that a busy machine keeps, too, since the load takes no 503. */
export const build: Build = async function latchkeyRedis (shape) {
  const store = createRedisLimitStore({ url: `redis://127.0.0.1:${process.env[REDIS_PORT]}`, deadline: 5 })
  await store.ready()
  return buildLatchkey(shape, store)
}
