import { randomUUID } from 'node:crypto'
import type { AccessEvent, EventType } from '../events/index.js'
import type { Delivery, DeliveryState, WebhookEndpoint } from './endpoint.js'

export interface EndpointInput {
  url: string
  /** Types to hear of; every type by default. */
  events?: readonly EventType[] | undefined
  description?: string | undefined
  /** Hears of events of this environment alone; of all by default. */
  environment?: string | undefined
}

export interface EndpointChange {
  url?: string | undefined
  events?: readonly EventType[] | undefined
  /** Null removes it. */
  description?: string | null | undefined
  /** False lets it get nothing, true lets it get what comes from then on. */
  enabled?: boolean | undefined
  /** Only if this is still the version of the endpoint. */
  version?: number | undefined
}

export interface DeliveriesInput { limit?: number | undefined, cursor?: string | undefined, state?: DeliveryState | undefined }

/** Whoever acts sees endpoints of this environment alone; of all where none is given, which is for the host. */
export interface EndpointFilter { environment?: string | undefined }

/**
 * What a host does with endpoints. All of it throws AccessErrors: `WEBHOOK_INPUT_INVALID` with the field and the fix in
 * `detail`; `WEBHOOK_NOT_FOUND`, also for what another workspace has; `WEBHOOK_CONFLICT` where the endpoint's state forbids
 * it, or somebody else was first; `WEBHOOKS_UNAVAILABLE` when the store fails.
 */
export interface Webhooks {
  /** The secret is returned this once. */
  create (workspace: string, input: EndpointInput): Promise<{ endpoint: WebhookEndpoint, secret: string }>
  get (workspace: string, id: string, within?: EndpointFilter): Promise<WebhookEndpoint>
  list (workspace: string, within?: EndpointFilter): Promise<readonly WebhookEndpoint[]>
  update (workspace: string, id: string, change: EndpointChange, within?: EndpointFilter): Promise<WebhookEndpoint>
  /** Forgets it and its deliveries. */
  remove (workspace: string, id: string, within?: EndpointFilter): Promise<void>
  /** Another secret; for `grace` seconds, a day by default, the one before signs too. */
  rotateSecret (workspace: string, id: string, input?: { grace?: number | undefined }, within?: EndpointFilter): Promise<{ endpoint: WebhookEndpoint, secret: string }>
  /** Sends something harmless, once. */
  test (workspace: string, id: string, within?: EndpointFilter): Promise<Delivery>
  /** What was sent, newest first; `next` is the `cursor` of the page after, where there is one. */
  deliveries (workspace: string, id: string, page?: DeliveriesInput, within?: EndpointFilter): Promise<{ deliveries: readonly Delivery[], next?: string }>
  /** Sends a delivery again, with the same `webhook-id`. */
  replay (workspace: string, id: string, deliveryId: string, within?: EndpointFilter): Promise<Delivery>
}

/** A pending delivery that is due now. @param repeats true for one that is made beside that of the event */
export function deliveryOf ({ workspace, id }: Pick<WebhookEndpoint, 'workspace' | 'id'>, { eventId, type, payload }: Pick<Delivery, 'eventId' | 'type' | 'payload'>, now: number, repeats = false): Delivery {
  return {
    id: repeats ? `whd_${randomUUID()}` : `${eventId}.${id}`,
    workspace,
    endpointId: id,
    eventId,
    type,
    payload,
    createdAt: new Date(now),
    state: 'pending',
    attempts: [],
    nextAt: new Date(now)
  }
}

/** Where an event belongs. */
export function environmentOf ({ data }: AccessEvent): string {
  return 'key' in data ? data.key.environment : data.environment
}
