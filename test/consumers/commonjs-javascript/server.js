'use strict'

// require() of a package that is ESM alone: Node.js 20.19, 22.12 and later.
const Fastify = require('fastify')
const { allowPlainHttp, defineScopes, latchkey, principalOf } = require('fastify-latchkey')

const scopes = defineScopes({ resources: { devices: ['read', 'manage'] } })
const app = Fastify()
app.register(latchkey, {
  scopes,
  environment: 'production',
  keys: { prefix: 'acme' },
  transport: allowPlainHttp
})
// Latchkey guards routes that are registered after it, and those of its own context that came before.
app.register(async (app) => {
  app.get('/devices', { schema: scopes.secure('devices:read') }, async (request) => ({ workspace: principalOf(request).workspace }))
  app.delete('/devices', { schema: scopes.secure('devices:manage') }, async (request, reply) => reply.code(204).send())
})

app.listen({ port: Number(process.env.PORT ?? 3000) }).then(async (url) => {
  const { secret } = await app.latchkey.keys.issue({ workspace: 'w1', scopes: ['devices:read'] })
  console.log(JSON.stringify({ url, secret }))
})
