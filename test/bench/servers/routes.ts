import type { FastifyInstance, FastifySchema, preHandlerHookHandler } from 'fastify'

interface DeviceRoute { Params: { id: string } }

interface Guard {
  schema?: FastifySchema
  preHandler?: preHandlerHookHandler
}

const response = {
  200: {
    type: 'object',
    properties: { id: { type: 'string' }, name: { type: 'string' }, online: { type: 'boolean' } }
  }
}

/** The same routes for every contender; `guard` adds what the contender states about the n-th of them. */
export function addRoutes (app: FastifyInstance, count: number, guard: (n: number) => Guard = () => ({})): void {
  for (let n = 0; n < count; n++) {
    const { schema, ...hooks } = guard(n)
    app.get<DeviceRoute>(`/area-${n}/devices/:id`, { ...hooks, schema: { ...schema, response } }, function readDevice (request) {
      return { id: request.params.id, name: 'Greenhouse', online: true }
    })
  }
}

export function pathsOf (count: number): string[] {
  return Array.from({ length: count }, (_, n) => `/area-${n}/devices/d${n}`)
}
