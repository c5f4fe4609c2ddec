import { commandsOf as plainCommandsOf, type Command, type RedisClient } from '../../redis.js'
import { KeyStoreFault } from '../fault.js'

/** Commands whose faults say no more than may be said. @param timeout seconds */
export function commandsOf (redis: RedisClient, timeout: number): Command {
  const plain = plainCommandsOf(redis, timeout)
  return async function command (...call) {
    try {
      return await plain(...call)
    } catch (fault) {
      throw new KeyStoreFault('Redis', fault)
    }
  }
}

export type { Command, RedisClient }
