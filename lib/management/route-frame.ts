import type { FastifyInstance, FastifyRequest } from 'fastify'
import { Type, type TObject, type TProperties, type TSchema } from '@sinclair/typebox'
import type { ValueError } from '@sinclair/typebox/value'
import { AccessError, refusals, type RefusalCode } from '../core/errors.js'
import { render, rendererOf } from '../core/error-formats.js'
import { contextOf, type AccessContext } from '../core/access-context.js'
import type { ScopeName } from '../core/scope-registry.js'
import { createCallers, type CallerCodes, type CallerOptions, type Callers } from './caller.js'
import { InWorkspace } from './key-schemas.js'
import { createValidatorCompiler } from './compilers.js'

/** What routes by which callers manage something ask of them. */
export interface RouteScopes { readonly read: ScopeName, readonly write: ScopeName, readonly manage: ScopeName }

/** What is managed by routes: keys, or what belongs to a workspace as they do. */
export interface Kind {
  /** What names of operations begin with. */
  readonly name: string
  readonly tag: string
  readonly codes: CallerCodes
  /** What every route may refuse with beside these. */
  readonly more: readonly RefusalCode[]
  /** Of what does not fit in a part of a request. */
  readonly refuse: (error: ValueError, httpPart: string | undefined) => AccessError
}

export interface Frame {
  readonly ground: AccessContext
  readonly callers: Callers
  /** What each route has in common. @param schema what it takes; `workspace` in the query unless it says otherwise */
  stating (need: keyof RouteScopes, operation: string, summary: string, schema: object, answers: object): {
    readonly schema: object
    readonly prefixTrailingSlash: 'no-slash'
    readonly onRequest: (request: FastifyRequest) => Promise<void>
  }
}

const scope = Type.String({ minLength: 1, description: 'a declared scope' })
const callable = (what: string) => Type.Optional(Type.Function([], Type.Unknown(), { description: what }))

/** The schema of the options of such routes. */
export function frameOptions (more: TProperties = {}): TObject {
  return Type.Object({
    scopes: Type.Optional(Type.Object({ read: scope, write: scope, manage: scope }, { additionalProperties: false, description: '{ read, write, manage }' })),
    workspacesOf: callable('a function of the principal and the request'),
    session: callable('a function of the request'),
    ...more,
    prefix: Type.Optional(Type.Unknown()),
    logLevel: Type.Optional(Type.Unknown()),
    logSerializers: Type.Optional(Type.Unknown())
  }, { additionalProperties: false })
}

/** Sets a context up for routes by which callers manage something. Where nobody has a session, the guard lets in and refuses. */
export function frameRoutes (app: FastifyInstance, scopes: RouteScopes, options: CallerOptions, { name, tag, codes, more, refuse }: Kind): Frame {
  const ground = contextOf(app)
  const callers = createCallers(options, app.latchkey.keys, ground, codes)
  const refused: readonly RefusalCode[] = options.session === undefined
    ? [codes.invalid, 'CREDENTIAL_MALFORMED', codes.missing, ...more]
    : [codes.invalid, 'CREDENTIAL_MISSING', 'INSUFFICIENT_SCOPE', codes.missing, ...more, 'AUTHENTICATION_UNAVAILABLE', codes.unavailable]

  app.setValidatorCompiler<TSchema>(createValidatorCompiler(refuse))
  app.setErrorHandler(function answer (fault, request, reply) {
    if (!(fault instanceof AccessError)) throw fault
    ground.refuse(request, reply, fault)
  })
  app.addHook('onSend', async function keepFromCaches (_request, reply) { reply.header('cache-control', 'no-store') })

  return {
    ground,
    callers,
    stating (need, operation, summary, schema, answers) {
      const security = options.session !== undefined ? [] : ground.schemes.map((scheme) => ({ [scheme]: [scopes[need]] }))
      return {
        schema: { security, operationId: `${name}.${operation}`, summary, tags: [tag], querystring: InWorkspace, ...schema, response: { ...refusalsOf(ground, refused), ...answers } },
        prefixTrailingSlash: 'no-slash',
        onRequest: (request) => callers.identify(request, scopes[need])
      }
    }
  }
}

/** Response objects of refusals by status, in the form that this context renders them. */
export function refusalsOf (ground: Pick<AccessContext, 'errors' | 'refusal'>, codes: readonly RefusalCode[]): Record<number, object> {
  const renderer = rendererOf(ground.errors)
  const schema = { type: 'object', additionalProperties: true }
  const responseOf = (alike: readonly RefusalCode[]): object => {
    const types = renderer === undefined ? ['application/json'] : alike.map((code) => render(renderer, ground.refusal(code)).type.replace(/;.*/, ''))
    return { description: alike.map((code) => `${code}: ${refusals[code].message}`).join(' '), content: Object.fromEntries(types.map((type) => [type, { schema }])) }
  }
  const statusOf = (code: RefusalCode): number => refusals[code].statusCode
  return Object.fromEntries(codes.map(statusOf).map((status) => [status, responseOf(codes.filter((code) => statusOf(code) === status))]))
}
