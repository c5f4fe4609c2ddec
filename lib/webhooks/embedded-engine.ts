import { Type } from '@sinclair/typebox'
import { checkOptions } from '../core/options.js'
import type { FailureLog } from '../core/failure-log.js'
import type { DeliveryEngine, EngineDeps } from './engine.js'
import { createPlaces } from './places.js'
import { createStoreFailureLog, leaseOf, recordAttempt } from './record-attempt.js'
import type { Claim } from './store.js'

/** How much this process delivers at a time. */
export interface EmbeddedEngineOptions {
  /** Attempts in progress, in this process; 50 by default. */
  concurrency?: number | undefined
  /** Attempts in progress for one endpoint, in this process; 4 by default. */
  perEndpoint?: number | undefined
  /** Seconds between polls of the store while nothing wakes the engine; 5 by default. */
  poll?: number | undefined
}

const ofAll = { minimum: 2, maximum: 10_000, description: 'a whole number from 2 to 10,000' }
const ofEndpoint = { minimum: 1, maximum: 1000, description: 'a whole number from 1 to 1000' }
const interval = { exclusiveMinimum: 0, maximum: 3600, description: 'seconds above 0 and at most 3600' }
const optionsSchema = Type.Object({
  concurrency: Type.Optional(Type.Integer(ofAll)),
  perEndpoint: Type.Optional(Type.Integer(ofEndpoint)),
  poll: Type.Optional(Type.Number(interval))
}, { additionalProperties: false })

/**
 * Delivers in this process, from any store; any number of processes may share one. While endpoints whose last attempt
 * failed have half of the places, they get no more of them, so that they don't delay the others.
 *
 * @throws OptionError
 */
export function createEmbeddedEngine (options: EmbeddedEngineOptions = {}): DeliveryEngine {
  checkOptions(optionsSchema, options, 'engine')
  const { concurrency = 50, perEndpoint = 4, poll = 5 } = options
  let started: { readonly deps: EngineDeps, readonly failures: FailureLog } | undefined
  let timer: NodeJS.Timeout | undefined
  let polling: Promise<void> | undefined
  let pollAgain = false
  let closed = false
  const places = createPlaces({ concurrency, perEndpoint })
  const running = new Set<Promise<void>>()

  /** One poll at a time: a call during one makes another one follow. */
  function pollNow (): void {
    if (started === undefined || closed) return
    const { deps, failures } = started
    if (polling !== undefined) {
      pollAgain = true
      return
    }
    clearTimeout(timer)
    pollAgain = false
    polling = failures.tried(() => claimAll(deps)).then((wait = poll * 1000) => {
      polling = undefined
      if (pollAgain) pollNow()
      else if (!closed) timer = setTimeout(pollNow, wait).unref()
    })
  }

  /** @returns milliseconds until the next poll */
  async function claimAll (deps: EngineDeps): Promise<number> {
    const { store, clock } = deps
    while (places.free() > 0) {
      if (closed) break
      const now = clock()
      const limit = { limit: places.free(), perEndpoint, endpointLimits: places.limits(now) }
      const { claims, nextAt = Infinity } = await store.claim(now, leaseOf(deps), limit)
      if (claims.length === 0) return Math.min(poll * 1000, Math.max(1, nextAt - clock()))
      for (const claim of claims) begin(deps, claim)
    }
    return poll * 1000
  }

  function begin (deps: EngineDeps, claim: Claim): void {
    places.take(claim.delivery)
    const run = attempt(deps, claim).then((isPending) => {
      running.delete(run)
      // A poll also finds out when the delivery is due next.
      if (places.release(claim.delivery) || isPending) pollNow()
    })
    running.add(run)
  }

  /** @returns whether the delivery is to be attempted again */
  async function attempt (deps: EngineDeps, claim: Claim): Promise<boolean> {
    const settled = await deps.deliver(claim)
    if (settled === undefined) return false
    const { state, attempt: { outcome, at } } = settled
    places.setFailing(claim.delivery, state !== 'delivered' && outcome !== 'disabled', at.getTime())
    await recordAttempt(deps, claim, settled)
    return state === 'pending'
  }

  return {
    async start (deps) {
      started = { deps, failures: createStoreFailureLog(deps) }
      pollNow()
    },
    async wake () { pollNow() },
    async close () {
      closed = true
      clearTimeout(timer)
      await polling
      await Promise.all(running)
    }
  }
}
