/**
 * `fastify-latchkey/testing`: what hosts test with: requests as any principal, a clock that moves on request, suites
 * for stores.
 */

import { randomBytes } from 'node:crypto'
import type { FastifyInstance, InjectOptions, LightMyRequestResponse } from 'fastify'
import { bearer, type CredentialPlace, type Resolver } from '../auth/index.js'
import { fieldOfPlace } from '../core/credential-place.js'
import type { Principal } from '../core/principal.js'
import type { ScopeName } from '../core/scope-registry.js'
import type { Clock } from '../core/clock.js'

/** A clock that stands still until `advance` is called. */
export interface FakeClock {
  /** What the `clock` option takes. */
  readonly now: Clock
  /** Moves forward by seconds, or back where they are negative; rounds to whole milliseconds. */
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

/** The principal of a request. Everything but the scopes has a default; the kind is an option of `testPrincipals`. */
export interface TestPrincipal extends Partial<Omit<Principal, 'scopes' | 'kind'>> {
  scopes: readonly ScopeName[]
}

export interface TestPrincipalsOptions extends Partial<Omit<Principal, 'scopes'>> {
  /** The security scheme that routes name; `apiKey` by default. */
  scheme?: string
  /** Where its credentials are sent; `bearer()` by default. */
  place?: CredentialPlace
}

export interface TestPrincipals {
  /** For the `resolvers` option of the app under test. It knows a principal as long as `inject` runs. */
  readonly resolver: Resolver
  /** `app.inject` with a credential of this principal. */
  inject (
    app: FastifyInstance, principal: TestPrincipal, request: InjectOptions | string
  ): Promise<LightMyRequestResponse>
}

/**
 * Sends requests to an app as any principal, through all of Latchkey.
 *
 * ```ts
 * const as = testPrincipals()
 * await app.register(latchkey, { ...options, resolvers: [as.resolver], transport: allowPlainHttp })
 * await as.inject(app, { scopes: ['devices:read'] }, '/devices')
 * ```
 *
 * @param options what its principals have in common; by default an API key `test-principal` of `test-workspace` in
 * `production`. For another kind name its scheme too: `testPrincipals({ kind: 'access-token', scheme: 'oauth' })`
 */
export function testPrincipals (options: TestPrincipalsOptions = {}): TestPrincipals {
  const { scheme = 'apiKey', kind = 'api-key', place = bearer(), ...common } = options
  const principals = new Map<string, Principal>()
  return {
    resolver: {
      scheme,
      kind,
      description: { type: 'http', scheme: 'bearer' },
      places: [place],
      resolve: (token) => principals.get(token)
    },
    async inject (app, principal, request) {
      const token = `test-${randomBytes(24).toString('base64url')}`
      principals.set(token, Object.freeze({
        id: 'test-principal',
        workspace: 'test-workspace',
        environment: 'production',
        ...common,
        ...principal,
        kind,
        scopes: Object.freeze([...principal.scopes])
      }))
      try {
        return await app.inject(present(typeof request === 'string' ? { url: request } : request, place, token))
      } finally {
        principals.delete(token)
      }
    }
  }
}

function present (request: InjectOptions, place: CredentialPlace, token: string): InjectOptions {
  const fields = ['authorization', fieldOfPlace(place)]
  const others = Object.entries(request.headers ?? {}).filter(([name]) => !fields.includes(name.toLowerCase()))
  return { ...request, headers: { ...Object.fromEntries(others), [fieldOfPlace(place)]: valueIn[place.type](token) } }
}

const valueIn: Readonly<Record<CredentialPlace['type'], (token: string) => string>> = {
  bearer: (token) => `Bearer ${token}`,
  basic: (token) => `Basic ${Buffer.from(`${token}:`).toString('base64')}`,
  header: (token) => token
}

export { keyStoreConformance } from './key-store.js'
export type { KeyStoreCase } from './key-store-drafts.js'
export { limitStoreConformance } from './limit-store.js'
export type { LimitStoreCase } from './limit-store-drafts.js'
export { usageStoreConformance } from './usage-store.js'
export type { UsageStoreCase } from './usage-store-drafts.js'
export { webhookStoreConformance } from './webhook-store.js'
export type { WebhookStoreCase } from './webhook-store-drafts.js'
