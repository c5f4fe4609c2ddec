import type { FastifyInstance, FastifyRequest } from 'fastify'
import rateLimit, { normalizeIP } from '@fastify/rate-limit'
import { policyItem, type Allowance } from '../fields.js'

export interface FailureBudget {
  /** Failed attempts of one address (a /64 for IPv6) in a window. */
  quota: number
  /** Seconds. */
  window: number
}

/** Counts failed attempts by address, so that guessing ends before a store is asked. */
export interface FailureMeter {
  /** Nothing while the address may try; what it used up when it may not. Synchronous while nobody is locked out. */
  exceeded (request: FastifyRequest): Allowance | undefined | Promise<Allowance | undefined>
  count (request: FastifyRequest): Promise<void>
}

/** Addresses remembered at once; the least recently seen are forgotten. */
const ADDRESSES = 20_000

/**
 * Counting is @fastify/rate-limit's, asked directly: its hook would run after the guard and never see a refusal.
 * It lives in a context of its own, so the host may register @fastify/rate-limit for itself. Runs on the system's clock.
 */
export async function createFailureMeter (app: FastifyInstance, { quota, window }: FailureBudget): Promise<FailureMeter> {
  let check: ReturnType<FastifyInstance['createRateLimit']> | undefined
  await app.register(async function failedAttempts (context) {
    await context.register(rateLimit, { global: false, cache: ADDRESSES })
    check = context.createRateLimit({
      max: quota,
      timeWindow: window * 1000,
      keyGenerator: (request) => normalizeIP(request.ip ?? 'unknown')
    })
  })
  const ask = check
  if (ask === undefined) throw new Error('fastify-latchkey: @fastify/rate-limit did not load')

  const name = 'failed-authentication'
  const policy = { name, quota, item: policyItem(name, quota, window) }
  let someoneLockedOutUntil = 0
  async function look (request: FastifyRequest): Promise<Allowance | undefined> {
    const state = await ask?.(request, { increment: false })
    if (state === undefined || state.isAllowed || state.remaining > 0) return undefined
    return { policy, remaining: 0, reset: Math.max(1, state.ttlInSeconds) }
  }

  return {
    exceeded: (request) => someoneLockedOutUntil !== 0 && Date.now() < someoneLockedOutUntil ? look(request) : undefined,
    async count (request) {
      const state = await ask(request)
      if (!state.isAllowed && state.remaining === 0) someoneLockedOutUntil = Math.max(someoneLockedOutUntil, Date.now() + state.ttl)
    }
  }
}
