import type { Row } from '../../postgres/database.js'
import { readDelivery, readEndpoint } from '../codec.js'
import type { Delivery, WebhookEndpoint } from '../endpoint.js'

/** @throws RecordError, as `deliveryOf` */
export function endpointOf ({ id, workspace, record }: Row): WebhookEndpoint {
  return readEndpoint({ workspace: String(workspace), id: String(id) }, String(record))
}

export function deliveryOf (row: Row): Delivery {
  const { id, workspace, endpoint_id: endpointId, record, attempts, state, due_at: due } = row
  return readDelivery(
    { workspace: String(workspace), endpointId: String(endpointId), id: String(id) },
    String(record),
    { state: String(state), attempts: String(attempts), due: due === null ? undefined : Number(due) }
  )
}
