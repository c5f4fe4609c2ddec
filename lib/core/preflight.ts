import type { FastifyRequest } from 'fastify'
import type { RouteAccess } from './route-access.js'

/** A real CORS preflight (Fetch standard, "CORS-preflight request") on a route that lets them pass. */
export function isPreflight ({ method, headers }: FastifyRequest, { preflight }: RouteAccess): boolean {
  return preflight && method === 'OPTIONS' && isGiven(headers.origin) &&
    isGiven(headers['access-control-request-method'])
}

function isGiven (value: string | undefined): boolean {
  return value !== undefined && value !== ''
}
