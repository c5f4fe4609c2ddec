import type { Test } from 'tap'
import type { WebhookStore } from 'fastify-latchkey/webhooks'
import { delivery, inserted } from '../../lib/testing/webhook-store-drafts.js'

export async function forgets (t: Test, store: WebhookStore): Promise<void> {
  const made = await inserted(store)
  const { nextAt: _none, ...done } = delivery(made, { state: 'delivered' })
  await store.enqueue([...Array.from({ length: 2100 }, () => delivery(made)), done])
  t.match(await store.getDelivery(made.workspace, made.id, done.id), { state: 'delivered', nextAt: undefined })
  t.equal(await store.removeEndpoint(made.workspace, made.id), true)
  t.strictSame((await store.listDeliveries(made.workspace, made.id, { limit: 5 })).deliveries, [])
  t.equal(await store.getDelivery(made.workspace, made.id, done.id), undefined)
}
