import Fastify, { type FastifyRequest } from 'fastify'
import type { Lookup } from '../../lib/auth/index.js'

const requests: FastifyRequest[] = []
const app = Fastify()
app.get('/', async (request) => { requests.push(request) })
await app.inject('/')
await app.close()

/** What a resolver is told about a look-up, for tests that ask one directly: a cached answer will do, for a plain request. */
export function lookup (over: Partial<Lookup> = {}): Lookup {
  const [request] = requests
  if (request === undefined) throw new Error('there is no request to look up for')
  return { request, fresh: false, dpop: false, clock: Date.now, ...over }
}
