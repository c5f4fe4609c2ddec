import type { AccessEvent } from '../events/index.js'
import type { Clock } from '../core/clock.js'
import type { DeliveryEngine } from './engine.js'
import { newDelivery } from './new-delivery.js'
import { payloadOf } from './payload.js'
import type { WebhookStore } from './store.js'

export interface EnqueueDeps {
  readonly store: WebhookStore
  readonly clock: Clock
  readonly wake: DeliveryEngine['wake']
  readonly log: (reason: string, message: string) => void
}

/**
 * Writes a delivery of an event for every endpoint that is subscribed to it. Rejects where the store fails; calling it
 * again with the same event adds nothing.
 */
export function createEnqueue ({ store, clock, wake, log }: EnqueueDeps): (event: AccessEvent) => Promise<void> {
  return async function enqueue (event) {
    const { id: eventId, type, workspace } = event
    const eventEnvironment = environmentOf(event)
    const subscribed = await store.subscribed(workspace, type)
    const endpoints = subscribed.filter(({ environment = eventEnvironment }) => environment === eventEnvironment)
    if (endpoints.length === 0) return
    const payload = payloadOf(event)
    if (payload === undefined) return log('20 kB or more', `the event ${eventId} is too long for webhooks`)
    const deliveries = endpoints.map((endpoint) => {
      return newDelivery(`${eventId}.${endpoint.id}`, endpoint, { eventId, type, payload }, clock())
    })
    const added = new Set(await store.enqueue(deliveries))
    await wake(deliveries.filter(({ id }) => added.has(id)))
  }
}

function environmentOf ({ data }: AccessEvent): string {
  return 'key' in data ? data.key.environment : data.environment
}
