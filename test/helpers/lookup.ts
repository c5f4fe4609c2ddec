import type { Lookup } from 'fastify-latchkey/auth'
import type { FastifyRequest } from 'fastify'

/** What a resolver is told about one look-up, for tests that ask it themselves. */
export function lookup (over: Partial<Lookup> = {}): Lookup {
  const request: FastifyRequest = Object.create(null)
  return { request, fresh: false, dpop: false, clock: Date.now, ...over }
}
