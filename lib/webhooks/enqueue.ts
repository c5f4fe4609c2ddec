import type { AccessEvent } from '../events/index.js'
import type { Delivery } from './endpoint.js'
import { payloadOf } from './payload.js'
import type { WebhookStore } from './store.js'
import { deliveryOf, environmentOf } from './webhooks.js'
import type { Clock } from '../core/clock.js'

export interface EnqueueDeps {
  readonly store: WebhookStore
  readonly clock: Clock
  readonly wake: (deliveries: readonly Delivery[]) => Promise<void>
  readonly log: (reason: string, message: string) => void
}

/** Keeps an event for whoever wants to hear of it. Rejects where the store fails; told again, it changes nothing. */
export function createEnqueue ({ store, clock, wake, log }: EnqueueDeps): (event: AccessEvent) => Promise<void> {
  return async function tell (event) {
    const { id: eventId, type, workspace } = event
    const endpoints = (await store.subscribed(workspace, type)).filter(({ environment = environmentOf(event) }) => environment === environmentOf(event))
    if (endpoints.length === 0) return
    const payload = payloadOf(event)
    if (payload === undefined) return log('20 kB or more', `the event ${eventId} is too long for webhooks`)
    const deliveries = endpoints.map((endpoint) => deliveryOf(endpoint, { eventId, type, payload }, clock()))
    const added = new Set(await store.enqueue(deliveries))
    await wake(deliveries.filter(({ id }) => added.has(id)))
  }
}
