import Fastify, { type FastifyInstance, type LightMyRequestResponse } from 'fastify'
import latchkey, { allowPlainHttp, defineScopes, type LatchkeyOptions, type Principal } from 'fastify-latchkey'
import { fakeClock, testPrincipals, type FakeClock, type TestPrincipals } from 'fastify-latchkey/testing'
import type { Test } from 'tap'

export const scopes = defineScopes({
  resources: {
    devices: ['read', 'write', 'delete', 'provision', 'manage'],
    deployments: ['read', 'stage', 'manage'],
  },
  implies: { 'deployments:stage': ['deployments:read'] },
})

export interface Guarded {
  readonly app: FastifyInstance
  readonly as: TestPrincipals
  readonly clock: FakeClock
}

/** An app with Latchkey, on a clock that stands still; closed when the test ends. */
export async function guarded (t: Test, options: Partial<LatchkeyOptions> = {}, routes: (app: FastifyInstance) => void = oneRoute): Promise<Guarded> {
  const app = Fastify()
  t.teardown(() => app.close())
  const as = testPrincipals()
  const clock = fakeClock()
  await app.register(latchkey, {
    scopes,
    environment: ['production', 'sandbox'],
    keys: false,
    resolvers: [as.resolver],
    transport: allowPlainHttp,
    clock: clock.now,
    failures: false,
    ...options,
  })
  routes(app)
  return { app, as, clock }
}

function oneRoute (app: FastifyInstance): void {
  app.get('/', { schema: scopes.secure() }, async () => 'in')
}

/** The error of a failed boot, as text; the test fails where it boots. */
export async function bootError (t: Test, options: Partial<LatchkeyOptions>, routes?: (app: FastifyInstance) => void): Promise<string> {
  try {
    const { app } = await guarded(t, options, routes)
    await app.ready()
  } catch (fault) {
    return fault instanceof Error ? `${fault.name}: ${fault.message}` : String(fault)
  }
  return t.fail('it starts') ? '' : ''
}

/** Values that the types refuse, as JavaScript may pass them. */
export function untyped<T> (value: unknown): T {
  const holder: { value: T } = JSON.parse('{}')
  Object.assign(holder, { value })
  return holder.value
}

export function principal (id: string, more: Partial<Principal> = {}): Principal {
  return Object.freeze({ kind: 'api-key', id, workspace: 'w1', environment: 'production', scopes: [], ...more })
}

interface Expected {
  readonly status: number
  readonly code: string
  /** Seconds; absent means that no Retry-After may be sent. */
  readonly retryAfter?: number
  /** Absent means that no challenge may be sent. */
  readonly challenge?: string
}

/** Status, code, headers and body of a refusal in the default format; returns the body for more. */
export function refused (t: Test, response: LightMyRequestResponse, { status, code, retryAfter, challenge }: Expected): Record<string, unknown> {
  const body = response.json<Record<string, unknown>>()
  t.equal(response.statusCode, status, `${code} is ${status}`)
  t.equal(body.code, code)
  t.equal(body.status, status)
  t.equal(body.type, 'about:blank')
  t.match(response.headers, {
    'content-type': 'application/problem+json; charset=utf-8',
    'cache-control': 'no-store',
  })
  t.equal(response.headers['retry-after'], retryAfter === undefined ? undefined : String(retryAfter), 'Retry-After')
  t.equal(response.headers['www-authenticate'], challenge, 'WWW-Authenticate')
  return body
}
