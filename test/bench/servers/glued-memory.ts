import { hash } from 'node:crypto'
import bearerAuth from '@fastify/bearer-auth'
import rateLimit from '@fastify/rate-limit'
import Fastify, { type preHandlerHookHandler } from 'fastify'
import type { Redis } from 'ioredis'
import { QUOTA, type Build, type Contender, type Shape } from './contender.js'
import { randomKeys } from './random-keys.js'
import { addRoutes } from './routes.js'

interface KeyRecord {
  readonly id: string
  readonly scopes: ReadonlySet<string>
}

declare module 'fastify' {
  interface FastifyRequest { gluedCaller: KeyRecord | null }
}

/** What people put together today: @fastify/bearer-auth, a scope check of their own and @fastify/rate-limit. */
export const build: Build = (shape) => buildGlued(shape)

/** @param redis where @fastify/rate-limit counts; in memory by default */
export async function buildGlued ({ keys, routes }: Shape, redis?: Redis): Promise<Contender> {
  const texts = randomKeys(keys)
  const [weak = ''] = randomKeys(1)
  const records = new Map<string, KeyRecord>(texts.map((text, n) => [digest(text), { id: `key_${n}`, scopes: new Set(['devices:read', 'devices:write']) }]))
  records.set(digest(weak), { id: 'key_weak', scopes: new Set() })

  const app = Fastify()
  app.decorateRequest('gluedCaller', null)

  await app.register(bearerAuth, {
    keys: [],
    auth (key, request) {
      const record = records.get(digest(key))
      if (record === undefined) return false
      request.gluedCaller = record
      return true
    }
  })
  await app.register(rateLimit, {
    max: QUOTA,
    timeWindow: 60_000,
    enableDraftSpec: true,
    ...redis !== undefined && { redis },
    keyGenerator: (request) => request.gluedCaller?.id ?? request.ip
  })

  const requireScope = (scope: string): preHandlerHookHandler => function checkScope (request, reply, done) {
    if (request.gluedCaller?.scopes.has(scope) === true) done()
    else reply.code(403).send({ error: 'insufficient scope' })
  }

  addRoutes(app, routes, () => ({ preHandler: requireScope('devices:read') }))
  return { app, keys: texts, weak }
}

function digest (text: string): string {
  return hash('sha256', text, 'base64url')
}
