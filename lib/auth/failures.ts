import type { FastifyInstance, FastifyRequest } from 'fastify'
import rateLimit, { normalizeIP } from '@fastify/rate-limit'
import { policyItem, type Allowance } from '../core/rate-limit-headers.js'

export interface FailureBudget {
  /** Failed attempts of one address (a /64 for IPv6) in a window. */
  quota: number
  /** Seconds. */
  window: number
}

/** Counts failed attempts by address, so that guessing ends before a store is asked. */
export interface FailureMeter {
  /** Keeps the address of a request for later: once its socket is closed, nobody can tell it any more. */
  note (request: FastifyRequest): void
  /** Nothing while the address may try; what it used up when it may not. Synchronous while nobody is locked out. */
  exceeded (request: FastifyRequest): Promise<Allowance | undefined> | undefined
  count (request: FastifyRequest): Promise<void>
}

/** Addresses remembered at once; the least recently seen are forgotten. */
const ADDRESSES = 20_000

/** The longest text of an IPv6 address is 45 characters; behind a proxy that is trusted blindly it can be any text. */
const LONGEST_ADDRESS = 64

/**
 * Counting is @fastify/rate-limit's, asked directly: its hook would run after the guard and never see a refusal.
 * Runs on the system's clock.
 */
export function createFailureMeter (app: FastifyInstance, { quota, window }: FailureBudget): FailureMeter {
  const own = privateView(app)
  rateLimit(own, { global: false, cache: ADDRESSES, max: quota, timeWindow: window * 1000, keyGenerator: ({ ip }) => ip }, () => {})
  const ask = own.createRateLimit()
  const name = 'failed-authentication'
  const policy = { name, quota, item: policyItem(name, quota, window) }
  const addresses = new WeakMap<FastifyRequest, string>()
  let someoneLockedOutUntil = 0

  function addressOf (request: FastifyRequest): string {
    const address = addresses.get(request) ?? partitionOf(request.ip)
    addresses.set(request, address)
    return address
  }

  /** The request as it may be counted: the host's own rate-limit groups would split an address into several. */
  function attempt (request: FastifyRequest): FastifyRequest {
    return Object.create(request, { ip: { value: addressOf(request) }, routeOptions: { value: {} } })
  }

  async function look (request: FastifyRequest): Promise<Allowance | undefined> {
    const state = await ask(attempt(request), { increment: false })
    if (state.isAllowed || state.remaining > 0) return undefined
    return { policy, remaining: 0, reset: Math.max(1, state.ttlInSeconds) }
  }

  return {
    note: addressOf,
    exceeded: (request) => someoneLockedOutUntil !== 0 && Date.now() < someoneLockedOutUntil ? look(request) : undefined,
    async count (request) {
      const state = await ask(attempt(request))
      if (!state.isAllowed && state.remaining === 0) someoneLockedOutUntil = Math.max(someoneLockedOutUntil, Date.now() + state.ttl)
    }
  }
}

/**
 * What is counted separately. A copy: a part of a header would keep the whole header in memory. Clients of a Unix
 * socket, and those that are gone, share one partition.
 */
function partitionOf (ip: string | undefined): string {
  return Buffer.from(normalizeIP(ip ?? 'unknown')).toString('utf8', 0, LONGEST_ADDRESS)
}

/**
 * The app as a plugin sees it whose decorators and hooks stay out of it. The host may register @fastify/rate-limit for
 * itself, before or after: its store, allow list and groups are not ours, nor is our meter an app's decorator.
 */
function privateView (app: FastifyInstance): FastifyInstance {
  const view: FastifyInstance = Object.create(app, {
    hasDecorator: { value: () => false },
    decorate: { value: (name: string, value: unknown) => Object.defineProperty(view, name, { value }) },
    decorateRequest: { value: () => view },
    addHook: { value: () => view }
  })
  return view
}
