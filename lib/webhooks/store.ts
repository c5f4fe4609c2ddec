import type { EventType } from '../events/event.js'
import type { Attempt, Delivery, DeliveryState, WebhookEndpoint } from './endpoint.js'

/**
 * Where endpoints and deliveries live: beside the keys. Every method but `claim` is bound to one workspace. Records given
 * out are the caller's own: frozen, with dates of their own.
 */
export interface WebhookStore {
  /** @throws DuplicateError where the id exists */
  insertEndpoint (endpoint: WebhookEndpoint): Promise<void>
  getEndpoint (workspace: string, id: string): Promise<WebhookEndpoint | undefined>
  /** All of a workspace, newest first (`createdAt`, then `id`, descending): a workspace has few, which the host bounds. */
  listEndpoints (workspace: string): Promise<readonly WebhookEndpoint[]>
  /** Replaces an endpoint if its stored version is the one before; id, workspace and createdAt never change. @returns whether it was */
  updateEndpoint (endpoint: WebhookEndpoint): Promise<boolean>
  /** Forgets an endpoint with all its deliveries. @returns whether there was one */
  removeEndpoint (workspace: string, id: string): Promise<boolean>
  /** Endpoints of a workspace that are not disabled and hear of the type. One look-up; asked for every event. */
  subscribed (workspace: string, type: EventType): Promise<readonly WebhookEndpoint[]>

  /**
   * Adds deliveries, pending. One whose id is there already stays as it is, so that a fact told twice is delivered once;
   * one to an endpoint that is gone is not added. @returns ids of those that were added
   */
  enqueue (deliveries: readonly Delivery[]): Promise<readonly string[]>
  getDelivery (workspace: string, endpointId: string, id: string): Promise<Delivery | undefined>
  /** Deliveries to an endpoint, newest first (`createdAt`, then `id`, descending). Costs what the page costs. */
  listDeliveries (workspace: string, endpointId: string, page: DeliveryPage): Promise<DeliveryList>
  /**
   * Deliveries that are due, for this caller alone until `now + lease`: nobody else gets them meanwhile, and whoever
   * crashes leaves them due again then. At most `perEndpoint` of one endpoint, and endpoints take turns, so that a dead
   * one with a long queue holds up nobody; costs what it gives out, not what is pending.
   * @param now milliseconds since the epoch
   * @param lease milliseconds
   */
  claim (now: number, lease: number, limit: ClaimLimit): Promise<Claimed>
  /** Notes how an attempt ended. Nothing is noted by whoever's claim has run out and was given to another. @returns whether it was noted */
  settle (claim: Claim, settled: Settled): Promise<boolean>
  /** Forgets deliveries that are delivered or failed and were made before this instant. At most `limit`. @returns how many */
  prune (before: Date, limit: number): Promise<number>
  /** Releases what the store opened itself. */
  close? (): Promise<void>
}

export interface DeliveryPage {
  readonly limit: number
  readonly after?: DeliveryPosition | undefined
  readonly state?: DeliveryState | undefined
}

export interface DeliveryPosition { readonly createdAt: Date, readonly id: string }

export interface DeliveryList {
  readonly deliveries: readonly Delivery[]
  /** Undefined on the last page. */
  readonly next: DeliveryPosition | undefined
}

export interface ClaimLimit {
  readonly limit: number
  readonly perEndpoint: number
  /** Endpoints of which none is wanted now: those that this caller is busy with. */
  readonly except?: readonly string[] | undefined
  /** Deliveries to one endpoint alone: for a queue that knows which. */
  readonly only?: EndpointRef | undefined
}

/** All deliveries to one endpoint, in the order in which they are due. */
export interface EndpointRef { readonly workspace: string, readonly endpointId: string }

export interface Claimed {
  readonly claims: readonly Claim[]
  /**
   * When something else of what was asked for is due, in milliseconds since the epoch; rather too early than too late.
   * Undefined: nothing is.
   */
  readonly nextAt: number | undefined
}

export interface Claim {
  readonly delivery: Delivery
  /** Milliseconds since the epoch; also tells this claim from a later one. */
  readonly leasedUntil: number
}

export interface Settled {
  readonly attempt: Attempt
  readonly state: DeliveryState
  /** When the next attempt is due, while it is pending. */
  readonly nextAt?: Date | undefined
}
