import type { Clock } from '../core/clock.js'
import type { Delivery } from './endpoint.js'
import type { Claim, Settled, WebhookStore } from './store.js'

/**
 * Makes one attempt and says what it changes in the delivery. Never throws and never rejects. Undefined where no
 * attempt could be made, or it was given up since the server closes: the delivery is due again when the lease of its
 * claim has ended.
 */
export type Deliver = (claim: Claim) => Promise<Settled | undefined>

/** What an engine works with. */
export interface EngineDeps {
  readonly store: WebhookStore
  readonly clock: Clock
  readonly deliver: Deliver
  /** The most seconds that one attempt takes. */
  readonly deadline: number
  /** Logs an error of background work, which no caller sees. */
  readonly log: (reason: string, message: string) => void
  /** Logs what is no error, such as that something works again. */
  readonly inform: (message: string) => void
}

/** Attempts the deliveries of a store when they are due, at least once each. */
export interface DeliveryEngine {
  /** Begins to work; called once. */
  start (deps: EngineDeps): Promise<void>
  /** Called after deliveries were written to the store, so that they need not wait for the next poll. Never rejects. */
  wake (deliveries: readonly Delivery[]): Promise<void>
  /** Claims nothing more, waits for the attempts in progress, and closes what it opened. See `deliver`. */
  close (): Promise<void>
}
