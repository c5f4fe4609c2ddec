import { defineScopes } from 'fastify-latchkey/scopes'

export const scopes = defineScopes({ resources: { devices: ['read', 'manage'], api_keys: ['read', 'write', 'manage'] } })
