import type { EndpointLimit, EndpointRef } from './store.js'

export interface PlacesOptions {
  readonly concurrency: number
  readonly perEndpoint: number
}

/** Which places of an engine attempts have, and so what it may claim next. */
export interface Places {
  free (): number
  /** Endpoints of which fewer than `perEndpoint` may be claimed. @param now milliseconds since the epoch */
  limits (now: number): EndpointLimit[]
  take (endpoint: EndpointRef): void
  /** @returns whether something may be claimed now that was not wanted before */
  release (endpoint: EndpointRef): boolean
  /** Notes whether the last attempt for an endpoint failed. */
  setFailing (endpoint: EndpointRef, fails: boolean, now: number): void
}

interface Entry {
  readonly endpoint: EndpointRef
  taken: number
}

/** For how long an endpoint that failed counts as failing without a further attempt: it may have been removed. */
const FAILING_MS = 3_600_000

export function createPlaces ({ concurrency, perEndpoint }: PlacesOptions): Places {
  const entries = new Map<string, Entry>()
  /** Endpoints whose last attempt failed, longest ago first. */
  const failing = new Map<string, { readonly endpoint: EndpointRef, readonly since: number }>()
  let taken = 0

  /** Endpoints that fail, and take long to do so, must not delay the others. */
  function failingHaveHalf (): boolean {
    let places = 0
    for (const id of failing.keys()) places += entries.get(id)?.taken ?? 0
    return places >= concurrency / 2
  }

  return {
    free: () => concurrency - taken,
    limits (now) {
      for (const [id, { since }] of failing) {
        if (now - since < FAILING_MS) break
        failing.delete(id)
      }
      const limits = new Map<string, EndpointLimit>()
      for (const [id, { endpoint, taken }] of entries) limits.set(id, limitOf(endpoint, perEndpoint - taken))
      if (failingHaveHalf()) for (const [id, { endpoint }] of failing) limits.set(id, limitOf(endpoint, 0))
      return [...limits.values()]
    },
    take (endpoint) {
      taken++
      const entry = entries.get(endpoint.endpointId)
      if (entry === undefined) entries.set(endpoint.endpointId, { endpoint, taken: 1 })
      else entry.taken++
    },
    release ({ endpointId }) {
      const entry = entries.get(endpointId)
      if (entry === undefined) return false
      const wasLimited = taken === concurrency || entry.taken === perEndpoint || failingHaveHalf()
      taken--
      entry.taken--
      if (entry.taken === 0) entries.delete(endpointId)
      return wasLimited
    },
    setFailing (endpoint, fails, now) {
      failing.delete(endpoint.endpointId)
      if (fails) failing.set(endpoint.endpointId, { endpoint, since: now })
    }
  }
}

function limitOf ({ workspace, endpointId }: EndpointRef, limit: number): EndpointLimit {
  return { workspace, endpointId, limit }
}
