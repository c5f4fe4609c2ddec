import type { DeliveryState } from '../endpoint.js'
import type { EndpointRef } from '../store.js'

/** Names of what the store keeps in Redis. On a Cluster, all of a workspace lies in one slot; what says where to look in another. */
export interface Layout {
  endpoint (workspace: string, id: string): string
  /** Sorted set of a workspace's endpoints. */
  endpoints (workspace: string): string
  /** What names of deliveries to an endpoint begin with. */
  deliveries (lane: EndpointRef): string
  /** Sorted set of deliveries that are pending, by when they are due. */
  due (lane: EndpointRef): string
  /** Sorted set of deliveries, of all or of those in a state. */
  list (lane: EndpointRef, state?: DeliveryState): string
  /** Text: the workspace that has an endpoint of this id. */
  id (id: string): string
  /** Sorted set of endpoints, by when their deliveries are next looked at. */
  readonly turns: string
  /** Sorted set of all deliveries, by when they were made. */
  readonly made: string
}

/** @param namespace what all names begin with; no braces, which choose slots */
export function createLayout (namespace: string): Layout {
  const base = (workspace: string) => `${namespace}:{${word(workspace)}}:webhooks`
  const of = ({ workspace, endpointId }: EndpointRef) => `${base(workspace)}:of:${word(endpointId)}`
  return {
    endpoint: (workspace, id) => `${base(workspace)}:endpoint:${word(id)}`,
    endpoints: (workspace) => `${base(workspace)}:endpoints`,
    deliveries: (lane) => `${of(lane)}:delivery:`,
    due: (lane) => `${of(lane)}:due`,
    list: (lane, state) => `${of(lane)}:list${state === undefined ? '' : `:${state}`}`,
    id: (id) => `${namespace}:webhooks:id:${word(id)}`,
    turns: `${namespace}:webhooks:turns`,
    made: `${namespace}:webhooks:made`
  }
}

/** Any text as one without colons and braces. */
function word (text: string): string {
  return encodeURIComponent(JSON.stringify(text).slice(1, -1))
}
