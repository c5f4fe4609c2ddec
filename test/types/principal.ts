import type { FastifyInstance, FastifyRequest } from 'fastify'
import { principalOf, type Principal, type Resolver } from 'fastify-latchkey'
import { testPrincipals } from 'fastify-latchkey/testing'
import { holds, type Equal } from './equal.js'

/** Compiled, never run. */
export function typed (request: FastifyRequest): void {
  holds<Equal<ReturnType<typeof principalOf>, Principal>>()
  holds<Equal<typeof request.principal, Principal | null>>()
  const principal = principalOf(request)
  holds<Equal<typeof principal.kind, 'api-key' | 'access-token'>>()
  holds<Equal<typeof principal.scopes, readonly string[]>>()
  holds<Equal<typeof principal.tier, string | undefined>>()

  // @ts-expect-error nobody is there on a public route
  request.principal.id.toString()
  // @ts-expect-error a principal is read-only
  principal.workspace = 'w2'
  // @ts-expect-error its scopes are too
  principal.scopes.push('devices:read')
  // @ts-expect-error what nobody declared
  principal.plan.toString()
}

/** Resolvers, as values of their own. */
export const resolvers: Resolver[] = [
  { scheme: 'partner', kind: 'access-token', description: { type: 'http' }, resolve: () => undefined },
  { scheme: 'partner', kind: 'access-token', description: {}, resolve: async () => ({ kind: 'access-token', id: 'p', workspace: 'w1', environment: 'production', scopes: [] }) },
  // @ts-expect-error unknown kind
  { scheme: 'partner', kind: 'cookie', description: {}, resolve: () => undefined },
  // @ts-expect-error a principal lacks its workspace
  { scheme: 'partner', kind: 'api-key', description: {}, resolve: () => ({ kind: 'api-key', id: 'p', environment: 'production', scopes: [] }) },
]

/** Who a test may speak as. */
export async function tests (app: FastifyInstance): Promise<void> {
  const as = testPrincipals({ kind: 'access-token', scheme: 'oauth', environment: 'sandbox' })
  await as.inject(app, { scopes: ['devices:read'] }, '/')
  await as.inject(app, { scopes: [], tier: 'pro', expiresAt: new Date() }, { method: 'POST', url: '/', payload: {} })
  // @ts-expect-error scopes are always stated
  await as.inject(app, { id: 'ada' }, '/')
  // @ts-expect-error the kind belongs to testPrincipals
  await as.inject(app, { kind: 'api-key', scopes: [] }, '/')
  // @ts-expect-error unknown field
  await as.inject(app, { scopes: [], role: 'admin' }, '/')
}
