import Fastify, { type FastifyRequest } from 'fastify'
import type { Lookup } from '../../lib/auth/index.js'

const requests: FastifyRequest[] = []
const app = Fastify()
app.get('/', async (request) => { requests.push(request) })
await app.inject('/')
await app.close()

/** A look-up for tests that call a resolver directly; by default it accepts a cached answer. */
export function lookup (over: Partial<Lookup> = {}): Lookup {
  const [request] = requests
  if (request === undefined) throw new Error('there is no request to look up for')
  return { request, fresh: false, dpop: false, clock: Date.now, ...over }
}
