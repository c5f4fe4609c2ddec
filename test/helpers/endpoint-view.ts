import type { DeliveryView, EndpointView, WebhookCallerView } from 'fastify-latchkey/management'
import { at, callerView } from './key-view.js'

export function endpointView (more: Partial<EndpointView> = {}): EndpointView {
  return {
    id: 'whe_1',
    workspace: 'w1',
    environment: 'production',
    url: 'https://example.com/hooks',
    events: ['key.issued'],
    enabled: true,
    secrets: [{ createdAt: at(-60) }],
    createdAt: at(-60),
    version: 4,
    ...more
  }
}

export function deliveryView (more: Partial<DeliveryView> = {}): DeliveryView {
  return { id: 'whd_1', eventId: 'evt_1', type: 'key.issued', state: 'pending', payload: '{"type":"key.issued"}', createdAt: at(-60), attempts: [], ...more }
}

export const attempt = (outcome: string, status?: number): DeliveryView['attempts'][number] => ({ at: at(-30), took: 12, outcome, ...status !== undefined && { status } })

export function webhookCallerView (): WebhookCallerView {
  const { scopes, presets, ...actor } = callerView()
  return {
    ...actor,
    events: [
      { type: 'key.issued', description: 'a key was issued' }, { type: 'limit.exceeded', description: 'a caller has used up a policy' }, { type: 'key.revoked', description: 'a key was revoked, for good' }
    ]
  }
}
