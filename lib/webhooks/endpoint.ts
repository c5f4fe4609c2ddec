import { isInAll, type EventActor, type EventType } from '../events/index.js'

/** A secret that signs deliveries: `whsec_` and base64 of 24 to 64 bytes (Standard Webhooks), as the store has it. */
export interface EndpointSecret {
  /** Plain, or encrypted by the first of the host's `secretKeys`. Stores write it as it is and never log it. */
  readonly value: string
  readonly createdAt: Date
  /** Signs nothing from this instant on; only a secret that was rotated has one. */
  readonly retiresAt?: Date
}

/** Why an endpoint receives nothing: its owner's wish, its own 410, or failures of all attempts for too long. */
export type DisabledReason = 'requested' | 'gone' | 'failing'

/** Where a workspace receives events. */
export interface WebhookEndpoint {
  /** `whe_` and a UUID. */
  readonly id: string
  readonly workspace: string
  /** Receives events of this environment alone; of all where there is none. */
  readonly environment?: string
  readonly url: string
  /** Types that it receives; all but `usage.counted` where the list is empty. */
  readonly events: readonly EventType[]
  readonly description?: string
  /** Oldest first; the last one is the newest. */
  readonly secrets: readonly EndpointSecret[]
  readonly createdAt: Date
  readonly disabledAt?: Date
  readonly disabledReason?: DisabledReason
  /** Since when every attempt has failed; absent again after a success. */
  readonly failingSince?: Date
  /** When it was last changed; absent before the first change. */
  readonly updatedAt?: Date
  /** Who changed it last, as events name people; absent where the host or the outcome of an attempt did. */
  readonly updatedBy?: EventActor
  /** Grows by one with every change. */
  readonly version: number
}

/** A delivery waits for its next attempt, was received with a 2xx, or is given up. */
export type DeliveryState = 'pending' | 'delivered' | 'failed'

/** One event for one endpoint. */
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
  /** All that were recorded, oldest first; the schedule bounds them. */
  readonly attempts: readonly Attempt[]
  /** When the next attempt is due; a pending delivery has one. */
  readonly nextAt?: Date
}

/** How one attempt ended. Of the response, only its status is stored. */
export interface Attempt {
  readonly at: Date
  /** Milliseconds. */
  readonly took: number
  /** Status of the response, where there was one. */
  readonly status?: number
  readonly outcome: AttemptOutcome
}

/**
 * - `delivered`: a 2xx
 * - `redirected`, `gone`, `refused`: a 3xx, a 410, any other status
 * - `timeout`, `unreachable`: no response in time, no response at all
 * - `insecure`: the certificate is not valid
 * - `forbidden-address`: the host is not, or not only, at public addresses
 * - `disabled`: nothing was sent, because the endpoint was disabled or removed meanwhile
 * - `undecryptable`: nothing was sent, because none of the host's `secretKeys` decrypts the secret of the endpoint
 */
export type AttemptOutcome = 'delivered' | 'refused' | 'redirected' | 'gone' | 'timeout' | 'unreachable' | 'insecure' |
  'forbidden-address' | 'disabled' | 'undecryptable'

/** True for an endpoint that is to receive events of this type. */
export function isSubscribed ({ disabledAt, events }: WebhookEndpoint, type: EventType): boolean {
  return disabledAt === undefined && (events.length === 0 ? isInAll(type) : events.includes(type))
}
