const { defineScopes } = require('fastify-latchkey/scopes')

exports.scopes = defineScopes({ resources: { devices: ['read', 'manage'] } })
