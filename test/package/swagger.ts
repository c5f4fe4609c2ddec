import swagger from '@fastify/swagger'
import Fastify from 'fastify'
import latchkey from 'fastify-latchkey'
import { swaggerOptions } from 'fastify-latchkey/openapi'
import { scopes } from './augment.js'

const app = Fastify()
await app.register(swagger, swaggerOptions(app, {
  openapi: { openapi: '3.1.0', info: { title: 'Devices', version: '1' } },
  transform: ({ schema, url }) => ({ schema: { ...schema, hide: url.startsWith('/internal') }, url }),
  transformObject: (document) => 'openapiObject' in document ? document.openapiObject : document.swaggerObject
}))
await app.register(latchkey, { scopes, environment: 'production', keys: { prefix: 'acme' } })
app.get('/devices', { schema: { ...scopes.secure('devices:read'), summary: 'List devices' } }, async () => [])
export const document = app.swagger()
