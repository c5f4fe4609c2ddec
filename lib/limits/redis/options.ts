import { Type } from '@sinclair/typebox'
import type { RedisOptions } from 'ioredis'
import { accepted, checkOptions, OptionError, withMethods } from '../../core/options.js'
import { REDIS_METHODS, type RedisClient } from './client.js'
import type { Log } from './log.js'

export interface RedisLimitStoreOptions {
  /** A client of ioredis or iovalkey, single, Sentinel or Cluster, such as `app.redis`; the host closes it. */
  redis?: RedisClient | undefined
  /** redis:// or rediss:// for a client of the store's own. */
  url?: string | undefined
  /** Options of ioredis for a client of the store's own; those for queueing and sending twice are set by the store. */
  connection?: RedisOptions | undefined
  /** What all keys begin with; `latchkey` by default. */
  namespace?: string | undefined
  /** Seconds until a request that Redis has not decided is answered without it; 0.1 by default. */
  deadline?: number | undefined
  /**
   * What happens to requests while Redis can't decide: `reject` (503, default), `local` (each process enforces its
   * share of every quota) or `allow` (nothing is limited, and the log says so).
   */
  onUnavailable?: 'reject' | 'local' | 'allow' | undefined
  /** With `local`: the number of processes that share the quotas. */
  processes?: number | undefined
  /** Seconds that a version marker outlives its last use: longer than any process caches a key; 3,600 by default. */
  markerLifetime?: number | undefined
  /** Gets a line for each change between available and unavailable; warnings of the process by default. */
  log?: Log | undefined
  /** For tests: time is the `now` of the takes instead of Redis' own. */
  clockOfTakes?: boolean | undefined
}

const wholeSeconds = 'whole seconds, at least 1 and at most a leap year'

const optionsSchema = Type.Object({
  redis: Type.Optional(withMethods(REDIS_METHODS, 'a client of ioredis')),
  url: Type.Optional(accepted(isText, 'a text: redis://host:port/database, or rediss:// for TLS')),
  connection: Type.Optional(Type.Object({}, { description: 'an object of ioredis\' options' })),
  namespace: Type.Optional(Type.String({
    pattern: '^[A-Za-z0-9_.:-]{1,64}$', description: '1 to 64 letters, digits, _ . : or -'
  })),
  deadline: Type.Optional(Type.Number({ minimum: 0.001, maximum: 60, description: 'seconds from 0.001 to 60' })),
  onUnavailable: Type.Optional(Type.Union([Type.Literal('reject'), Type.Literal('local'), Type.Literal('allow')], {
    description: '\'reject\', \'local\' or \'allow\''
  })),
  processes: Type.Optional(Type.Integer({
    minimum: 1, maximum: 100_000, description: 'a whole number from 1 to 100,000'
  })),
  markerLifetime: Type.Optional(Type.Integer({ minimum: 1, maximum: 31_622_400, description: wholeSeconds })),
  log: Type.Optional(withMethods(['info', 'warn'], 'a logger, such as app.log')),
  clockOfTakes: Type.Optional(Type.Boolean({ description: 'true or false' }))
}, { additionalProperties: false, description: 'an object' })

function isText (value: unknown): boolean {
  return typeof value === 'string'
}

/** @throws OptionError; never shows a URL or connection options, which contain passwords */
export function checkRedisOptions (options: RedisLimitStoreOptions): void {
  checkOptions(optionsSchema, options, 'limits.store')
  const { redis, url, connection, onUnavailable, processes } = options
  const own = url !== undefined || connection !== undefined
  if (redis === undefined && !own) {
    throw new OptionError('option limits.store.redis is missing; ' +
      'give a client of ioredis, or url or connection for one of the store\'s own')
  }
  if (redis !== undefined && own) {
    throw new OptionError('options limits.store.redis and url or connection are alternatives; ' +
      'give the client or what to connect to')
  }
  if (onUnavailable === 'local' && processes === undefined) {
    throw new OptionError('option limits.store.processes is missing; ' +
      'with onUnavailable: \'local\' each process enforces quota / processes')
  }
  if (onUnavailable !== 'local' && processes !== undefined) {
    throw new OptionError('option limits.store.processes is for onUnavailable: \'local\'')
  }
}
