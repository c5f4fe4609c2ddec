import type { Delivery, WebhookEndpoint } from './endpoint.js'

/** A pending delivery that is due now. @param now milliseconds since the epoch */
export function newDelivery (
  id: string,
  { workspace, id: endpointId }: Pick<WebhookEndpoint, 'workspace' | 'id'>,
  { eventId, type, payload }: Pick<Delivery, 'eventId' | 'type' | 'payload'>,
  now: number
): Delivery {
  const at = new Date(now)
  const content = { eventId, type, payload }
  return { id, workspace, endpointId, ...content, createdAt: at, state: 'pending', attempts: [], nextAt: at }
}
