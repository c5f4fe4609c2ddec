import bearerAuth from '@fastify/bearer-auth'
import rateLimit from '@fastify/rate-limit'
import Fastify from 'fastify'
import { Redis } from 'ioredis'
import { digest, KEYS, randomKeys, WINDOW, type Build } from './contender.js'
import { addRoutes } from './routes.js'

interface Caller {
  readonly id: string
  readonly scopes: ReadonlySet<string>
}

declare module 'fastify' {
  interface FastifyRequest { gluedCaller: Caller | null }
}

/** What people put together today: @fastify/bearer-auth, a scope check of their own and @fastify/rate-limit. */
export const build: Build = async function glued ({ quota, redisPort }) {
  const keys = randomKeys(KEYS)
  const [weak = ''] = randomKeys(1)
  const callerOf = (key: string, scopes: string[]): [string, Caller] => {
    const id = digest(key)
    return [id, { id, scopes: new Set(scopes) }]
  }
  const callers = new Map([...keys.map((key) => callerOf(key, ['devices:read'])), callerOf(weak, [])])

  // The options that its README advises.
  const client = { host: '127.0.0.1', connectTimeout: 500, maxRetriesPerRequest: 1 }

  const app = Fastify()
  app.decorateRequest('gluedCaller', null)
  await app.register(bearerAuth, {
    keys: [],
    auth (key, request) {
      request.gluedCaller = callers.get(digest(key)) ?? null
      return request.gluedCaller !== null
    }
  })
  await app.register(rateLimit, {
    max: quota,
    timeWindow: WINDOW * 1000,
    enableDraftSpec: true,
    ...redisPort !== undefined && { redis: new Redis(redisPort, client) },
    keyGenerator: (request) => request.gluedCaller?.id ?? request.ip
  })
  addRoutes(app, {
    preHandler (request, reply, done) {
      if (request.gluedCaller?.scopes.has('devices:read') === true) done()
      else reply.code(403).send({ error: 'insufficient scope' })
    }
  })
  return { app, keys, refused: [[weak, 403]] }
}
