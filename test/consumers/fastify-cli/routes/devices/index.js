const { principalOf } = require('fastify-latchkey')
const { scopes } = require('../../scopes.js')

module.exports = async function devices (fastify) {
  fastify.get('/', { schema: scopes.secure('devices:read') }, async (request) => ({ workspace: principalOf(request).workspace }))
  fastify.delete('/', { schema: scopes.secure('devices:manage') }, async (request, reply) => reply.code(204).send())
}
