import { newestFirst, readAttempts, readDelivery, readEndpoint, writeAttempts, writeDelivery, writeEndpoint } from './codec.js'
import { isSubscribed, type Delivery, type DeliveryState } from './endpoint.js'
import { EndpointExistsError, type Claim, type WebhookStore } from './store.js'
import { createPriorityQueue, type PriorityQueue } from './priority-queue.js'

/** Kept as text: whoever reads it gets an object of his own. */
interface Kept {
  readonly id: string
  readonly createdAt: Date
  readonly record: string
  state: DeliveryState
  attempts: string
  due: number | undefined
}

interface Post {
  readonly workspace: string
  readonly id: string
  endpoint: string
  readonly deliveries: Map<string, Kept>
  readonly due: PriorityQueue<Kept>
}

/** Endpoints and deliveries of this process alone, which are gone when it ends: for tests and local development. */
export function createMemoryWebhookStore (): WebhookStore {
  const posts = new Map<string, Post>()
  const lanes = createPriorityQueue<Post>()

  function postOf (workspace: string, id: string): Post | undefined {
    const post = posts.get(id)
    return post?.workspace === workspace ? post : undefined
  }

  const endpointsOf = (workspace: string) => [...posts.values()].filter((post) => post.workspace === workspace).map(({ endpoint }) => readEndpoint(endpoint)).sort(newestFirst)

  /** @param turn a lane that has had its turn is due again after those that have not */
  function line (post: Post, turn = -Infinity): void {
    const first = post.due.firstOf()
    if (first === undefined) lanes.delete(post.id)
    else lanes.set(post.id, Math.max(first, turn), post)
  }

  function put ({ due }: Post, kept: Kept, at: number | undefined): void {
    kept.due = at
    if (at === undefined) due.delete(kept.id)
    else due.set(kept.id, at, kept)
  }

  function take (post: Post, now: number, leasedUntil: number, most: number): Claim[] {
    const taken = post.due.due(now, most)
    for (const kept of taken) put(post, kept, leasedUntil)
    return taken.map((kept) => ({ delivery: deliveryOf(kept), leasedUntil }))
  }

  return {
    async insertEndpoint (endpoint) {
      const { id, workspace } = endpoint
      if (posts.has(id)) throw new EndpointExistsError()
      posts.set(id, { id, workspace, endpoint: writeEndpoint(endpoint), deliveries: new Map(), due: createPriorityQueue() })
    },
    async getEndpoint (workspace, id) {
      const post = postOf(workspace, id)
      return post && readEndpoint(post.endpoint)
    },
    listEndpoints: async (workspace) => endpointsOf(workspace),
    async updateEndpoint (endpoint) {
      const post = postOf(endpoint.workspace, endpoint.id)
      const stored = post && readEndpoint(post.endpoint)
      if (post === undefined || stored?.version !== endpoint.version - 1) return false
      post.endpoint = writeEndpoint({ ...endpoint, createdAt: stored.createdAt })
      return true
    },
    async removeEndpoint (workspace, id) {
      if (postOf(workspace, id) === undefined) return false
      lanes.delete(id)
      return posts.delete(id)
    },
    subscribed: async (workspace, type) => endpointsOf(workspace).filter((endpoint) => isSubscribed(endpoint, type)),

    async enqueue (deliveries) {
      return deliveries.flatMap((delivery) => {
        const { id, createdAt, attempts, state, nextAt } = delivery
        const post = postOf(delivery.workspace, delivery.endpointId)
        if (post === undefined || post.deliveries.has(id)) return []
        const kept = { id, createdAt, record: writeDelivery(delivery), attempts: writeAttempts(attempts), state, due: undefined }
        post.deliveries.set(id, kept)
        put(post, kept, nextAt?.getTime())
        line(post)
        return [id]
      })
    },
    async getDelivery (workspace, endpointId, id) {
      const kept = postOf(workspace, endpointId)?.deliveries.get(id)
      return kept && deliveryOf(kept)
    },
    async listDeliveries (workspace, endpointId, { limit, after, state }) {
      const all = [...postOf(workspace, endpointId)?.deliveries.values() ?? []].filter((one) => (state ?? one.state) === one.state)
      const page = all.filter((one) => after === undefined || newestFirst(after, one) < 0).sort(newestFirst).slice(0, limit + 1)
      const last = page.length > limit ? page[limit - 1] : undefined
      return { deliveries: page.slice(0, limit).map(deliveryOf), next: last && { createdAt: last.createdAt, id: last.id } }
    },
    async claim (now, lease, { limit, perEndpoint, except = [], only }) {
      const passed = new Set(except)
      const wanted = ({ id }: Post) => !passed.has(id)
      const lane = only && postOf(only.workspace, only.endpointId)
      const claims: Claim[] = []
      for (const post of only === undefined ? lanes.due(now, limit, wanted) : lane === undefined ? [] : [lane]) {
        claims.push(...take(post, now, now + lease, Math.min(perEndpoint, limit - claims.length)))
        line(post, now)
      }
      return { claims, nextAt: only === undefined ? lanes.firstOf(wanted) : lane?.due.firstOf() }
    },
    async settle ({ delivery, leasedUntil }, { attempt, state, nextAt }) {
      const post = postOf(delivery.workspace, delivery.endpointId)
      const kept = post?.deliveries.get(delivery.id)
      if (post === undefined || kept?.due !== leasedUntil) return false
      kept.state = state
      kept.attempts = writeAttempts([...delivery.attempts, attempt])
      put(post, kept, nextAt?.getTime())
      line(post)
      return true
    },
    async prune (before, limit) {
      let pruned = 0
      for (const { deliveries } of posts.values()) {
        for (const [id, { createdAt, due }] of deliveries) {
          if (pruned === limit) return pruned
          if (due === undefined && createdAt < before && deliveries.delete(id)) pruned++
        }
      }
      return pruned
    }
  }
}

function deliveryOf ({ record, state, attempts, due }: Kept): Delivery {
  return readDelivery(record, { state, attempts: readAttempts(attempts), due })
}
