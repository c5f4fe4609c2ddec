import { hash } from 'node:crypto'
import Fastify from 'fastify'
import { QUOTA, type Build } from './contender.js'
import { randomKeys } from './random-keys.js'
import { addRoutes } from './routes.js'

interface Caller {
  readonly mayRead: boolean
  left: number
}

/**
 * The least that the same answers can cost: one hook with the hash, one look-up, a boolean for the scope, a counter that
 * never starts again and the two fields. No checks of the header's form, no environment, no errors anyone could read.
 */
export const build: Build = async function handwritten ({ keys, routes }) {
  const texts = randomKeys(keys)
  const [weak = ''] = randomKeys(1)
  const callers = new Map<string, Caller>(texts.map((text) => [digest(text), { mayRead: true, left: QUOTA }]))
  callers.set(digest(weak), { mayRead: false, left: QUOTA })

  const app = Fastify()
  app.addHook('onRequest', function guard (request, reply, done) {
    const caller = callers.get(digest(request.headers.authorization?.slice(7) ?? ''))
    if (caller?.mayRead !== true) {
      reply.code(caller === undefined ? 401 : 403).send()
      return
    }
    reply.header('RateLimit', `"production";r=${--caller.left};t=60`)
    reply.header('RateLimit-Policy', `"production";q=${QUOTA};w=60`)
    done()
  })
  addRoutes(app, routes)
  return { app, keys: texts, weak }
}

function digest (text: string): string {
  return hash('sha256', text, 'base64url')
}
