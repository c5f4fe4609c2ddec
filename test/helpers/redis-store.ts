import { createRedisLimitStore, type RedisLimitStore, type RedisLimitStoreOptions } from 'fastify-latchkey/limits/redis'
import type { Ending } from './ending.js'

export interface KeptLog {
  readonly lines: ReadonlyArray<{ readonly level: 'info' | 'warn', readonly message: string, readonly fields: object }>
  info (fields: object, message: string): void
  warn (fields: object, message: string): void
}

/** A logger that keeps its lines. */
export function keepLog (): KeptLog {
  const lines: Array<KeptLog['lines'][number]> = []
  return {
    lines,
    info (fields, message) { lines.push({ level: 'info', message, fields }) },
    warn (fields, message) { lines.push({ level: 'warn', message, fields }) }
  }
}

/** A store that is closed when the test ends. */
export function redisStore (owner: Ending, options: RedisLimitStoreOptions): RedisLimitStore & { readonly log: KeptLog } {
  const log = keepLog()
  const store = createRedisLimitStore({ log, ...options })
  owner.teardown(() => store.close())
  return Object.assign(store, { log })
}

/** Numbers as the take script answers them. */
export function doubles (...numbers: number[]): Buffer {
  const bytes = Buffer.alloc(8 * numbers.length)
  numbers.forEach((number, n) => bytes.writeDoubleLE(number, 8 * n))
  return bytes
}
