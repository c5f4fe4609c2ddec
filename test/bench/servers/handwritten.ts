import Fastify, { type FastifyReply, type onRequestHookHandler } from 'fastify'
import { digest, KEYS, randomKeys, WINDOW, type Build } from './contender.js'
import { addRoutes } from './routes.js'

interface Caller {
  readonly environment: string
  readonly scopes: ReadonlySet<string>
  readonly expiresAt?: number
  used: number
  resetsAt: number
}

/** One hook that takes the decisions Latchkey takes, for one kind of key and one policy. */
export const build: Build = async function handwritten ({ quota }) {
  const callers = new Map<string, Caller>()
  const keys = randomKeys(KEYS)
  const [weak = '', foreign = '', expired = ''] = randomKeys(3)
  const add = (key: string, changes: Partial<Caller> = {}): void => {
    callers.set(digest(key), {
      environment: 'production', scopes: new Set(['devices:read']), used: 0, resetsAt: 0, ...changes
    })
  }
  for (const key of keys) add(key)
  add(weak, { scopes: new Set() })
  add(foreign, { environment: 'sandbox' })
  add(expired, { expiresAt: Date.now() })

  const guard = (scope: string): onRequestHookHandler => function guardRoute (request, reply, done) {
    const { authorization } = request.headers
    if (authorization === undefined || !/^Bearer [\w-]+$/i.test(authorization)) return refuse(reply, 401)
    const now = Date.now()
    const caller = callers.get(digest(authorization.slice(7)))
    if (caller === undefined || (caller.expiresAt !== undefined && caller.expiresAt <= now)) return refuse(reply, 401)
    if (caller.environment !== 'production') return refuse(reply, 403)
    if (caller.resetsAt <= now) {
      caller.used = 0
      caller.resetsAt = now + WINDOW * 1000
    }
    const admitted = caller.used < quota
    if (admitted) caller.used++
    reply.header('RateLimit', `"production";r=${quota - caller.used};t=${Math.ceil((caller.resetsAt - now) / 1000)}`)
    reply.header('RateLimit-Policy', `"production";q=${quota};w=${WINDOW}`)
    if (!admitted) return refuse(reply, 429)
    if (!caller.scopes.has(scope)) return refuse(reply, 403)
    done()
  }

  const app = Fastify()
  addRoutes(app, { onRequest: guard('devices:read') })
  return { app, keys, refused: [[weak, 403], [foreign, 403], [expired, 401]] }
}

function refuse (reply: FastifyReply, status: number): void {
  reply.code(status).send({ error: status })
}
