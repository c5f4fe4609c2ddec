import fp from 'fastify-plugin'
import latchkey, { allowPlainHttp, notFound } from 'fastify-latchkey'
import { scopes } from '../scopes.js'

// fastify-plugin: what is registered here guards the routes of all folders.
export default fp(async (fastify) => {
  await fastify.register(latchkey, {
    scopes,
    environment: 'production',
    keys: { prefix: 'acme' },
    transport: allowPlainHttp
  })
  fastify.setNotFoundHandler(notFound)

  fastify.addHook('onListen', async () => {
    const { secret } = await fastify.latchkey.keys.issue({ workspace: 'w1', scopes: ['devices:read'] })
    console.log(JSON.stringify({ url: fastify.listeningOrigin, secret }))
  })
})
