import swagger, { type SwaggerOptions } from '@fastify/swagger'
import Fastify, { type FastifyInstance, type FastifyServerOptions } from 'fastify'
import { allowPlainHttp, defineScopes, latchkey, type LatchkeyOptions } from 'fastify-latchkey'
import { swaggerOptions, type DocumentOptions } from 'fastify-latchkey/openapi'
import type { Test } from 'tap'

export const scopes = defineScopes({
  resources: { devices: ['read', 'write', 'manage'], reports: ['export'] }
})

export const openapi = { openapi: '3.1.0', info: { title: 'Devices', version: '1.0.0' } } as const

/** Latchkey with what tests of documents leave alone. */
export async function guard (app: FastifyInstance, options: Partial<LatchkeyOptions> = {}): Promise<void> {
  await app.register(latchkey, { scopes, environment: 'production', keys: { prefix: 'acme' }, transport: allowPlainHttp, ...options })
}

interface Documented {
  readonly latchkey?: Partial<LatchkeyOptions>
  readonly swagger?: SwaggerOptions
  readonly added?: DocumentOptions
  readonly server?: FastifyServerOptions
  readonly routes: (app: FastifyInstance) => void | Promise<void>
}

/** An app with @fastify/swagger and Latchkey, in this order, and these routes; ready. */
export async function documented ({ latchkey: options, swagger: written = { openapi }, added, server = {}, routes }: Documented): Promise<FastifyInstance> {
  const app = Fastify(server)
  await app.register(swagger, swaggerOptions(app, written, added))
  await guard(app, options)
  await routes(app)
  await app.ready()
  return app
}

/** The document as JSON has it: what a reader of `/openapi.json` gets. */
export function documentOf (app: FastifyInstance): Document {
  return JSON.parse(JSON.stringify(app.swagger()))
}

export interface Operation {
  readonly operationId?: string
  readonly description?: string
  readonly security?: unknown
  readonly parameters?: ReadonlyArray<{ readonly name: string, readonly in: string }>
  readonly requestBody?: unknown
  readonly responses: Readonly<Record<string, Response>>
  readonly [extension: `x-${string}`]: unknown
}

export interface Response {
  readonly $ref?: string
  readonly description?: string
  readonly headers?: Readonly<Record<string, { readonly $ref: string }>>
  readonly content?: Readonly<Record<string, { readonly schema: object, readonly examples?: Readonly<Record<string, { readonly value: unknown }>> }>>
}

export interface Document {
  readonly openapi?: string
  readonly components: Readonly<Record<'securitySchemes' | 'responses' | 'headers' | 'schemas', Readonly<Record<string, Response & Readonly<Record<string, unknown>>>>>>
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>
}

export const info = { title: 'Managed', version: '1.0.0', license: { name: 'MIT', url: 'https://opensource.org/license/mit' } }

/** The document of routes that a plugin brings, as a linter wants one, with an operation of the host beside them. */
export async function documentBeside (t: Test, openapi: '3.0.3' | '3.1.0', latchkey: Partial<LatchkeyOptions>, bring: (app: FastifyInstance) => Promise<void>): Promise<Document> {
  const app = await documented({
    swagger: { openapi: { openapi, info, servers: [{ url: '/' }] } },
    latchkey,
    async routes (app) {
      await bring(app)
      app.get('/me', { schema: { security: [{ apiKey: [] }], operationId: 'me', summary: 'Me', response: { 200: { type: 'string', description: 'Me.' } } } }, async () => 'me')
    }
  })
  t.teardown(() => app.close())
  return documentOf(app)
}

/** What such a plugin brought, by method and path. */
export function broughtBy ({ paths }: Document): Array<[string, Operation]> {
  return Object.entries(paths).filter(([path]) => path !== '/me')
    .flatMap(([path, item]) => Object.entries(item).map(([method, operation]): [string, Operation] => [`${method} ${path}`, operation]))
}

/** One operation of the document. */
export function operationOf (app: FastifyInstance, method: string, path: string): Operation {
  const operation = documentOf(app).paths[path]?.[method]
  if (operation === undefined) throw new Error(`the document has no ${method} ${path}`)
  return operation
}
