import swagger from '@fastify/swagger'
import Fastify from 'fastify'
import latchkey from 'fastify-latchkey'
import { scopes } from './augment.js'

const app = Fastify()
await app.register(swagger, { openapi: { info: { title: 'Devices', version: '1' } } })
await app.register(latchkey, { scopes, environment: 'production', keys: { prefix: 'acme' } })
app.get('/devices', { schema: { ...scopes.secure('devices:read'), summary: 'List devices' } }, async () => [])
export const document = app.swagger()
