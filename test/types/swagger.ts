import swagger, { type FastifyDynamicSwaggerOptions, type SwaggerOptions } from '@fastify/swagger'
import type { FastifyInstance, FastifySchema } from 'fastify'
import { swaggerOptions } from 'fastify-latchkey/openapi'
import { typeOf } from './equal.js'

const openapi = { openapi: '3.1.0', info: { title: 'Devices', version: '1' } }

/** Compiled, never run. */
export async function typed (app: FastifyInstance, host: SwaggerOptions, dynamic: FastifyDynamicSwaggerOptions): Promise<void> {
  await app.register(swagger, swaggerOptions(app, { openapi }))
  await app.register(swagger, swaggerOptions(app, {
    openapi,
    exposeHeadRoutes: true,
    decorator: 'reference',
    transform ({ schema, url, route }) {
      typeOf(schema).is<FastifySchema>(true)
      typeOf(route.url).is<string>(true)
      return { schema: { ...schema, hide: url.startsWith('/internal') }, url }
    },
    transformObject: (document) => 'openapiObject' in document ? document.openapiObject : document.swaggerObject
  }))
  await app.register(swagger, swaggerOptions(app, host))
  await app.register(swagger, swaggerOptions(app, dynamic))
  typeOf(swaggerOptions(app, dynamic)).is<FastifyDynamicSwaggerOptions>(true)
  // @ts-expect-error a transform answers a schema and a URL
  await app.register(swagger, swaggerOptions(app, { openapi, transform: () => 'x' }))
}
