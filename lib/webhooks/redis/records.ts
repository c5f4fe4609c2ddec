import { readDelivery } from '../codec.js'
import type { Delivery } from '../endpoint.js'
import type { EndpointRef } from '../store.js'

/** An endpoint as a member of the set of those that are claimable. */
export function nameOf ({ workspace, endpointId }: EndpointRef): string {
  return JSON.stringify([workspace, endpointId])
}

export function endpointOf (name: string): EndpointRef {
  const [workspace, endpointId]: [string, string] = JSON.parse(name)
  return { workspace, endpointId }
}

/** A delivery as a member of the set of all that were made. */
export function entryOf ({ workspace, endpointId }: EndpointRef, id: string): string {
  return JSON.stringify([workspace, endpointId, id])
}

export function deliveryRefOf (entry: string): EndpointRef & { readonly id: string } {
  const [workspace, endpointId, id]: [string, string, string] = JSON.parse(entry)
  return { workspace, endpointId, id }
}

/** A delivery as a script or a command returns it. */
export interface StoredDelivery {
  readonly endpoint: EndpointRef
  readonly id: string
  /** Record, attempts, state and due, each null where it is not stored. */
  readonly fields: readonly unknown[]
}

/** @throws RecordError */
export function deliveryOf ({ endpoint: { workspace, endpointId }, id, fields }: StoredDelivery): Delivery {
  const [record, attempts, state, due] = fields.map(String)
  return readDelivery({ workspace, endpointId, id }, String(record), {
    state: String(state), attempts: String(attempts), due: due === '' ? undefined : Number(due)
  })
}
