import type { Delivery } from './endpoint.js'
import type { Claim, Settled, WebhookStore } from './store.js'
import type { Clock } from '../core/clock.js'

/**
 * Makes one attempt and says what becomes of the delivery. Never throws and never rejects; undefined where no attempt
 * could be made, and the claim is left to run out.
 */
export type Deliver = (claim: Claim) => Promise<Settled | undefined>

/** What an engine works with. */
export interface EngineDeps {
  readonly store: WebhookStore
  readonly clock: Clock
  readonly deliver: Deliver
  /** Seconds that one attempt takes at most. */
  readonly deadline: number
  /** Takes what went wrong beside a call. */
  readonly log: (reason: string, message: string) => void
  /** Takes lines that are no faults, such as that something works again. */
  readonly inform: (message: string) => void
}

/** Sees to it that deliveries which are in the store are attempted when they are due: at least once each. */
export interface DeliveryEngine {
  /** Begins to work; called once. */
  start (parts: EngineDeps): Promise<void>
  /** Told after deliveries were written to the store, so that nobody waits for the next look. Never rejects. */
  wake (deliveries: readonly Delivery[]): Promise<void>
  /** Takes no more, waits for what is being attempted (the deadline at most), and releases what it opened. */
  close (): Promise<void>
}
