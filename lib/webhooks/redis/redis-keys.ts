import { encodePart } from '../../redis/names.js'
import type { DeliveryState } from '../endpoint.js'
import type { EndpointRef } from '../store.js'

export const STATES = ['pending', 'delivered', 'failed'] as const satisfies readonly DeliveryState[]

/**
 * Names of the keys in Redis. On a Cluster all of a workspace is in one slot, and the sets of all workspaces in
 * others.
 */
export interface RedisKeys {
  endpoint (workspace: string, id: string): string
  /** Sorted set of a workspace's endpoints. */
  endpoints (workspace: string): string
  /** What the names of deliveries to an endpoint begin with. */
  deliveries (endpoint: EndpointRef): string
  /** Sorted set of the pending deliveries to an endpoint, by when they are due. */
  due (endpoint: EndpointRef): string
  /** Sorted set of the deliveries to an endpoint, of all or of those in one state. */
  list (endpoint: EndpointRef, state?: DeliveryState): string
  /** Text: the workspace that has an endpoint with this id. */
  id (id: string): string
  /** Sorted set of all endpoints, by when deliveries to them may be claimed next. */
  readonly claimable: string
  /** Sorted set of all deliveries, by when they were made. */
  readonly made: string
}

/** @param namespace what all names begin with; no braces, which choose slots */
export function createRedisKeys (namespace: string): RedisKeys {
  const prefix = (workspace: string) => `${namespace}:{${encodePart(workspace)}}:webhooks`
  const of = ({ workspace, endpointId }: EndpointRef) => `${prefix(workspace)}:of:${encodePart(endpointId)}`
  return {
    endpoint: (workspace, id) => `${prefix(workspace)}:endpoint:${encodePart(id)}`,
    endpoints: (workspace) => `${prefix(workspace)}:endpoints`,
    deliveries: (endpoint) => `${of(endpoint)}:delivery:`,
    due: (endpoint) => `${of(endpoint)}:due`,
    list: (endpoint, state) => `${of(endpoint)}:list${state === undefined ? '' : `:${state}`}`,
    id: (id) => `${namespace}:webhooks:id:${encodePart(id)}`,
    claimable: `${namespace}:webhooks:claimable`,
    made: `${namespace}:webhooks:made`
  }
}
