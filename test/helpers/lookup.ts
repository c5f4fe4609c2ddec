import type { FastifyRequest } from 'fastify'
import type { Lookup } from 'fastify-latchkey/auth'
import { untyped } from './limits.js'

/** What a resolver is told about one look-up, for tests that ask it directly. */
export function lookup ({ request = untyped<FastifyRequest>({}), fresh = false, dpop = false, clock = Date.now }: Partial<Lookup> = {}): Lookup {
  return { request, fresh, dpop, clock }
}
