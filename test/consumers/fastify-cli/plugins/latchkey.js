const fp = require('fastify-plugin')
const { allowPlainHttp, bearer, header, latchkey, notFound } = require('fastify-latchkey')
const { scopes } = require('../scopes.js')

// fastify-plugin: what is registered here guards the routes of all folders.
module.exports = fp(async (fastify) => {
  await fastify.register(latchkey, {
    scopes,
    environment: 'production',
    keys: { prefix: 'acme' },
    credentials: [bearer(), header('x-api-key')],
    transport: allowPlainHttp
  })
  fastify.setNotFoundHandler(notFound)

  fastify.addHook('onListen', async () => {
    const { secret } = await fastify.latchkey.keys.issue({ workspace: 'w1', scopes: ['devices:read'] })
    console.log(JSON.stringify({ url: fastify.listeningOrigin, secret }))
  })
})
