import type { Server } from 'node:http'
import Fastify, { type FastifyHttpOptions, type FastifyInstance, type FastifyRequest } from 'fastify'
import type { Test } from 'tap'
import latchkey, { allowPlainHttp, defineScopes, type LatchkeyOptions } from 'fastify-latchkey'
import { notFound, serverOptions } from 'fastify-latchkey/server'
import { fakeClock } from 'fastify-latchkey/testing'

export const scopes = defineScopes({ resources: { devices: ['read', 'write', 'manage'], reports: ['read'] } })

const answer = async ({ principal }: FastifyRequest) => ({ id: principal?.id ?? null })

/** A small API behind the whole of Latchkey, with a key for each kind of caller. */
export async function platform (t: Test, { routes = devices, fastify = {}, ...options }: Partial<LatchkeyOptions> & { routes?: (app: FastifyInstance) => void, fastify?: FastifyHttpOptions<Server> } = {}) {
  const clock = fakeClock()
  const app = Fastify(serverOptions(fastify))
  t.teardown(() => app.close())
  await app.register(latchkey, { scopes, environment: 'production', keys: { prefix: 'acme' }, transport: allowPlainHttp, clock: clock.now, ...options })
  app.setNotFoundHandler(notFound)
  routes(app)
  const issue = async (...scopes: ReadonlyArray<'devices:read' | 'devices:write' | 'devices:manage' | 'reports:read'>) => (await app.latchkey.keys.issue({ workspace: 'w1', scopes })).secret
  const expiring = await app.latchkey.keys.issue({ workspace: 'w1', scopes: ['devices:read'], expiresAt: new Date(clock.now() + 1000) })
  const sandbox = await app.latchkey.keys.issue({ workspace: 'w1', scopes: ['devices:manage'], environment: 'sandbox' })
  const texts = { reader: await issue('devices:read'), manager: await issue('devices:manage'), other: await issue('reports:read'), sandbox: sandbox.secret, expired: expiring.secret }
  clock.advance(2)
  return { app, clock, texts, bearer: (name: keyof typeof texts) => ({ authorization: `Bearer ${texts[name]}` }) }
}

function devices (app: FastifyInstance): void {
  app.get('/devices', { schema: scopes.secure('devices:read') }, answer)
  app.post('/devices', { schema: { ...scopes.secure('devices:write'), body: { type: 'object', required: ['name'] } } }, answer)
  app.get('/devices/:id', { schema: scopes.anyOf('devices:read', ['devices:write', 'reports:read']) }, answer)
  app.delete('/devices/:id', { schema: scopes.secure('devices:manage') }, answer)
  app.get('/heavy', { schema: scopes.secure('devices:read', { cost: 1000 }) }, answer)
  app.get('/health', { schema: scopes.public() }, answer)
}
