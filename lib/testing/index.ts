import { randomBytes } from 'node:crypto'
import type { FastifyInstance, InjectOptions, LightMyRequestResponse } from 'fastify'
import type { Resolver } from '../auth/index.js'
import type { Principal } from '../core/principal.js'
import type { ScopeName } from '../core/scope-registry.js'
import type { Clock } from '../core/clock.js'

/** A clock that stands still until it is told. */
export interface FakeClock {
  /** What the `clock` option takes. */
  readonly now: Clock
  /** Moves on by seconds, to whole milliseconds; back, where negative. */
  advance (seconds: number): void
}

/** @param start milliseconds since the epoch */
export function fakeClock (start: number = Date.UTC(2026, 0, 1)): FakeClock {
  let time = start
  return {
    now: () => time,
    advance (seconds) { time = Math.round(time + seconds * 1000) }
  }
}

/** Who a test speaks as; everything but the scopes has a default. The kind is that of all principals of a `testPrincipals`. */
export interface TestPrincipal extends Partial<Omit<Principal, 'scopes' | 'kind'>> {
  scopes: readonly ScopeName[]
}

export interface TestPrincipalsOptions extends Partial<Omit<Principal, 'scopes'>> {
  /** The security scheme that routes state; `apiKey` by default. */
  scheme?: string
}

export interface TestPrincipals {
  /** For the `resolvers` option of the app under test. Knows a principal while `inject` speaks as it. */
  readonly resolver: Resolver
  /** `app.inject` as this principal: the request carries a credential that means exactly it. */
  inject (app: FastifyInstance, principal: TestPrincipal, request: InjectOptions | string): Promise<LightMyRequestResponse>
}

/**
 * Speaks to an app as any principal, through the whole guard.
 *
 * ```ts
 * const as = testPrincipals()
 * await app.register(latchkey, { ...options, resolvers: [as.resolver], transport: allowPlainHttp })
 * await as.inject(app, { scopes: ['devices:read'] }, '/devices')
 * ```
 *
 * @param options what its principals have in common; by default an API key `test-principal` of `test-workspace` in
 * `production`. Another kind wants the scheme that stands for it: `testPrincipals({ kind: 'access-token', scheme: 'oauth' })`
 */
export function testPrincipals ({ scheme = 'apiKey', kind = 'api-key', ...common }: TestPrincipalsOptions = {}): TestPrincipals {
  const spoken = new Map<string, Principal>()
  return {
    resolver: {
      scheme,
      kind,
      description: { type: 'http', scheme: 'bearer' },
      resolve: (token) => spoken.get(token)
    },
    async inject (app, principal, request) {
      const token = `test-${randomBytes(24).toString('base64url')}`
      spoken.set(token, Object.freeze({
        id: 'test-principal',
        workspace: 'test-workspace',
        environment: 'production',
        ...common,
        ...principal,
        kind,
        scopes: Object.freeze([...principal.scopes])
      }))
      try {
        return await app.inject(withToken(typeof request === 'string' ? { url: request } : request, token))
      } finally {
        spoken.delete(token)
      }
    }
  }
}

function withToken (request: InjectOptions, token: string): InjectOptions {
  const others = Object.entries(request.headers ?? {}).filter(([name]) => name.toLowerCase() !== 'authorization')
  return { ...request, headers: { ...Object.fromEntries(others), authorization: `Bearer ${token}` } }
}

export { keyStoreConformance } from './key-store.js'
export type { KeyStoreCase } from './key-store-drafts.js'
export { limitStoreConformance } from './limit-store.js'
export type { LimitStoreCase } from './limit-store-drafts.js'
export { webhookStoreConformance } from './webhook-store.js'
export type { WebhookStoreCase } from './webhook-store-drafts.js'
