import { setTimeout } from 'node:timers/promises'
import type { FastifyInstance, FastifySchema, RouteShorthandOptions } from 'fastify'

interface DeviceRoute { Params: { id: string } }

interface Guard extends Pick<RouteShorthandOptions, 'onRequest' | 'preHandler'> { schema?: FastifySchema }

const response = {
  200: {
    type: 'object',
    properties: { id: { type: 'string' }, name: { type: 'string' }, online: { type: 'boolean' } }
  }
}

/**
 * The same routes for every contender.
 * @param guard what the contender adds to a route that needs the scope `devices:read`
 */
export function addRoutes (app: FastifyInstance, guard: Guard = {}): void {
  const { schema, ...hooks } = guard
  const options = { ...hooks, schema: { ...schema, response } }
  app.get<DeviceRoute>('/at-once/:id', options, function readAtOnce (request) {
    return { id: request.params.id, name: 'Greenhouse', online: true }
  })
  app.get<DeviceRoute>('/wait/:id', options, async function readLater (request) {
    await setTimeout(2)
    return { id: request.params.id, name: 'Greenhouse', online: true }
  })
}
