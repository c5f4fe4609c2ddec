import { randomUUID } from 'node:crypto'
import Fastify from 'fastify'
import { allowPlainHttp, defineScopes, latchkey } from 'fastify-latchkey'
import type { AccessEvent } from 'fastify-latchkey/events'
import { allowPrivateAddresses, createMemoryWebhookStore, webhooks, type WebhooksOptions } from 'fastify-latchkey/webhooks'
import { webhookRoutes, type WebhookRoutesOptions } from 'fastify-latchkey/management'
import type { Test } from 'tap'
import { keptLog } from './contracts.js'
import { startReceiver } from './receiver.js'

export const scopes = defineScopes({ resources: { devices: ['read'], webhooks: ['read', 'write', 'manage'] } })

/** An API whose callers manage endpoints below `/webhooks`, and a receiver. */
export async function webhookApi (t: Test, { webhooks: options = {}, routes = {}, clock = Date.now }: { webhooks?: WebhooksOptions, routes?: WebhookRoutesOptions, clock?: () => number } = {}) {
  const receiver = await startReceiver(t)
  const store = options.store ?? createMemoryWebhookStore()
  const log = keptLog()
  const app = Fastify({ logger: log.logger })
  t.teardown(() => app.close())
  await app.register(latchkey, { scopes, environment: ['production', 'sandbox'], keys: { prefix: 'acme' }, limits: false, transport: allowPlainHttp, clock, failures: false })
  await app.register(webhooks, { destinations: allowPrivateAddresses, resolve: async () => ['127.0.0.1'], ca: receiver.cert, schedule: [0.01, 0.01], ...options, store })
  await app.register(webhookRoutes, { prefix: '/webhooks', ...routes })
  await app.ready()

  const issue = async (workspace: string, environment: string, ...scopes: Array<'webhooks:read' | 'webhooks:write' | 'webhooks:manage'>) => (await app.latchkey.keys.issue({ workspace, environment, scopes })).secret
  const callers = {
    admin: await issue('w1', 'production', 'webhooks:manage'),
    writer: await issue('w1', 'production', 'webhooks:write', 'webhooks:read'),
    reader: await issue('w1', 'production', 'webhooks:read'),
    other: await issue('w2', 'production', 'webhooks:manage'),
    sandbox: await issue('w1', 'sandbox', 'webhooks:manage')
  }
  /** @param request `POST /webhooks/…` */
  function send (who: keyof typeof callers | null, request: string, payload?: object) {
    const [method = '', url = ''] = request.split(' ')
    return app.inject(Object.assign({ url, headers: { ...who !== null && { authorization: `Bearer ${callers[who]}` } }, ...payload !== undefined && { payload } }, { method }))
  }
  return { app, receiver, store, log, send, callers }
}

/** A notice of a key. */
export function notice (more: Partial<AccessEvent<'key.expiring'>> = {}, environment = 'production'): AccessEvent<'key.expiring'> {
  return {
    id: `evt_${randomUUID().replaceAll('-', '')}`,
    type: 'key.expiring',
    at: new Date(),
    workspace: 'w1',
    data: { key: { id: 'key_1', environment, name: 'nightly', hint: 'aBcD' }, expiresAt: new Date(Date.now() + 86_400_000).toISOString(), threshold: 86_400 },
    ...more
  }
}
