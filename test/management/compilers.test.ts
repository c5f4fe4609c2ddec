import Fastify from 'fastify'
import { allowPlainHttp, latchkey } from 'fastify-latchkey'
import { keyRoutes, webhookRoutes } from 'fastify-latchkey/management'
import { createMemoryWebhookStore, webhooks } from 'fastify-latchkey/webhooks'
import t from 'tap'
import { scopes } from '../helpers/webhooks.js'

/** As those of zod and other libraries, which know schemas of their own kind alone. */
function refuseSchema (): never {
  throw new Error('this is no schema of the host\'s kind')
}

t.test('our routes work whatever validator, serializer, parsers and error handler the host has', async (t) => {
  const app = Fastify()
  t.teardown(() => app.close())
  app.setValidatorCompiler(refuseSchema)
  app.setSerializerCompiler(refuseSchema)
  app.removeAllContentTypeParsers()
  app.addContentTypeParser('*', { parseAs: 'buffer' }, (_request, body, done) => { done(null, body) })
  app.setErrorHandler((_fault, _request, reply) => { reply.code(500).send('the host') })
  await app.register(latchkey, { scopes, environment: 'production', keys: { prefix: 'acme' }, limits: false, transport: allowPlainHttp, failures: false })
  await app.register(webhooks, { store: createMemoryWebhookStore(), resolve: async () => ['8.8.8.8'] })
  const names = { read: 'webhooks:read', write: 'webhooks:write', manage: 'webhooks:manage' } as const
  await app.register(keyRoutes, { prefix: '/api-keys', scopes: names })
  await app.register(webhookRoutes, { prefix: '/webhooks' })
  await app.ready()

  const { secret } = await app.latchkey.keys.issue({ workspace: 'w1', scopes: ['webhooks:manage'] })
  const headers = { authorization: `Bearer ${secret}` }
  const issued = await app.inject({ method: 'POST', url: '/api-keys', headers, payload: { scopes: ['webhooks:read'], expiresAt: '2100-01-31T12:00:00Z' } })
  t.match([issued.statusCode, issued.json()], [201, { key: { expiresAt: '2100-01-31T12:00:00.000Z' }, secret: /^acme_/ }])
  t.match((await app.inject({ url: '/api-keys?limit=1', headers })).json(), { keys: [{ workspace: 'w1' }], next: String })
  const created = await app.inject({ method: 'POST', url: '/webhooks', headers, payload: { url: 'https://example.com/' } })
  t.match([created.statusCode, created.json()], [201, { endpoint: { url: 'https://example.com/' }, secret: /^whsec_/ }])
  t.equal((await app.inject({ method: 'DELETE', url: `/webhooks/${created.json().endpoint.id}`, headers })).statusCode, 204)
  t.match((await app.inject({ method: 'POST', url: '/webhooks', headers, payload: {} })).json(), { status: 400, code: 'WEBHOOK_INPUT_INVALID' })
})
