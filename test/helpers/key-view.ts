import type { CallerView, KeyView } from 'fastify-latchkey/management'
import { english } from '../../lib/console/element/strings.js'

export const NOW = Date.UTC(2026, 11, 1, 9, 30)
export const DAY = 86_400

/** An instant that is `seconds` from now, as responses show it. */
export const at = (seconds: number): string => new Date(NOW + seconds * 1000).toISOString()

export const reading = { now: NOW, locale: 'en', strings: english }

export function keyView (more: Partial<KeyView> = {}): KeyView {
  return {
    id: 'key_1',
    workspace: 'w1',
    environment: 'production',
    status: 'active',
    scopes: ['devices:read'],
    name: 'CRM sync',
    secrets: [{ generation: 1, hint: 'abcd', createdAt: at(-DAY) }],
    createdAt: at(-DAY),
    version: 1,
    ...more
  }
}

export function callerView (more: Partial<CallerView> = {}): CallerView {
  const scope = (name: string, ...includes: string[]) => ({ scope: name, permissions: ['list'], includes })
  return {
    id: 'user_ada',
    workspace: 'w1',
    environment: 'production',
    may: { write: true, manage: true },
    scopes: [{ resource: 'devices', title: 'Devices', scopes: [scope('devices:read'), scope('devices:write'), scope('devices:manage', 'devices:read', 'devices:write')] }],
    presets: [],
    workspaces: [{ id: 'w1', current: true }],
    environments: ['production'],
    ...more
  }
}
