import { randomUUID } from 'node:crypto'
import { withTimeout } from '../../core/clock.js'
import { LimitStoreUnavailable } from '../store.js'
import type { CircuitBreaker } from './breaker.js'
import { claimScript } from './change-scripts.js'
import { reasonOf, run, type RedisClient } from './client.js'
import type { Connection } from './connection.js'
import type { RedisKeys } from './redis-keys.js'

export interface ClaimParts {
  readonly client: RedisClient
  readonly link: Pick<Connection, 'state'>
  readonly breaker: Pick<CircuitBreaker, 'closed' | 'retryAfter'>
  readonly names: Pick<RedisKeys, 'claim'>
  /** Seconds. */
  readonly deadline: number
}

/** Claims that Redis has not answered; more are refused at once, since the client keeps each until its connection ends. */
const MOST_UNANSWERED = 1_000
/** Claims that Redis may have taken without a word, and that are remembered. */
const MOST_UNSURE = 1_000

/**
 * Claims wait for nothing and probe nothing: takes find out whether Redis works. One that was not answered may have been
 * taken all the same, so who asks again does so as whoever asked before.
 */
export function createClaim ({ client, link, breaker, names, deadline }: ClaimParts): (name: string, seconds: number) => Promise<boolean> {
  const unsure = new Map<string, string>()
  let unanswered = 0

  function unavailable (reason: string): LimitStoreUnavailable {
    return new LimitStoreUnavailable(breaker.retryAfter(), reason)
  }

  async function ask (key: string, asker: string, seconds: number): Promise<unknown> {
    const until = performance.now() + deadline * 1000
    unanswered++
    try {
      return await run(client, claimScript, [key], [asker, String(Math.ceil(seconds * 1000))], () => performance.now() < until)
    } finally {
      unanswered--
    }
  }

  return async function claim (name, seconds) {
    if (link.state !== 'usable' || !breaker.closed) throw unavailable('Redis is not asked')
    if (unanswered >= MOST_UNANSWERED) throw unavailable('too many wait')
    const key = names.claim(name)
    const asker = unsure.get(key) ?? randomUUID()
    unsure.delete(key)
    try {
      return Number(await withTimeout(ask(key, asker, seconds), deadline, 'Redis')) === 1
    } catch (fault) {
      if (unsure.size >= MOST_UNSURE) unsure.clear()
      unsure.set(key, asker)
      throw unavailable(reasonOf(fault))
    }
  }
}
