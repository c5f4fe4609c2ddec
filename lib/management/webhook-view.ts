import type { Principal } from '../core/principal.js'
import { eventData, eventTypes } from '../events/index.js'
import type { Delivery, EndpointSecret, WebhookEndpoint } from '../webhooks/index.js'
import type { DeliveryView, EndpointView, WebhookCallerView } from './webhook-schemas.js'
import { viewOfUpdate } from './update-view.js'

/** An endpoint as responses show it: without its secrets. @param by who asks */
export function viewOfEndpoint (endpoint: WebhookEndpoint, by: Principal): EndpointView {
  const { secrets, disabledAt, disabledReason, failingSince, createdAt, updatedAt, updatedBy, ...rest } = endpoint
  return {
    ...rest,
    events: [...rest.events],
    enabled: disabledAt === undefined,
    ...disabledAt && { disabledAt: disabledAt.toISOString() },
    ...disabledReason && { disabledReason },
    ...failingSince && { failingSince: failingSince.toISOString() },
    ...viewOfUpdate(endpoint, by),
    secrets: secrets.map(viewOfSecret),
    createdAt: createdAt.toISOString()
  }
}

function viewOfSecret ({ createdAt, retiresAt }: EndpointSecret): EndpointView['secrets'][number] {
  return { createdAt: createdAt.toISOString(), ...retiresAt && { retiresAt: retiresAt.toISOString() } }
}

/** A delivery as responses show it. */
export function viewOfDelivery (delivery: Delivery): DeliveryView {
  const { id, eventId, type, state, payload, createdAt, nextAt, attempts } = delivery
  return {
    id,
    eventId,
    type,
    state,
    payload,
    createdAt: createdAt.toISOString(),
    ...nextAt && { nextAt: nextAt.toISOString() },
    attempts: attempts.map((one) => ({ ...one, at: one.at.toISOString() }))
  }
}

/** Types of events that an endpoint may receive. */
export const eventViews: WebhookCallerView['events'] =
  eventTypes.map((type) => ({ type, description: String(eventData[type].description) }))
