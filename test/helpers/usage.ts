import type { FastifyRequest } from 'fastify'
import { fakeClock } from 'fastify-latchkey/testing'
import type { Principal } from 'fastify-latchkey'
import type { UsageBatch, UsageStore } from 'fastify-latchkey/usage'
import { AccessError, type RefusalCode } from '../../lib/core/errors.js'
import { createFailureLog } from '../../lib/core/failure-log.js'
import { NO_ROUTE } from '../../lib/core/route-access.js'
import { createCounter } from '../../lib/usage/counter.js'
import { createFlusher } from '../../lib/usage/flusher.js'
import { principal, untyped } from './limits.js'

interface Settings extends Partial<Pick<UsageStore, 'add' | 'prune'>> {
  readonly clockThrows?: () => boolean
  readonly interval?: number
  readonly maxKeys?: number
}

/** The part of usage that counts and writes, on a clock that stands still, with what it writes and logs. */
export function usageOf ({ add, prune, clockThrows, interval = 3600, maxKeys = 1000 }: Settings = {}) {
  const clock = fakeClock()
  const now = () => {
    if (clockThrows?.() === true) throw new Error('no time')
    return clock.now()
  }
  const batches: UsageBatch[] = []
  const added: UsageBatch[] = []
  const pruned: number[] = []
  const lines: string[] = []
  const store: UsageStore = {
    async add (batch) {
      batches.push(batch)
      await add?.(batch)
    },
    read: () => [],
    async prune (before) {
      pruned.push(before)
      await prune?.(before)
    }
  }
  const log = (reason: string, message: string) => { lines.push(`${message}: ${reason}`) }
  const counter = createCounter({ clock: now, maxKeys, onCount: () => flusher.schedule() })
  const failures = createFailureLog({ log, inform: (message) => { lines.push(message) } }, 'failing', 'over')
  const flusher = createFlusher({ store, counter, clock: now, interval, retention: 86_400, failures, log, onAdded: (batch) => { added.push(batch) } })
  const request = untyped<FastifyRequest>({})

  return {
    clock,
    batches,
    added,
    pruned,
    lines,
    ...flusher,
    /** @param who the id of a stored key, or any principal */
    request (who: string | Principal | null, code?: RefusalCode) {
      const by = typeof who === 'string' ? principal(who, { version: 1 }) : who
      counter.count(request, NO_ROUTE, by, code && new AccessError(code))
    }
  }
}

/** Counts as short texts: hour of 2026-01-01, key, outcome and requests. */
export function linesOf ({ counts }: Pick<UsageBatch, 'counts'>): string[] {
  return counts.map(({ at, keyId, outcome, requests }) => `${(at - Date.UTC(2026, 0, 1)) / 3_600_000} ${keyId} ${outcome} ${requests}`)
}
