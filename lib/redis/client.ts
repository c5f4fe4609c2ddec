import { commandsOf as plainCommandsOf, type Command, type RedisClient } from './commands.js'
import { KeyStoreError } from '../core/store-error.js'

/** Commands whose faults say no more than may be said. @param timeout seconds */
export function commandsOf (redis: RedisClient, timeout: number): Command {
  const plain = plainCommandsOf(redis, timeout)
  return async function command (...call) {
    try {
      return await plain(...call)
    } catch (fault) {
      throw new KeyStoreError('Redis', fault)
    }
  }
}

export type { Command, RedisClient }
