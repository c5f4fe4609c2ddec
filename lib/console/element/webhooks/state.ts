import type { DeliveryView, EndpointView, WebhookCallerView } from '../../../management/index.js'
import type { DialogState } from '../dialogs.js'
import type { StringName } from '../strings.js'
import type { Trouble } from '../trouble.js'

/** Which deliveries to show. */
export const deliveryStates = {
  all: 'all',
  pending: 'deliveryPending',
  delivered: 'deliveryDelivered',
  failed: 'deliveryFailed'
} as const satisfies Record<string, StringName>

export type DeliveryFilter = keyof typeof deliveryStates

export function isDeliveryFilter (name: string): name is DeliveryFilter {
  return Object.hasOwn(deliveryStates, name)
}

/** Deliveries to the endpoint whose details are open. */
export interface Deliveries {
  readonly list: readonly DeliveryView[]
  /** Cursor of the next page of the server; absent once all are here. */
  readonly next?: string | undefined
  readonly only: DeliveryFilter
  readonly busy: boolean
  readonly trouble?: Trouble | undefined
}

/** Everything that the element shows. */
export interface WebhookState extends DialogState<WebhookCallerView, EndpointView> {
  readonly endpoints: readonly EndpointView[]
  /** Endpoints are asked for. */
  readonly busy: boolean
  /** Why endpoints could not be asked for. */
  readonly trouble?: Trouble | undefined
  /** Id of the endpoint whose details are open. */
  readonly open?: string | undefined
  readonly deliveries: Deliveries
}

export const noDeliveries: Deliveries = { list: [], only: 'all', busy: true }

export const firstWebhookState: WebhookState = { endpoints: [], busy: true, deliveries: noDeliveries, message: '' }
