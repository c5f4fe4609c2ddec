import Fastify, { type FastifyInstance } from 'fastify'
import { allowPlainHttp, latchkey, type LatchkeyOptions, type Principal } from 'fastify-latchkey'
import type { AccessEvent } from 'fastify-latchkey/events'
import { keyRoutes, type KeyRoutesOptions } from 'fastify-latchkey/management'
import { fakeClock } from 'fastify-latchkey/testing'
import type { Test } from 'tap'
import { settled } from './events.js'
import { scopes } from './keyring.js'

interface Settings {
  readonly latchkey?: Partial<LatchkeyOptions>
  readonly routes?: KeyRoutesOptions
  readonly more?: (app: FastifyInstance) => void | Promise<void>
}

/** An API whose callers manage their keys below `/api-keys`, with a key for each kind of caller. */
export async function keyApi (t: Test, { latchkey: options = {}, routes = {}, more }: Settings = {}) {
  const clock = fakeClock()
  const events: AccessEvent[] = []
  const app = Fastify()
  t.teardown(() => app.close())
  await app.register(latchkey, {
    scopes,
    environment: ['production', 'sandbox'],
    keys: { prefix: 'acme' },
    limits: false,
    transport: allowPlainHttp,
    clock: clock.now,
    failures: false,
    ...options
  })
  app.latchkey.events.on('*', (event) => { events.push(event) })
  await more?.(app)
  await app.register(keyRoutes, { prefix: '/api-keys', ...routes })
  app.get('/devices', { schema: scopes.secure('devices:read') }, ({ principal }) => principal)

  const issue = (...scopes: string[]) => app.latchkey.keys.issue({ workspace: 'w1', scopes, owner: 'ada', tier: 'pro' })
  const admin = await issue('devices:manage', 'api_keys:manage')
  const writer = await issue('devices:read', 'api_keys:read', 'api_keys:write')
  const reader = await issue('devices:read', 'api_keys:read')
  const plain = await issue('devices:read')
  const other = await app.latchkey.keys.issue({ workspace: 'w2', scopes: ['devices:manage', 'api_keys:manage'] })
  const sandbox = await app.latchkey.keys.issue({ workspace: 'w1', scopes: ['devices:manage', 'api_keys:manage'], environment: 'sandbox' })
  const callers = { admin, writer, reader, plain, other, sandbox }
  await settled()
  events.length = 0

  /** @param request `POST /api-keys/…` @param payload text is sent as it is, as JSON */
  function send (who: keyof typeof callers | { secret: string } | null, request: string, payload?: object | string) {
    const [method = '', url = ''] = request.split(' ')
    const secret = typeof who === 'string' ? callers[who].secret : who?.secret
    const headers = { ...secret !== undefined && { authorization: `Bearer ${secret}` }, ...typeof payload === 'string' && { 'content-type': 'application/json' } }
    return app.inject(Object.assign({ url, headers, ...payload !== undefined && { payload } }, { method }))
  }

  return { app, clock, events, callers, send }
}

/** A person, as a session of a host may know one. */
export function person (more: Partial<Principal> = {}): Principal {
  return { kind: 'access-token', id: 'user_ada', workspace: 'w1', environment: 'production', owner: 'ada', scopes: ['devices:manage', 'api_keys:manage'], ...more }
}
