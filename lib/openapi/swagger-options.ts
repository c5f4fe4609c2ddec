import type { FastifyInstance, FastifySchema, RouteOptions } from 'fastify'
import { Type } from '@sinclair/typebox'
import { checkOptions, OptionError } from '../core/options.js'
import { describeDocument, type DocumentedOperation } from './document.js'
import { recordOf } from './document-parts.js'
import { documentedContexts, type DocumentedContext } from './documented-context.js'
import { securityOf } from './security.js'

type DocumentObject = { swaggerObject: object } | { openapiObject: object }
interface Transformed { schema: FastifySchema, url: string }

/** The options of @fastify/swagger that `swaggerOptions` reads. */
export interface SwaggerOptions {
  mode?: 'static' | 'dynamic'
  openapi?: object
  transform? (given: Transformed & { route: RouteOptions } & DocumentObject): Transformed
  transformObject? (given: DocumentObject): object
}

/** What `swaggerOptions` adds to a document. */
export interface DocumentOptions {
  /**
   * Whether the description of an operation says, after your own text, its scopes, its cost and its limits profile;
   * true by default.
   */
  descriptions?: boolean | undefined
}

const documentSchema = Type.Object({
  descriptions: Type.Optional(Type.Boolean({ description: 'true or false' }))
}, { additionalProperties: false, description: '{ descriptions?: false }' })

/**
 * Options for @fastify/swagger, so that its document shows what Latchkey enforces: the security schemes, the
 * `security` of each operation (defaults included), the same in its description for people, the RateLimit fields, and
 * how a refused request is answered. Your own `transform` is called first, and your own `transformObject` last, with
 * the finished document.
 *
 * ```ts
 * await app.register(swagger, swaggerOptions(app, { openapi: { info: { title: 'Devices API', version: '1.0.0' } } }))
 * ```
 *
 * Register @fastify/swagger before or after Latchkey, in the same context, an outer or an inner one. What you declare
 * stays: a response of your own, a security scheme or a component of the same name. A route with a `swaggerTransform`
 * of its own shows the `security` of its schema, but no default. Options for Swagger 2.0 and for `static` mode come
 * back as they are.
 *
 * @param app the context that @fastify/swagger is registered in
 * @throws OptionError when a document is made while Latchkey guards neither the context of `app` nor one inside it,
 * and at once when `added` is wrong
 */
export function swaggerOptions<O extends SwaggerOptions> (app: FastifyInstance, options: O, added?: DocumentOptions): O
export function swaggerOptions (
  app: FastifyInstance, options: SwaggerOptions, added: DocumentOptions = {}
): SwaggerOptions {
  checkOptions(documentSchema, added, 'swaggerOptions')
  const { descriptions = true } = added
  const { openapi } = options
  if (!openapi || options.mode === 'static') return options
  const ownComponents = recordOf(recordOf(openapi).components)
  const operations = new WeakMap<object, DocumentedOperation>()

  return {
    ...options,
    openapi: {
      ...openapi,
      components: {
        ...ownComponents,
        /** Read when a document is made, because Latchkey may be registered after @fastify/swagger. */
        get securitySchemes () {
          const schemes = guardedContexts(app).flatMap((context) => Object.values(context.schemes))
          return Object.assign({}, ...schemes, ownComponents.securitySchemes)
        }
      }
    },
    transform (given) {
      const transformed = options.transform?.(given) ?? given
      const operation = findOperation(given.route, guardedContexts(app))
      if (operation === undefined) return transformed
      const [access] = operation.accesses
      const security = securityOf(access, operation.context.schemes)
      // The operation in the document has this very array: describeDocument finds by it what the operation requires.
      operations.set(security, operation)
      return { url: transformed.url, schema: { ...transformed.schema ?? given.schema, security } }
    },
    transformObject ({ openapiObject: written }: { openapiObject: object }) {
      const openapiObject = describeDocument(written, { contexts: guardedContexts(app), operations, descriptions })
      return options.transformObject?.({ openapiObject }) ?? openapiObject
    }
  }
}

/** @throws OptionError when there is none */
function guardedContexts (app: FastifyInstance): DocumentedContext[] {
  const contexts = documentedContexts(app)
  if (contexts.length > 0) return contexts
  throw new OptionError('swaggerOptions was given an app that Latchkey does not guard; ' +
    'register Latchkey in its context, in an outer or in an inner one')
}

function findOperation (route: RouteOptions, contexts: readonly DocumentedContext[]): DocumentedOperation | undefined {
  for (const context of contexts) {
    const [first, ...others] = context.accessesOf(route)
    if (first !== undefined) return { context, accesses: [first, ...others] }
  }
  return undefined
}
