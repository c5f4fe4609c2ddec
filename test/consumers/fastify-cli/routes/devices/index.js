import { principalOf } from 'fastify-latchkey'
import { scopes } from '../../scopes.js'

export default async function devices (fastify) {
  fastify.get('/', { schema: scopes.secure('devices:read') }, async (request) => ({ workspace: principalOf(request).workspace }))
  fastify.delete('/', { schema: scopes.secure('devices:manage') }, async (request, reply) => reply.code(204).send())
}
