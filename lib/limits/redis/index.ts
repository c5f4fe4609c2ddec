import { joinable, LimitStoreUnavailable, outcomeWhenDecided, type JoinedTake, type LimitStore, type Outcome, type PendingTake } from '../store.js'
import { compilePolicy, type Profile } from '../policy.js'
import type { Principal } from '../../core/principal.js'
import { withTimeout } from '../../core/clock.js'
import { checkRights, refuseAccount } from './permissions-check.js'
import { createCircuitBreaker } from './breaker.js'
import { createClaim } from './claim.js'
import { openClient, reasonOf, run, type RedisClient } from './client.js'
import { watchConnection } from './connection.js'
import { harmless, processWarnings } from './log.js'
import { publishUnavailable } from './metrics.js'
import { createRedisKeys, type Named } from './redis-keys.js'
import { checkRedisOptions, type RedisLimitStoreOptions } from './options.js'
import { markScript, resetScript } from './change-scripts.js'
import type { Script } from './script.js'
import { createTakeSender } from './take-sender.js'
import { outagePolicyOf } from './outage-policy.js'

/** Counters that processes share, with the version markers that make a change of a key hold in all of them. */
export interface RedisLimitStore extends LimitStore {
  publishVersion (principal: Named, version: number): Promise<void>
  /** @throws LimitStoreUnavailable */
  claim (name: string, seconds: number): Promise<boolean>
  /**
   * Checks at boot that the account may do what requests will need. A Redis that can't be reached passes, with a line
   * in the log: the store works once it can.
   * @throws OptionError that names the commands to grant
   */
  ready (): Promise<void>
  /** What a principal could have now, by the policies of a profile; takes nothing. @throws LimitStoreUnavailable */
  inspect (principal: Principal, profile: Profile): Promise<Outcome>
  /** Forgets what a principal has used; with `workspace` also what its workspace has. @throws LimitStoreUnavailable */
  reset (principal: Named, options?: { readonly workspace?: boolean }): Promise<void>
  /** Disconnects a client of the store's own and lets go of a given one. */
  close (): void
}

/** Milliseconds that `ready` waits for the first connection. */
const PATIENCE = 2_000

/**
 * Limits shared by processes, over Redis 6.2 or later or Valkey: single, Sentinel or Cluster.
 *
 * ```ts
 * const store = createRedisLimitStore({ url: process.env.REDIS_URL, log: app.log })
 * await store.ready()
 * await app.register(latchkey, { scopes, environment: 'production', limits: { store } })
 * ```
 *
 * All takes of one tick go in one script call (on a Cluster one a workspace), which decides each over all of its policies on
 * Redis' clock. What Redis has not decided within `deadline` seconds is never counted later.
 */
export function createRedisLimitStore (options: RedisLimitStoreOptions): RedisLimitStore {
  checkRedisOptions(options)
  const { namespace = 'latchkey', deadline = 0.1, onUnavailable = 'reject', processes = 1, markerLifetime = 3_600, clockOfTakes = false } = options
  const log = harmless(options.log ?? processWarnings)
  const { client, refusal, disconnect } = clientOf(options, deadline)
  const names = createRedisKeys(namespace)
  const without = outagePolicyOf(onUnavailable, processes)

  const breaker = createCircuitBreaker({
    now: () => performance.now(),
    random: Math.random,
    onChange (state, reason) {
      if (state === 'available') log.info({ reason }, 'limits: Redis decides again')
      else log.warn({ reason, onUnavailable }, CONSEQUENCES[onUnavailable])
    }
  })
  const link = watchConnection(client, function onUsable () {
    breaker.hasten()
    sender.resume()
  })
  const sender = createTakeSender({ client, link, breaker, names, deadline: deadline * 1000, markerLifetime: markerLifetime * 1_000_000, clockOfTakes })

  const claim = createClaim({ client, link, breaker, names, deadline })

  /** For changes, which may come late: a marker only grows, and a reset is asked for. */
  async function change (script: Script, name: string, args: readonly number[]): Promise<void> {
    try {
      await link.usable(deadline * 1000)
      await withTimeout(run(client, script, [name], args.map(String), () => true), deadline, 'Redis')
    } catch (fault) {
      throw new LimitStoreUnavailable(breaker.retryAfter(), reasonOf(fault))
    }
  }

  function join (take: JoinedTake): Outcome | PendingTake {
    if (breaker.enter()) return sender.take(take, answerWithout)
    publishUnavailable(1, 0)
    return answerWithout(take, 'Redis is not asked until a probe is answered')
  }

  function answerWithout (take: JoinedTake, reason: string): Outcome {
    return without(take, breaker.retryAfter(), reason)
  }

  function refuse (_take: JoinedTake, reason: string): never {
    throw new LimitStoreUnavailable(breaker.retryAfter(), reason)
  }

  return joinable({
    deadline,
    take: async ({ policies, principal, cost, now }) => outcomeWhenDecided(join({ policies, principal, cost, time: () => now })),
    publishVersion: (principal, version) => change(markScript, names.principal(principal), [version, markerLifetime * 1000]),
    claim,
    async ready () {
      try {
        await link.usable(PATIENCE)
      } catch (fault) {
        refuseAccount(refusal(), namespace)
        return log.warn({ reason: reasonOf(refusal() ?? fault), onUnavailable }, 'limits: Redis can\'t be reached yet')
      }
      await checkRights(client, namespace, log)
    },
    inspect: async (principal, profile) => outcomeWhenDecided(sender.take({ policies: profile.map(compilePolicy), principal, cost: 0, time: Date.now }, refuse)),
    async reset (principal, { workspace = false } = {}) {
      await change(resetScript, names.principal(principal), [markerLifetime * 1000])
      if (workspace) await change(resetScript, names.workspace(principal), [markerLifetime * 1000])
    },
    close () {
      link.close()
      sender.close()
      disconnect()
    }
  }, join)
}

const CONSEQUENCES = {
  reject: 'limits: Redis can\'t decide; requests get 503',
  local: 'limits: Redis can\'t decide; each process enforces its share',
  allow: 'limits: Redis can\'t decide; NOTHING IS LIMITED until it can, as onUnavailable says'
} as const

interface Connection {
  readonly client: RedisClient
  /** What the connection failed with last, where it is the store's own. */
  refusal (): unknown
  disconnect (): void
}

function clientOf ({ redis, url, connection = {} }: RedisLimitStoreOptions, deadline: number): Connection {
  if (redis !== undefined) return { client: redis, refusal: () => undefined, disconnect () {} }
  let last: unknown
  const client = openClient(url, connection, deadline)
  client.on('error', (fault: unknown) => { last = fault })
  return { client, refusal: () => last, disconnect: () => client.disconnect() }
}

export { LimitStoreUnavailable } from '../store.js'
export type { RedisClient } from './client.js'
export type { Log } from './log.js'
export type { LimitsMessage } from './metrics.js'
export type { RedisLimitStoreOptions } from './options.js'
