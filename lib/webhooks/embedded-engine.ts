import { Type } from '@sinclair/typebox'
import { checkOptions } from '../core/options.js'
import type { FailureLog } from '../core/failure-log.js'
import type { DeliveryEngine, EngineDeps } from './engine.js'
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

const places = { minimum: 2, maximum: 10_000, description: 'a whole number from 2 to 10,000' }
const ofEndpoint = { minimum: 1, maximum: 1000, description: 'a whole number from 1 to 1000' }
const interval = { exclusiveMinimum: 0, maximum: 3600, description: 'seconds above 0 and at most 3600' }
const optionsSchema = Type.Object({
  concurrency: Type.Optional(Type.Integer(places)),
  perEndpoint: Type.Optional(Type.Integer(ofEndpoint)),
  poll: Type.Optional(Type.Number(interval))
}, { additionalProperties: false })

/**
 * Delivers in this process, from any store; any number of processes may share one. Endpoints that fail get half of the
 * places at most, so that they don't delay the others.
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
  /** Attempts in progress by endpoint. */
  const busy = new Map<string, number>()
  const failing = new Set<string>()
  const running = new Set<Promise<void>>()

  /** One poll at a time: whoever asks during one gets another after it. */
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
    while (running.size < concurrency) {
      if (closed) break
      const limit = { limit: concurrency - running.size, perEndpoint, except: [...excluded()] }
      const { claims, nextAt = Infinity } = await store.claim(clock(), leaseOf(deps), limit)
      if (claims.length === 0) return Math.min(poll * 1000, Math.max(1, nextAt - clock()))
      for (const claim of claims) begin(deps, claim)
    }
    return poll * 1000
  }

  function excluded (): Set<string> {
    const places = [...failing].reduce((sum, id) => sum + (busy.get(id) ?? 0), 0)
    return new Set([...busy.keys(), ...places >= concurrency / 2 ? failing : []])
  }

  function begin (deps: EngineDeps, claim: Claim): void {
    const { endpointId } = claim.delivery
    busy.set(endpointId, (busy.get(endpointId) ?? 0) + 1)
    const run = attempt(deps, claim).finally(() => {
      running.delete(run)
      const left = Number(busy.get(endpointId)) - 1
      if (left > 0) {
        busy.set(endpointId, left)
      } else {
        busy.delete(endpointId)
        pollNow()
      }
    })
    running.add(run)
  }

  async function attempt (deps: EngineDeps, claim: Claim): Promise<void> {
    const settled = await deps.deliver(claim)
    if (settled === undefined) return
    const { endpointId } = claim.delivery
    if (settled.state === 'delivered' || settled.attempt.outcome === 'disabled') failing.delete(endpointId)
    else failing.add(endpointId)
    await recordAttempt(deps, claim, settled)
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
