import { defineScopes } from 'fastify-latchkey'

export const scopes = defineScopes({
  resources: { devices: ['read', 'write', 'delete', 'provision', 'manage'], deployments: ['read', 'stage', 'manage'] },
  implies: { 'deployments:stage': ['deployments:read'] },
})

declare module 'fastify-latchkey' {
  interface Register { scopes: typeof scopes }
  interface Principal { readonly plan?: 'starter' | 'business' }
}
