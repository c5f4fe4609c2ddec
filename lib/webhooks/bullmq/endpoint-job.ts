import type { EngineDeps } from '../engine.js'
import { leaseOf, recordAttempt } from '../record-attempt.js'
import type { Claim, EndpointRef } from '../store.js'

/** The deliveries that one job makes to one endpoint. */
export interface EndpointJob {
  /** Claims again at once, where there are free places: there are new deliveries. */
  wake (): void
  /** Claims nothing more. */
  stop (): void
  /** @returns when something else is due, in milliseconds since the epoch; undefined where nothing is pending */
  run (): Promise<number | undefined>
}

export interface EndpointJobOptions {
  /** Attempts at a time. */
  readonly perEndpoint: number
  /** Seconds between claims while some attempts take long and places are free. */
  readonly interval: number
}

/** In this time a receiver that works has answered, and the job can go to the end of the queue. */
const QUICK_MS = 100

/**
 * Claims as much as there are places. If all attempts are quick, that is all: other endpoints wait for the worker.
 * While some are slow, the places that become free are filled again, for as long as an attempt may take.
 */
export function createEndpointJob (
  { workspace, endpointId }: EndpointRef,
  { perEndpoint, interval }: EndpointJobOptions,
  deps: EngineDeps
): EndpointJob {
  const { store, clock, deliver, deadline } = deps
  const only = { workspace, endpointId }
  const running = new Set<Promise<void>>()
  let wakeUp: (() => void) | undefined
  let stopped = false

  async function attempt (claim: Claim): Promise<void> {
    const settled = await deliver(claim)
    if (settled !== undefined) await recordAttempt(deps, claim, settled)
  }

  async function claimFree (): Promise<void> {
    const free = perEndpoint - running.size
    if (free === 0 || stopped) return
    const { claims } = await store.claim(clock(), leaseOf(deps), { limit: free, perEndpoint: free, only })
    for (const claim of claims) {
      const run = attempt(claim).finally(() => { running.delete(run) })
      running.add(run)
    }
  }

  /** Resolves when `until` does, when there are new deliveries, or after so many milliseconds. */
  async function waitFor (until: Promise<unknown>, milliseconds: number): Promise<void> {
    await new Promise<void>((resolve) => {
      const timer = setTimeout(done, milliseconds)
      function done (): void {
        clearTimeout(timer)
        resolve()
      }
      wakeUp = done
      until.then(done, done)
    })
  }

  return {
    wake: () => wakeUp?.(),
    stop () {
      stopped = true
      wakeUp?.()
    },
    async run () {
      const refillUntil = performance.now() + deadline * 1000
      try {
        await claimFree()
        await waitFor(Promise.all(running), QUICK_MS)
        while (running.size > 0 && performance.now() < refillUntil) {
          if (stopped) break
          await claimFree()
          if (running.size > 0) await waitFor(Promise.race(running), interval * 1000)
        }
      } finally {
        await Promise.all(running)
      }
      return (await store.claim(clock(), 0, { limit: 0, perEndpoint, only })).nextAt
    }
  }
}
