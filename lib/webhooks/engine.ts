import type { Claim, Settled } from './store.js'
import type { Delivery } from './endpoint.js'

/** Makes one attempt and says what becomes of the delivery. Never throws and never rejects. */
export type Deliver = (claim: Claim) => Promise<Settled>

/** Sees to it that deliveries which are in the store are attempted when they are due: at least once each. */
export interface DeliveryEngine {
  /** Begins to work; called once. */
  start (deliver: Deliver): Promise<void>
  /** Told after deliveries were written to the store, so that nobody waits for the next look. Never rejects. */
  wake (deliveries: readonly Delivery[]): Promise<void>
  /** Takes no more, waits for what is being attempted (15 s at most), and releases what it opened. */
  close (): Promise<void>
}
