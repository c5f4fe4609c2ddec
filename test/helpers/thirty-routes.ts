import cors from '@fastify/cors'
import helmet from '@fastify/helmet'
import multipart from '@fastify/multipart'
import rateLimit from '@fastify/rate-limit'
import swagger from '@fastify/swagger'
import websocket from '@fastify/websocket'
import Fastify, { type FastifyInstance } from 'fastify'
import latchkey, { allowPlainHttp, bearer, defineScopes, header, notFound, principalOf, serverOptions } from 'fastify-latchkey'
import { swaggerOptions } from 'fastify-latchkey/openapi'

const resources = ['devices', 'sites', 'users', 'reports', 'invoices'] as const
const scopes = defineScopes({
  resources: {
    devices: ['read', 'write'],
    sites: ['read', 'write'],
    users: ['read', 'write'],
    reports: ['read', 'write'],
    invoices: ['read', 'write'],
    files: ['write']
  }
})

export interface ThirtyRoutes {
  readonly app: FastifyInstance
  /** Bytes of the uploads that were read. */
  readonly uploads: number[]
}

/** The part of a websocket that is used. */
interface Messages {
  on (event: 'message', listener: (message: Buffer) => void): unknown
  send (text: string): void
}

/**
 * A server as teams have it before they add Latchkey: 30 routes, plugins of CORS, helmet, swagger, rate limit, websocket
 * and multipart. What Latchkey adds is its registration, the declaration of each route, and two options of others.
 */
export async function thirtyRoutes (origin: string): Promise<ThirtyRoutes> {
  const uploads: number[] = []
  const app = Fastify(serverOptions({}, { credentials: [header('x-api-key')] }))
  await app.register(cors, { origin, exposedHeaders: ['RateLimit', 'RateLimit-Policy', 'Retry-After', 'WWW-Authenticate'] })
  await app.register(helmet)
  await app.register(swagger, swaggerOptions(app, { openapi: { openapi: '3.1.0', info: { title: 'Fleet', version: '1.0.0' } } }))
  await app.register(rateLimit, { global: false })
  await app.register(websocket)
  await app.register(multipart)
  await app.register(latchkey, {
    scopes,
    environment: 'production',
    keys: { prefix: 'fleet', formats: { old: { prefix: 'flt_', hash: 'sha256' } } },
    credentials: [bearer(), header('x-api-key')],
    limits: { environments: { production: [{ name: 'minute', quota: 20, window: 60 }] } },
    transport: allowPlainHttp
  })
  app.setNotFoundHandler(notFound)

  for (const name of resources) {
    const [read, write] = [{ schema: scopes.secure(`${name}:read`) }, { schema: scopes.secure(`${name}:write`) }]
    app.get(`/${name}`, read, async (request) => ({ workspace: principalOf(request).workspace }))
    app.post(`/${name}`, write, async (_request, reply) => reply.code(201).send({}))
    app.get(`/${name}/:id`, read, async () => ({}))
    app.patch(`/${name}/:id`, write, async () => ({}))
    app.delete(`/${name}/:id`, write, async (_request, reply) => reply.code(204).send())
  }
  app.get('/me', { schema: scopes.secure() }, async (request) => ({ id: principalOf(request).id }))
  app.get('/status', { schema: scopes.public(), config: { rateLimit: { max: 2, timeWindow: '1 minute' } } }, async () => 'up')
  app.get('/openapi.json', { schema: { ...scopes.public(), hide: true } }, async () => app.swagger())
  app.get('/stream', { schema: scopes.secure('devices:read'), websocket: true }, (socket: Messages) => {
    socket.on('message', (text) => socket.send(String(text)))
  })
  app.post('/uploads', { schema: scopes.secure('files:write') }, async (request, reply) => {
    const file = await request.file()
    uploads.push((await file?.toBuffer())?.length ?? 0)
    return reply.code(201).send({})
  })
  return { app, uploads }
}
