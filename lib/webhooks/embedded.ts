import { Type } from '@sinclair/typebox'
import { checkOptions } from '../core/options.js'
import type { FailureLog } from '../core/failure-log.js'
import { leaseOf, recordAttempt, outageOfStore } from './record-attempt.js'
import type { DeliveryEngine, EngineDeps } from './engine.js'
import type { Claim } from './store.js'

export interface EmbeddedEngineOptions {
  /** Attempts of this process at once; 50 by default. */
  concurrency?: number | undefined
  /** Attempts at one endpoint at once; 4 by default. */
  perEndpoint?: number | undefined
  /** Seconds between looks at the store where nothing tells of something to do; 5 by default. */
  poll?: number | undefined
}

const options = Type.Object({
  concurrency: Type.Optional(Type.Integer({ minimum: 2, maximum: 10_000, description: 'a whole number from 2 to 10,000' })),
  perEndpoint: Type.Optional(Type.Integer({ minimum: 1, maximum: 1000, description: 'a whole number from 1 to 1000' })),
  poll: Type.Optional(Type.Number({ exclusiveMinimum: 0, maximum: 3600, description: 'seconds above 0 and at most 3600' }))
}, { additionalProperties: false })

/**
 * Delivers in this process, whatever store there is; any number of processes may. An endpoint is tried by few at once,
 * and endpoints that fail have half of the places at most, so that they don't hold up the others.
 *
 * @throws OptionError
 */
export function createEmbeddedEngine (given: EmbeddedEngineOptions = {}): DeliveryEngine {
  checkOptions(options, given, 'engine')
  const { concurrency = 50, perEndpoint = 4, poll = 5 } = given
  let asked: { readonly parts: EngineDeps, readonly outage: FailureLog } | undefined
  let timer: NodeJS.Timeout | undefined
  let looking: Promise<void> | undefined
  let again = false
  let closed = false
  /** Attempts that are being made, by endpoint. */
  const busy = new Map<string, number>()
  const failing = new Set<string>()
  const running = new Set<Promise<void>>()

  /** One look at a time; who asks meanwhile has another after it. */
  function look (): void {
    if (asked === undefined || closed) return
    const { parts, outage } = asked
    if (looking !== undefined) {
      again = true
      return
    }
    clearTimeout(timer)
    again = false
    looking = outage.tried(() => claimAll(parts)).then((wait = poll * 1000) => {
      looking = undefined
      if (again) look()
      else if (!closed) timer = setTimeout(look, wait).unref()
    })
  }

  /** @returns milliseconds until the next look */
  async function claimAll (parts: EngineDeps): Promise<number> {
    const { store, clock } = parts
    while (running.size < concurrency) {
      if (closed) break
      const limit = { limit: concurrency - running.size, perEndpoint, except: [...unwanted()] }
      const { claims, nextAt = Infinity } = await store.claim(clock(), leaseOf(parts), limit)
      if (claims.length === 0) return Math.min(poll * 1000, Math.max(1, nextAt - clock()))
      for (const claim of claims) begin(parts, claim)
    }
    return poll * 1000
  }

  function unwanted (): Set<string> {
    const taken = [...failing].reduce((sum, id) => sum + (busy.get(id) ?? 0), 0)
    return new Set([...busy.keys(), ...taken >= concurrency / 2 ? failing : []])
  }

  function begin (parts: EngineDeps, claim: Claim): void {
    const { endpointId } = claim.delivery
    busy.set(endpointId, (busy.get(endpointId) ?? 0) + 1)
    const run = attempt(parts, claim).finally(() => {
      running.delete(run)
      const left = Number(busy.get(endpointId)) - 1
      if (left > 0) {
        busy.set(endpointId, left)
      } else {
        busy.delete(endpointId)
        look()
      }
    })
    running.add(run)
  }

  async function attempt (parts: EngineDeps, claim: Claim): Promise<void> {
    const settled = await parts.deliver(claim)
    if (settled === undefined) return
    if (settled.state === 'delivered' || settled.attempt.outcome === 'disabled') failing.delete(claim.delivery.endpointId)
    else failing.add(claim.delivery.endpointId)
    await recordAttempt(parts, claim, settled)
  }

  return {
    async start (parts) {
      asked = { parts, outage: outageOfStore(parts) }
      look()
    },
    async wake () { look() },
    async close () {
      closed = true
      clearTimeout(timer)
      await looking
      await Promise.all(running)
    }
  }
}
