import Fastify from 'fastify'
import latchkey, { allowPlainHttp, defineScopes } from 'fastify-latchkey'
import { createPostgresKeyStore } from 'fastify-latchkey/keys/postgres'

/** A server process whose keys are in the Postgres of KEYS_URL; it says its address and ends with SIGTERM. */
const scopes = defineScopes({ resources: { devices: ['read'] } })
const store = createPostgresKeyStore({ connectionString: process.env.KEYS_URL })
const app = Fastify()
app.addHook('onClose', () => store.close())
await app.register(latchkey, { scopes, environment: 'production', keys: { prefix: 'acme', store }, transport: allowPlainHttp, failures: false, limits: false, deadline: 20 })
app.get('/devices', { schema: scopes.secure('devices:read') }, async () => ({ devices: [] }))
app.post('/keys', { schema: { security: [] } }, async () => await app.latchkey.keys.issue({ workspace: 'w1', scopes: ['devices:read'] }))
app.post<{ Params: { id: string } }>('/keys/:id/revoke', { schema: { security: [] } }, async ({ params }) => (await app.latchkey.keys.revoke('w1', params.id)).key)
process.once('SIGTERM', () => app.close())
console.log(await app.listen({ port: 0, host: '127.0.0.1' }))
