import type { Principal } from '../core/principal.js'
import type { EventType } from '../events/index.js'
import type { Delivery, DeliveryState, WebhookEndpoint } from './endpoint.js'

/** What an endpoint is created from. */
export interface EndpointInput {
  /** An https: URL with a public host, of at most 2048 characters. */
  url: string
  /** Types to receive; all but `usage.counted` by default. */
  events?: readonly EventType[] | undefined
  /** For people; at most 256 characters. */
  description?: string | undefined
  /** Receives events of this environment alone; of all by default. */
  environment?: string | undefined
}

/** What to change in an endpoint; fields that are left out stay. */
export interface EndpointUpdate {
  url?: string | undefined
  events?: readonly EventType[] | undefined
  /** Null removes it. */
  description?: string | null | undefined
  /** With false it receives nothing, with true what happens from then on. */
  enabled?: boolean | undefined
  /** Changes the endpoint only if this is still its version. */
  version?: number | undefined
}

/** How to replace a secret. */
export interface SecretRotation {
  /** Seconds for which the one before signs too; from 0 to 30 days, a day by default. */
  grace?: number | undefined
  /** Replaces it only if this is still the version of the endpoint. */
  version?: number | undefined
}

/** One page of deliveries. */
export interface DeliveriesInput {
  /** From 1 to 200; 50 by default. */
  limit?: number | undefined
  /** `next` of the page before. */
  cursor?: string | undefined
  /** Deliveries in this state alone. */
  state?: DeliveryState | undefined
}

/** Bounds what is seen and changed: endpoints of this environment alone. The host itself passes none and sees all. */
export interface EndpointFilter {
  environment?: string | undefined
}

/** Who changes an endpoint, where it is not the host itself. */
export interface EndpointCaller extends EndpointFilter {
  /** For the record: `updatedBy`. */
  by?: Principal | undefined
}

/**
 * What a host does with webhooks: `app.latchkey.webhooks`. Every method throws AccessErrors: `WEBHOOK_INPUT_INVALID`
 * with the field and the fix in `detail`; `WEBHOOK_NOT_FOUND`, also for an endpoint of another workspace;
 * `WEBHOOK_CONFLICT` where the state of the endpoint forbids it, or another change was first; `WEBHOOKS_UNAVAILABLE`
 * when the store fails.
 */
export interface Webhooks {
  /** Creates an endpoint. Its secret is returned this once. */
  create (workspace: string, input: EndpointInput): Promise<{ endpoint: WebhookEndpoint, secret: string }>
  get (workspace: string, id: string, filter?: EndpointFilter): Promise<WebhookEndpoint>
  /** All of a workspace, newest first. */
  list (workspace: string, filter?: EndpointFilter): Promise<readonly WebhookEndpoint[]>
  update (workspace: string, id: string, update: EndpointUpdate, caller?: EndpointCaller): Promise<WebhookEndpoint>
  /** Removes an endpoint with its deliveries. */
  remove (workspace: string, id: string, filter?: EndpointFilter): Promise<void>
  /**
   * Replaces the secret. For `grace` seconds, a day by default and at most 30 days, the one before signs too; a
   * rotation never gives a secret more time than it had.
   */
  rotateSecret (
    workspace: string, id: string, input?: SecretRotation, caller?: EndpointCaller
  ): Promise<{ endpoint: WebhookEndpoint, secret: string }>
  /** Sends an event of the type `webhook.test`, once. */
  test (workspace: string, id: string, filter?: EndpointFilter): Promise<Delivery>
  /** Deliveries to an endpoint, newest first; `next` is the `cursor` of the page after, absent on the last one. */
  deliveries (
    workspace: string, id: string, page?: DeliveriesInput, filter?: EndpointFilter
  ): Promise<{ deliveries: readonly Delivery[], next?: string }>
  /** Sends a delivery again, with the same `webhook-id`. */
  replay (workspace: string, id: string, deliveryId: string, filter?: EndpointFilter): Promise<Delivery>
}
