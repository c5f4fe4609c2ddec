import { randomBytes } from 'node:crypto'
import type { FastifyInstance, InjectOptions, LightMyRequestResponse } from 'fastify'
import type { Resolver } from '../auth/index.js'
import type { Principal } from '../principal.js'
import type { ScopeName } from '../register.js'
import type { Clock } from '../time.js'

/** A clock that stands still until it is told. */
export interface FakeClock {
  /** What the `clock` option takes. */
  readonly now: Clock
  /** Moves on by seconds; back, where negative. */
  advance (seconds: number): void
}

/** @param start milliseconds since the epoch */
export function fakeClock (start: number = Date.UTC(2026, 0, 1)): FakeClock {
  let time = start
  return {
    now: () => time,
    advance (seconds) { time += seconds * 1000 }
  }
}

/** Who a test speaks as; everything but the scopes has a default. */
export interface TestPrincipal extends Partial<Omit<Principal, 'scopes'>> {
  scopes: readonly ScopeName[]
}

export interface TestPrincipals {
  /** For the `resolvers` option of the app under test. Knows only principals of this object's `inject`. */
  readonly resolver: Resolver
  /** `app.inject` as this principal: the request carries a credential that means exactly it. */
  inject (app: FastifyInstance, principal: TestPrincipal, request: InjectOptions): Promise<LightMyRequestResponse>
}

/**
 * Speaks to an app as any principal, through the whole guard.
 *
 * ```ts
 * const as = testPrincipals()
 * await app.register(latchkey, { ...options, resolvers: [as.resolver], transport: allowPlainHttp })
 * await as.inject(app, { scopes: ['devices:read'] }, { url: '/devices' })
 * ```
 */
export function testPrincipals (): TestPrincipals {
  const tokens = new Map<string, Principal>()
  const known = new Map<string, string>()

  function tokenOf (principal: Principal): string {
    const same = JSON.stringify(principal)
    const token = known.get(same) ?? `test-${randomBytes(24).toString('base64url')}`
    known.set(same, token)
    tokens.set(token, principal)
    return token
  }

  return {
    resolver: {
      scheme: 'apiKey',
      kind: 'api-key',
      description: { type: 'http', scheme: 'bearer' },
      resolve: (token) => tokens.get(token)
    },
    async inject (app, principal, request) {
      const token = tokenOf(Object.freeze({
        kind: 'api-key',
        id: 'test-principal',
        workspace: 'test-workspace',
        environment: 'production',
        ...principal,
        scopes: Object.freeze([...principal.scopes])
      }))
      return await app.inject({ ...request, headers: { ...request.headers, authorization: `Bearer ${token}` } })
    }
  }
}
