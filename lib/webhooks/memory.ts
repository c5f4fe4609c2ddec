import { cutPage, newestFirst } from '../core/cursor.js'
import { DuplicateError } from '../core/store-error.js'
import { readDelivery, readEndpoint, writeAttempts, writeDelivery, writeEndpoint } from './codec.js'
import { isSubscribed, type Delivery, type DeliveryState, type WebhookEndpoint } from './endpoint.js'
import type { Claim, WebhookStore } from './store.js'

/** Records are stored as text, so that every reader gets objects of its own. */
interface StoredDelivery {
  readonly id: string
  readonly workspace: string
  readonly endpointId: string
  readonly createdAt: Date
  readonly record: string
  state: DeliveryState
  attempts: string
  /** When it is attempted next, in milliseconds since the epoch; Infinity for never. */
  due: number
}

interface StoredEndpoint {
  readonly id: string
  readonly workspace: string
  record: string
  readonly deliveries: Map<string, StoredDelivery>
  /** Number of the claim that last took deliveries to it. */
  lastClaim: number
}

/** Endpoints and deliveries of this process alone, gone when it ends: for tests and local development. */
export function createMemoryWebhookStore (): WebhookStore {
  const endpoints = new Map<string, StoredEndpoint>()
  let claimCount = 0

  function find (workspace: string, id: string): StoredEndpoint | undefined {
    const stored = endpoints.get(id)
    return stored?.workspace === workspace ? stored : undefined
  }

  function listEndpoints (workspace: string): WebhookEndpoint[] {
    const found = [...endpoints.values()].filter((stored) => stored.workspace === workspace)
    return found.map(endpointOf).sort(newestFirst)
  }

  function take ({ deliveries }: StoredEndpoint, now: number, leasedUntil: number, limit: number): Claim[] {
    const due = [...deliveries.values()].filter((stored) => stored.due <= now)
    return due.sort((one, other) => one.due - other.due).slice(0, limit).map((stored) => {
      stored.due = leasedUntil
      return { delivery: deliveryOf(stored), leasedUntil }
    })
  }

  return {
    async insertEndpoint (endpoint, maxEndpoints) {
      const { id, workspace } = endpoint
      if (endpoints.has(id)) throw new DuplicateError()
      if (listEndpoints(workspace).length >= maxEndpoints) return false
      endpoints.set(id, { id, workspace, record: writeEndpoint(endpoint), deliveries: new Map(), lastClaim: 0 })
      return true
    },
    async getEndpoint (workspace, id) {
      const stored = find(workspace, id)
      return stored && endpointOf(stored)
    },
    listEndpoints: async (workspace) => listEndpoints(workspace),
    async updateEndpoint (endpoint) {
      const stored = find(endpoint.workspace, endpoint.id)
      const before = stored && endpointOf(stored)
      if (stored === undefined || before?.version !== endpoint.version - 1) return false
      stored.record = writeEndpoint({ ...endpoint, createdAt: before.createdAt })
      return true
    },
    removeEndpoint: async (workspace, id) => find(workspace, id) !== undefined && endpoints.delete(id),
    subscribed: async (workspace, type) => listEndpoints(workspace).filter((endpoint) => isSubscribed(endpoint, type)),

    async enqueue (deliveries) {
      return deliveries.flatMap((delivery) => {
        const { id, workspace, endpointId, createdAt, state, attempts, nextAt } = delivery
        const endpoint = find(workspace, endpointId)
        if (endpoint === undefined || endpoint.deliveries.has(id)) return []
        const due = nextAt?.getTime() ?? Infinity
        const record = writeDelivery(delivery)
        const row = { id, workspace, endpointId, createdAt, record, state, attempts: writeAttempts(attempts), due }
        endpoint.deliveries.set(id, row)
        return [id]
      })
    },
    async getDelivery (workspace, endpointId, id) {
      const stored = find(workspace, endpointId)?.deliveries.get(id)
      return stored && deliveryOf(stored)
    },
    async listDeliveries (workspace, endpointId, { limit, after, state }) {
      const found = [...find(workspace, endpointId)?.deliveries.values() ?? []].filter((stored) =>
        (state === undefined || stored.state === state) && (after === undefined || newestFirst(after, stored) < 0))
      const [page, next] = cutPage(found.sort(newestFirst), limit)
      return { deliveries: page.map(deliveryOf), next }
    },
    async claim (now, lease, { limit, perEndpoint, endpointLimits = [], only }) {
      const limits = new Map(endpointLimits.map(({ endpointId, limit }) => [endpointId, limit]))
      const wanted = only === undefined
        ? [...endpoints.values()].filter(({ id }) => limits.get(id) !== 0)
        : [find(only.workspace, only.endpointId)].filter((endpoint) => endpoint !== undefined)
      const claims: Claim[] = []
      claimCount++
      // Those that waited longest come first, so that a long queue of one endpoint delays no other.
      for (const endpoint of wanted.sort((one, other) => one.lastClaim - other.lastClaim)) {
        const ofEndpoint = limits.get(endpoint.id) ?? perEndpoint
        const taken = take(endpoint, now, now + lease, Math.min(ofEndpoint, limit - claims.length))
        if (taken.length > 0) endpoint.lastClaim = claimCount
        claims.push(...taken)
      }
      let next = Infinity
      for (const { deliveries } of wanted) for (const { due } of deliveries.values()) next = Math.min(next, due)
      return { claims, nextAt: next === Infinity ? undefined : next }
    },
    async settle ({ delivery, leasedUntil }, { attempt, state, nextAt }) {
      const stored = find(delivery.workspace, delivery.endpointId)?.deliveries.get(delivery.id)
      if (stored?.due !== leasedUntil) return false
      stored.state = state
      stored.attempts = writeAttempts([...delivery.attempts, attempt])
      stored.due = nextAt?.getTime() ?? Infinity
      return true
    },
    async prune (before, limit) {
      let pruned = 0
      for (const { deliveries } of endpoints.values()) {
        for (const [id, { createdAt, due }] of deliveries) {
          if (pruned === limit) return pruned
          if (due === Infinity && createdAt < before && deliveries.delete(id)) pruned++
        }
      }
      return pruned
    }
  }
}

function endpointOf ({ workspace, id, record }: StoredEndpoint): WebhookEndpoint {
  return readEndpoint({ workspace, id }, record)
}

function deliveryOf ({ workspace, endpointId, id, record, state, attempts, due }: StoredDelivery): Delivery {
  const progress = { state, attempts, due: due === Infinity ? undefined : due }
  return readDelivery({ workspace, endpointId, id }, record, progress)
}
