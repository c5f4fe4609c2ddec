import type { Static } from '@sinclair/typebox'
import type { Delivery, EndpointSecret, WebhookEndpoint } from '../webhooks/index.js'
import type { DeliveryView, Endpoint } from './webhook-schemas.js'

type EndpointView = Static<typeof Endpoint>

/** An endpoint as responses show it: without its secrets. */
export function viewOfEndpoint (endpoint: WebhookEndpoint): EndpointView {
  const { secrets, disabledAt, disabledReason, failingSince, createdAt, ...rest } = endpoint
  return {
    ...rest,
    events: [...rest.events],
    enabled: disabledAt === undefined,
    ...disabledAt && { disabledAt: disabledAt.toISOString() },
    ...disabledReason && { disabledReason },
    ...failingSince && { failingSince: failingSince.toISOString() },
    secrets: secrets.map(viewOfSecret),
    createdAt: createdAt.toISOString()
  }
}

function viewOfSecret ({ createdAt, retiresAt }: EndpointSecret): EndpointView['secrets'][number] {
  return { createdAt: createdAt.toISOString(), ...retiresAt && { retiresAt: retiresAt.toISOString() } }
}

/** A delivery as responses show it. */
export function viewOfDelivery (delivery: Delivery): Static<typeof DeliveryView> {
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
