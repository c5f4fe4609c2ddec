/**
 * `fastify-latchkey/limits/redis`: counters and version markers that processes share, by a client that the host passes
 * or one of `ioredis`.
 */

import type { Principal } from '../../core/principal.js'
import { withTimeout } from '../../core/clock.js'
import { compilePolicy, type Profile } from '../policy.js'
import { LimitStoreUnavailable, type LimitStore, type Outcome, type Take } from '../store.js'
import { reasonOf, run, type RedisClient } from './client.js'
import { watchConnection } from './connection.js'
import { processWarnings, safeLog } from './log.js'
import { createNodes } from './nodes.js'
import { checkRedisOptions, type RedisLimitStoreOptions } from './options.js'
import { outagePolicyOf, reject, type OutagePolicy } from './outage-policy.js'
import { openClient } from './own-client.js'
import { checkPermissions, throwIfRefused } from './permissions-check.js'
import { clusterSlot, createRedisKeys, type Identity } from './redis-keys.js'
import { publishVersionScript, resetScript, type Script } from './scripts.js'
import { takeScriptOf } from './take-script.js'
import { createTakeSender } from './take-sender.js'

/** Counters that processes share, with the version markers by which a change of a key holds in all of them. */
export interface RedisLimitStore extends LimitStore {
  /** Decides a batch of one. @throws LimitStoreUnavailable */
  take (take: Take): Promise<Outcome>
  takeBatch (takes: readonly Take[]): Promise<readonly Outcome[]>
  /** @throws LimitStoreUnavailable */
  publishVersion (principal: Identity, version: number): Promise<void>
  /**
   * Checks at boot that the account may do what requests will need. A Redis that can't be reached passes, with a line
   * in the log: the store works once it can.
   * @throws OptionError that names the commands to grant; the error of Node where `url` or `connection` needs ioredis
   * and it is not installed
   */
  ready (): Promise<void>
  /** What a principal could have now, by the policies of a profile; takes nothing. @throws LimitStoreUnavailable */
  inspect (principal: Principal, profile: Profile): Promise<Outcome>
  /** Forgets what a principal has used; with `workspace` also what its workspace has. @throws LimitStoreUnavailable */
  reset (principal: Identity, options?: { readonly workspace?: boolean }): Promise<void>
  /** Disconnects a client of the store's own, and removes the listeners from one of the host's. */
  close (): void
}

/** Milliseconds that `ready` waits for the first connection. */
const READY_TIMEOUT_MS = 2_000

/** What an outage means, for the log. */
const OUTAGE = {
  reject: 'limits: Redis can\'t decide; requests get 503',
  local: 'limits: Redis can\'t decide; each process enforces its share',
  allow: 'limits: Redis can\'t decide; NOTHING IS LIMITED until it can, as onUnavailable says'
} as const

/**
 * Limits shared by processes, over Redis 6.2 or later or Valkey: single, Sentinel or Cluster.
 *
 * ```ts
 * const store = createRedisLimitStore({ url: process.env.REDIS_URL, log: app.log })
 * await store.ready()
 * await app.register(latchkey, { scopes, environment: 'production', limits: { store } })
 * ```
 *
 * A batch goes in one script call (on a Cluster one for each hash slot), which decides each take over all of its
 * policies on Redis' clock. What Redis has not decided within `deadline` seconds is never counted later.
 */
export function createRedisLimitStore (options: RedisLimitStoreOptions): RedisLimitStore {
  checkRedisOptions(options)
  const { namespace = 'latchkey', deadline = 0.1, onUnavailable = 'reject', processes = 1 } = options
  const { markerLifetime = 3_600, clockOfTakes = false } = options
  const log = safeLog(options.log ?? processWarnings)
  const { client, opened, lastError, disconnect } = clientOf(options, deadline)
  const outagePolicy = outagePolicyOf(onUnavailable, processes)
  const keysOf = createRedisKeys(namespace, slotOf)

  const nodes = createNodes({
    client,
    onChange (state, reason) {
      if (state === 'available') log.info({ reason }, 'limits: Redis decides again')
      else log.warn({ reason, onUnavailable }, OUTAGE[onUnavailable])
    }
  })
  const connection = watchConnection(client, nodes.reconnected)
  const takeScript = takeScriptOf({ markerLifetime: markerLifetime * 1_000_000, clockOfTakes })
  const sendTakes = createTakeSender({
    client,
    connection,
    nodes,
    keysOf,
    deadline: deadline * 1000,
    takeScript,
    clockOfTakes,
    log
  })

  /** On a Cluster that of the key as the client sends it, with its prefix. */
  function slotOf (key: string): number {
    return client.slots === undefined ? 0 : clusterSlot(`${client.options?.keyPrefix ?? ''}${key}`)
  }

  async function takeOne (take: Take, otherwise: OutagePolicy): Promise<Outcome> {
    const [outcome = reject(take, 1, 'no answer')] = await sendTakes([take], otherwise)
    if (outcome.failure !== undefined) throw outcome.failure
    return outcome
  }

  /** For changes, which may come late: a marker only grows, and a reset is asked for. */
  async function change (script: Script, key: string, slot: number, args: readonly number[]): Promise<void> {
    try {
      await connection.ready(deadline * 1000)
      await withTimeout(run(client, script, [key], args.map(String)), deadline, 'Redis')
    } catch (error) {
      throw new LimitStoreUnavailable(nodes.of(slot).breaker.retryAfter(), reasonOf(error))
    }
  }

  return {
    deadline,
    take: (take) => takeOne(take, outagePolicy),
    takeBatch: (takes) => sendTakes(takes, outagePolicy),
    async publishVersion (principal, version) {
      const keys = keysOf(principal)
      await change(publishVersionScript, keys.principal, keys.slot, [version, markerLifetime * 1000])
    },
    async ready () {
      await opened
      try {
        await connection.ready(READY_TIMEOUT_MS)
      } catch (error) {
        throwIfRefused(lastError(), namespace)
        const reason = reasonOf(lastError() ?? error)
        return log.warn({ reason, onUnavailable }, 'limits: Redis can\'t be reached yet')
      }
      await checkPermissions({ client, takeScript, namespace, log })
    },
    inspect (principal, profile) {
      return takeOne({ policies: profile.map(compilePolicy), caller: principal, cost: 0, now: Date.now() }, reject)
    },
    async reset (principal, { workspace = false } = {}) {
      const keys = keysOf(principal)
      await change(resetScript, keys.principal, keys.slot, [markerLifetime * 1000])
      if (workspace) await change(resetScript, keys.workspace, keys.slot, [markerLifetime * 1000])
    },
    close () {
      connection.close()
      disconnect()
    }
  }
}

interface OpenedClient {
  readonly client: RedisClient
  /** Rejects where there is none, and never will be. */
  readonly opened: Promise<unknown> | undefined
  /** What the connection failed with last, where it is the store's own. */
  lastError (): unknown
  disconnect (): void
}

function clientOf ({ redis, url, connection = {} }: RedisLimitStoreOptions, deadline: number): OpenedClient {
  if (redis !== undefined) return { client: redis, opened: undefined, lastError: () => undefined, disconnect () {} }
  let last: unknown
  const client = openClient(url, connection, deadline)
  client.on('error', (error: unknown) => { last = error })
  return { client, opened: client.opened, lastError: () => last, disconnect: client.disconnect }
}

export { LimitStoreUnavailable } from '../store.js'
export type { RedisClient } from './client.js'
export type { Log } from './log.js'
export type { LimitsMessage } from './metrics.js'
export type { RedisLimitStoreOptions } from './options.js'
