import type { EventType } from '../events/event.js'

/** A secret by which deliveries are signed: `whsec_` and base64 of 24 to 64 bytes (Standard Webhooks), as the host keeps it. */
export interface EndpointSecret {
  /** Plain, or sealed by the host's key. Stores keep it as it is and never log it. */
  readonly value: string
  readonly createdAt: Date
  /** Signs no more from this instant on; only a secret that was rotated away has one. */
  readonly retiresAt?: Date
}

/** Why an endpoint gets nothing: its owner's wish, its own 410, or too many failures in a row. */
export type DisabledReason = 'requested' | 'gone' | 'failing'

/** Where a workspace wants to hear of events. */
export interface WebhookEndpoint {
  /** `whe_` and a UUID. */
  readonly id: string
  readonly workspace: string
  /** Hears of events of this environment alone; of all where there is none. */
  readonly environment?: string
  readonly url: string
  /** Types that it hears of; every type where the list is empty. */
  readonly events: readonly EventType[]
  readonly description?: string
  /** Oldest first; the last is in force. */
  readonly secrets: readonly EndpointSecret[]
  readonly createdAt: Date
  readonly disabledAt?: Date
  readonly disabledReason?: DisabledReason
  /** Since when every attempt has failed; gone with a success. */
  readonly failingSince?: Date
  /** Grows with every change. */
  readonly version: number
}

/** What becomes of a delivery: waiting for its next attempt, received with a 2xx, or given up. */
export type DeliveryState = 'pending' | 'delivered' | 'failed'

/** One event on its way to one endpoint. */
export interface Delivery {
  /** `${eventId}.${endpointId}`; a test and a replay have an id of their own, and the event id of what they repeat. */
  readonly id: string
  readonly workspace: string
  readonly endpointId: string
  /** `webhook-id` of every attempt. */
  readonly eventId: string
  readonly type: EventType | 'webhook.test'
  /** The exact text that is signed and sent: JSON below 20,000 bytes. */
  readonly payload: string
  readonly createdAt: Date
  readonly state: DeliveryState
  /** All that were noted, oldest first; the schedule bounds them. */
  readonly attempts: readonly Attempt[]
  /** When the next attempt is due; a pending delivery has one. */
  readonly nextAt?: Date
}

/** How one attempt ended. Nothing of the answer is kept but its status. */
export interface Attempt {
  readonly at: Date
  /** Milliseconds. */
  readonly took: number
  /** Status of the answer, where there was one. */
  readonly status?: number
  /** `delivered`, or what went wrong. */
  readonly outcome: AttemptOutcome
}

/** `disabled`: nothing was sent, since the endpoint was disabled or removed meanwhile. `insecure`: its certificate is not valid. */
export type AttemptOutcome = 'delivered' | 'refused' | 'redirected' | 'gone' | 'timeout' | 'unreachable' | 'forbidden-address' | 'insecure' | 'disabled'

/** True for an endpoint that is to be told of events of this type. */
export function hears ({ disabledAt, events }: WebhookEndpoint, type: EventType): boolean {
  return disabledAt === undefined && (events.length === 0 || events.includes(type))
}
