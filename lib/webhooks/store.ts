import type { Position } from '../core/cursor.js'
import type { OnBroken } from '../core/stored-record.js'
import type { EventType } from '../events/index.js'
import type { Attempt, Delivery, DeliveryState, WebhookEndpoint } from './endpoint.js'

/**
 * Where endpoints and deliveries live. Every method but `claim` and `prune` works on one workspace. Records that a
 * store returns are frozen copies with dates of their own. A record that can't be read is left out of whatever answers
 * many, and `onBroken` is called with a `StoreError` that names it. `webhookStoreConformance` of
 * fastify-latchkey/testing shows whether an implementation does all of this.
 */
export interface WebhookStore {
  /**
   * Adds an endpoint, unless its workspace has `maxEndpoints` already: also of calls at the same time, from any number
   * of processes, no more are added.
   * @returns whether it was added
   * @throws DuplicateError where the id exists
   */
  insertEndpoint (endpoint: WebhookEndpoint, maxEndpoints: number): Promise<boolean>
  getEndpoint (workspace: string, id: string): Promise<WebhookEndpoint | undefined>
  /** All of a workspace, newest first (`createdAt`, then `id`, descending). The host bounds how many there are. */
  listEndpoints (workspace: string, onBroken?: OnBroken): Promise<readonly WebhookEndpoint[]>
  /**
   * Replaces an endpoint if its stored version is the one before; id, workspace and createdAt never change.
   * @returns whether it was replaced
   */
  updateEndpoint (endpoint: WebhookEndpoint): Promise<boolean>
  /** Removes an endpoint with all its deliveries. @returns whether there was one */
  removeEndpoint (workspace: string, id: string): Promise<boolean>
  /** Endpoints of a workspace that are not disabled and subscribed to the type; called for every event. */
  subscribed (workspace: string, type: EventType, onBroken?: OnBroken): Promise<readonly WebhookEndpoint[]>

  /**
   * Adds pending deliveries. One whose id is there already is not changed, so an event that is emitted twice is
   * delivered once; one to an endpoint that is removed is not added. @returns the ids of those that were added
   */
  enqueue (deliveries: readonly Delivery[]): Promise<readonly string[]>
  getDelivery (workspace: string, endpointId: string, id: string): Promise<Delivery | undefined>
  /** Deliveries to an endpoint, newest first (`createdAt`, then `id`, descending). Costs what the page costs. */
  listDeliveries (
    workspace: string, endpointId: string, page: DeliveryPage, onBroken?: OnBroken
  ): Promise<DeliveryList>
  /**
   * Leases deliveries that are due to this caller until `now + lease`: until then nobody else gets them, and after a
   * crash they are due again then. Endpoints are served one after the other, a few deliveries each, so that one with a
   * long queue delays nobody. Costs what it returns, not what is pending.
   * @param now milliseconds since the epoch
   * @param lease milliseconds
   * @param onBroken such a delivery is leased too
   */
  claim (now: number, lease: number, limit: ClaimLimit, onBroken?: OnBroken): Promise<Claimed>
  /**
   * Records how an attempt ended, unless its lease has ended and another caller has claimed the delivery.
   * @returns whether it was recorded
   */
  settle (claim: Claim, settled: Settled): Promise<boolean>
  /**
   * Removes at most `limit` deliveries that are delivered or failed and were created before an instant, or whose
   * endpoint is gone.
   * @returns how many
   */
  prune (before: Date, limit: number): Promise<number>
  /** As `ready` of a key store. */
  ready? (): Promise<void>
  /** Closes what the store has opened itself. */
  close? (): Promise<void>
}

export interface DeliveryPage {
  readonly limit: number
  readonly after?: Position | undefined
  readonly state?: DeliveryState | undefined
}

export interface DeliveryList {
  readonly deliveries: readonly Delivery[]
  /** Undefined on the last page. */
  readonly next: Position | undefined
}

/** Which deliveries a caller wants. */
export interface ClaimLimit {
  readonly limit: number
  readonly perEndpoint: number
  /** Endpoints of which fewer than `perEndpoint` are wanted. */
  readonly endpointLimits?: readonly EndpointLimit[] | undefined
  /** Deliveries to one endpoint alone. */
  readonly only?: EndpointRef | undefined
}

/** Names an endpoint. */
export interface EndpointRef {
  readonly workspace: string
  readonly endpointId: string
}

/** How many deliveries to one endpoint are wanted, in place of `perEndpoint`; 0 for none. */
export interface EndpointLimit extends EndpointRef {
  readonly limit: number
}

/** What a call of `claim` returns. */
export interface Claimed {
  readonly claims: readonly Claim[]
  /**
   * When something else that was asked for is due, in milliseconds since the epoch; too early rather than too late.
   * Undefined where nothing is pending.
   */
  readonly nextAt: number | undefined
}

/** A delivery that is leased to one caller. */
export interface Claim {
  readonly delivery: Delivery
  /** Milliseconds since the epoch; also distinguishes this claim from a later one of the same delivery. */
  readonly leasedUntil: number
}

/** What an attempt changes in its delivery. */
export interface Settled {
  readonly attempt: Attempt
  readonly state: DeliveryState
  /** When the next attempt is due, while it is pending. */
  readonly nextAt?: Date | undefined
}
