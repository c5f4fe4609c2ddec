import { readAttempts, readDelivery, readState } from '../codec.js'
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

/** @param fields record, attempts, state and due; undefined where there is no record */
export function deliveryOf (fields: unknown): Delivery | undefined {
  const texts = Array.isArray(fields) ? fields.map((field: unknown) => typeof field === 'string' ? field : '') : []
  const [record, attempts, state, due] = texts
  if (record === undefined || record === '') return undefined
  return readDelivery(record, {
    state: readState(String(state)),
    attempts: readAttempts(String(attempts)),
    due: due === '' ? undefined : Number(due)
  })
}
