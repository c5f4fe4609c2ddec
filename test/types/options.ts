import type { FastifyInstance } from 'fastify'
import latchkey, { allowPlainHttp, defineScopes, type ApiKey, type Decision, type IssueInput, type LatchkeyOptions, type LimitStore, type Policy } from 'fastify-latchkey'
import type { AccessEvent } from 'fastify-latchkey/events'
import type { Changed } from 'fastify-latchkey/keys'
import { keyRoutes } from 'fastify-latchkey/management'
import { typeOf } from './equal.js'

const scopes = defineScopes({ resources: { devices: ['read'] } })
const options = { scopes, environment: 'production', keys: { prefix: 'acme' } }

/** Compiled, never run. */
export async function typed (app: FastifyInstance): Promise<void> {
  await app.register(latchkey, options)
  await app.register(latchkey, { ...options, environment: ({ hostname }) => hostname, limits: false, keys: false, transport: allowPlainHttp, rateLimitFields: ['draft', 'trio'], errors: 'detail' })
  await app.register(latchkey, { ...options, limits: { onDecision: async ({ outcome }) => { typeOf(outcome).is<'admitted' | 'limited' | 'too-costly' | 'unavailable'>(true) } } })
  // @ts-expect-error the catalogue is missing
  await app.register(latchkey, { environment: 'production', keys: { prefix: 'acme' } })
  // @ts-expect-error the environment is missing
  await app.register(latchkey, { scopes, keys: { prefix: 'acme' } })
  // @ts-expect-error the prefix is missing
  await app.register(latchkey, { ...options, keys: {} })
  // @ts-expect-error another symbol than allowPlainHttp
  await app.register(latchkey, { ...options, transport: Symbol('plain') })
  // @ts-expect-error unknown option
  await app.register(latchkey, { ...options, scope: scopes })
  // @ts-expect-error unknown format
  await app.register(latchkey, { ...options, rateLimitFields: 'drafts' })

  const { key, secret } = await app.latchkey.keys.issue({ workspace: 'w1', scopes: ['devices:read'] })
  typeOf(key).is<ApiKey>(true)
  typeOf(secret).is<string>(true)
  // @ts-expect-error a record is read-only
  key.workspace = 'w2'
  // @ts-expect-error neither text nor hash is part of it
  key.hash.toString()
  typeOf(await app.latchkey.keys.rotate('w1', key.id, { grace: 60, graceFrom: 'first-use' })).is<Changed & { secret: string }>(true)
  // @ts-expect-error a grace counts from now or from the first use
  await app.latchkey.keys.rotate('w1', key.id, { graceFrom: 'later' })
  await app.latchkey.keys.update('w1', key.id, { name: null, expiresAt: null, version: 1 })
  // @ts-expect-error scopes are emptied, not removed
  await app.latchkey.keys.update('w1', key.id, { scopes: null })
  // @ts-expect-error a key stays in its workspace
  await app.latchkey.keys.update('w1', key.id, { workspace: 'w2' })
  await app.register(keyRoutes, { prefix: '/api-keys', scopes: { read: 'devices:read', write: 'devices:read', manage: 'devices:read' } })
  // @ts-expect-error who manages keys needs a scope for that
  await app.register(keyRoutes, { scopes: { read: 'devices:read' } })
}

export function changedFields (event: AccessEvent): readonly string[] {
  // @ts-expect-error only an update says what was changed
  event.data.changed.join()
  return event.type === 'key.updated' ? event.data.changed : [event.id]
}

export const inputs: IssueInput[] = [
  { workspace: 'w1', scopes: [], expiresAt: undefined, environment: undefined },
  // @ts-expect-error the store gives ids
  { workspace: 'w1', scopes: [], id: 'key_1' },
  // @ts-expect-error an expiry is a Date
  { workspace: 'w1', scopes: [], expiresAt: '2030-01-01' },
  // @ts-expect-error the workspace is missing
  { scopes: [] },
]

export const policies: Policy[] = [
  { name: 'p', quota: 1, window: 1 },
  { name: 'p', quota: 1, window: 1, burst: 2, partition: 'workspace' },
  // @ts-expect-error a quota is a number
  { name: 'p', quota: '1', window: 1 },
  // @ts-expect-error the window is missing
  { name: 'p', quota: 1 },
  // @ts-expect-error unknown partition
  { name: 'p', quota: 1, window: 1, partition: 'ip' },
]

export const stores: LimitStore[] = [
  { take: ({ policies }) => ({ admitted: true, policies: policies.map((policy) => ({ policy, admitted: true, remaining: 1, reset: 1 })) }) },
  // @ts-expect-error a store decides
  { take: () => undefined },
]

export type Names = [Decision, LatchkeyOptions]
