import Fastify from 'fastify'
import latchkey, { allowPlainHttp, defineScopes, principalOf } from 'fastify-latchkey'

const scopes = defineScopes({ resources: { devices: ['read', 'manage'] } })

// From here on, issue() and the key routes accept these scopes alone.
declare module 'fastify-latchkey' {
  interface Register { scopes: typeof scopes }
}

const app = Fastify()
await app.register(latchkey, {
  scopes,
  environment: 'production',
  keys: { prefix: 'acme' },
  transport: allowPlainHttp
})
app.get('/devices', { schema: scopes.secure('devices:read') }, async (request) => ({ workspace: principalOf(request).workspace }))
app.delete('/devices', { schema: scopes.secure('devices:manage') }, async (_request, reply) => reply.code(204).send())

const url = await app.listen({ port: Number(process.env.PORT ?? 3000) })
const { secret } = await app.latchkey.keys.issue({ workspace: 'w1', scopes: ['devices:read'] })
console.log(JSON.stringify({ url, secret }))
