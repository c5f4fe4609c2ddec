import t, { type Test } from 'tap'
import { webhookStoreConformance } from 'fastify-latchkey/testing'
import { createMemoryWebhookStore, type WebhookStore } from 'fastify-latchkey/webhooks'

async function conforms (t: Test, store: WebhookStore): Promise<void> {
  t.teardown(() => store.close?.())
  for (const { name, run } of webhookStoreConformance()) {
    await t.test(name, async (t) => {
      await run(store)
      t.pass(name)
    })
  }
}

t.test('memory', (t) => conforms(t, createMemoryWebhookStore()))
