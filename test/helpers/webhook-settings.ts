import { webhookRoutes } from 'fastify-latchkey/management'
import { allowPrivateAddresses, createEmbeddedEngine, createMemoryWebhookStore, webhooks, type WebhooksOptions } from 'fastify-latchkey/webhooks'
import type { Ending } from './ending.js'
import { startReceiver } from './receiver.js'
import { startSettings, type Settings } from './settings.js'

/** A host whose settings have a tab of webhooks, and a receiver on this machine. Two retries, after a minute and an hour. */
export async function startWebhookSettings (t: Ending, options: WebhooksOptions = {}, page: object = {}) {
  const receiver = await startReceiver(t)
  const memory = createMemoryWebhookStore()
  const orDown = <T>(work: () => Promise<T>): Promise<T> => settings.host.isDown ? Promise.reject(new Error('the store is down')) : work()
  const store = {
    ...memory,
    getEndpoint: (workspace: string, id: string) => orDown(() => memory.getEndpoint(workspace, id)),
    listEndpoints: (workspace: string) => orDown(() => memory.listEndpoints(workspace))
  }
  const settings: Settings = await startSettings(t, {
    page: { webhooks: '/settings/webhooks', ...page },
    more (app) {
      app.register(webhooks, {
        store,
        destinations: allowPrivateAddresses,
        ca: receiver.cert,
        schedule: [60, 3600],
        engine: createEmbeddedEngine({ poll: 0.05 }),
        ...options
      })
      app.register(webhookRoutes, {
        prefix: '/settings/webhooks',
        session: () => settings.host.person,
        environmentsOf: () => ['production', 'sandbox'],
        workspacesOf: () => [{ id: 'northwind', name: 'Northwind Traders' }, { id: 'contoso', name: 'Contoso' }]
      })
    }
  })
  const { webhooks: hooks } = settings.app.latchkey
  return {
    ...settings,
    receiver,
    hooks,
    webhookStore: memory,
    /** An endpoint of the workspace that people see. */
    add: async (path = '/ok', more: object = {}) => (await hooks.create('northwind', { url: receiver.url(path), environment: 'production', ...more })).endpoint
  }
}

export type WebhookSettings = Awaited<ReturnType<typeof startWebhookSettings>>
