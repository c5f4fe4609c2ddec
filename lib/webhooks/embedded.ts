import { Type } from '@sinclair/typebox'
import { describeFault } from '../errors.js'
import { checkOptions } from '../options.js'
import type { DeliveryEngine, EngineParts } from './engine.js'
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

/** Milliseconds beyond the deadline for which a claim is held, so that nobody else attempts it meanwhile. */
const SLACK = 15_000
/** Times that the end of an attempt is told to a store that fails. */
const TRIES = 3

/**
 * Delivers in this process, whatever store there is; any number of processes may. An endpoint is tried by few at once,
 * and endpoints that fail have half of the places at most, so that they don't hold up the others.
 *
 * @throws OptionError
 */
export function createEmbeddedEngine (given: EmbeddedEngineOptions = {}): DeliveryEngine {
  checkOptions(options, given, 'engine')
  const { concurrency = 50, perEndpoint = 4, poll = 5 } = given
  let parts: EngineParts | undefined
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
    if (parts === undefined || closed) return
    if (looking !== undefined) {
      again = true
      return
    }
    clearTimeout(timer)
    again = false
    looking = claimAll(parts).then((wait) => {
      looking = undefined
      if (again) look()
      else if (!closed) timer = setTimeout(look, wait).unref()
    })
  }

  /** @returns milliseconds until the next look */
  async function claimAll (parts: EngineParts): Promise<number> {
    const { store, clock, deadline, log } = parts
    try {
      while (running.size < concurrency) {
        if (closed) break
        const limit = { limit: concurrency - running.size, perEndpoint, except: [...unwanted()] }
        const { claims, nextAt = Infinity } = await store.claim(clock(), deadline * 1000 + SLACK, limit)
        if (claims.length === 0) return Math.min(poll * 1000, Math.max(1, nextAt - clock()))
        for (const claim of claims) begin(parts, claim)
      }
    } catch (fault) {
      log(describeFault(fault), 'the webhook store could not be asked for deliveries')
    }
    return poll * 1000
  }

  function unwanted (): Set<string> {
    const taken = [...failing].reduce((sum, id) => sum + (busy.get(id) ?? 0), 0)
    return new Set([...busy.keys(), ...taken >= concurrency / 2 ? failing : []])
  }

  function begin (parts: EngineParts, claim: Claim): void {
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

  async function attempt ({ store, deliver, log }: EngineParts, claim: Claim): Promise<void> {
    const settled = await deliver(claim)
    if (settled === undefined) return
    if (settled.state === 'delivered' || settled.attempt.outcome === 'disabled') failing.delete(claim.delivery.endpointId)
    else failing.add(claim.delivery.endpointId)
    let last: unknown
    for (let left = TRIES; left > 0; left--) {
      try {
        await store.settle(claim, settled)
        return
      } catch (fault) {
        last = fault
      }
    }
    log(describeFault(last), `how the delivery ${claim.delivery.id} ended could not be noted; it is made again`)
  }

  return {
    async start (given) {
      parts = given
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
