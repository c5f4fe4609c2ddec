import type { FastifyError, FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { Type, type TObject, type TProperties, type TSchema } from '@sinclair/typebox'
import { AccessError, type RefusalCode } from '../core/errors.js'
import { contextOf, type AccessContext } from '../core/access-context.js'
import type { Principal } from '../core/principal.js'
import { createActors, type ActorOptions, type Actors, type ManagedWorkspace, type ManagementCodes } from './actors.js'
import { refusalResponses } from './responses.js'
import { namesOf } from './grantable.js'
import { InWorkspace } from './schemas.js'
import { checkScopes, type RouteScopes } from './route-scopes.js'
import { compileSerializer, createValidatorCompiler } from './validation.js'

/** What the routes of one kind of record have in common. */
export interface Kind {
  /** Their plugin, as errors name it. */
  readonly plugin: string
  /** Prefix of their operation ids. */
  readonly name: string
  readonly tag: string
  readonly codes: ManagementCodes
  /** Refusals of every route of the kind, besides those of `codes`. */
  readonly also: readonly RefusalCode[]
}

/** One route, as its schema declares it. */
export interface Operation {
  readonly scope: keyof RouteScopes
  readonly name: string
  readonly summary: string
  /** What it takes; `workspace` in the query unless `querystring` says otherwise. */
  readonly takes?: object
  /** Its successful responses by status. */
  readonly answers: object
  /** Refusals of this route alone. */
  readonly refuses?: readonly RefusalCode[]
}

interface DeclaredRoute {
  readonly schema: object
  readonly prefixTrailingSlash: 'no-slash'
  readonly onRequest: (request: FastifyRequest, reply: FastifyReply) => Promise<void>
}

/** Who asks, as responses show it. */
interface ActorView {
  readonly id: string
  readonly owner?: string
  readonly workspace: string
  readonly environment: string
  readonly may: { readonly write: boolean, readonly manage: boolean }
  readonly workspaces: ReadonlyArray<ManagedWorkspace & { readonly current: boolean }>
  readonly environments: readonly string[]
}

export interface Frame {
  readonly context: AccessContext
  readonly actors: Actors
  /** Who asks, where it may act, and what it may do there. */
  viewOfActor (request: FastifyRequest, by: Principal): Promise<ActorView>
  /** The options of one route. */
  declare (operation: Operation): DeclaredRoute
}

const CROSS_SITE: readonly RefusalCode[] = ['CROSS_SITE_REQUEST', 'UNSUPPORTED_MEDIA_TYPE']
const UNREADABLE_BODY: readonly RefusalCode[] = ['PAYLOAD_TOO_LARGE', 'UNSUPPORTED_MEDIA_TYPE']

const scope = Type.String({ minLength: 1, description: 'a declared scope' })
const callable = (description: string) => Type.Optional(Type.Function([], Type.Unknown(), { description }))
const origins = { description: 'an array of origins, such as \'https://app.example.com\'' }

/** The schema of the options that all plugins of management take. @param more those of one plugin */
export function frameOptions (more: TProperties = {}): TObject {
  const scopes = { additionalProperties: false, description: '{ read, write, manage }' }
  return Type.Object({
    scopes: Type.Optional(Type.Object({ read: scope, write: scope, manage: scope }, scopes)),
    workspacesOf: callable('a function of the principal and the request'),
    environmentsOf: callable('a function of the principal and the request'),
    session: callable('a function of the request'),
    hide: Type.Optional(Type.Boolean({ description: 'true or false' })),
    trustedOrigins: Type.Optional(Type.Array(Type.String({ pattern: '^https?://[^/?#]+$', ...origins }), origins)),
    ...more,
    prefix: Type.Optional(Type.Unknown()),
    logLevel: Type.Optional(Type.Unknown()),
    logSerializers: Type.Optional(Type.Unknown())
  }, { additionalProperties: false })
}

/**
 * Prepares a context for routes of management: validation, errors and caching are the same whatever the host has set
 * up. Without `session`, Latchkey's own hook has authenticated and authorized a request before it comes here.
 *
 * @throws OptionError where their scopes are not declared
 */
export function createFrame (app: FastifyInstance, scopes: RouteScopes, options: ActorOptions, kind: Kind): Frame {
  const context = contextOf(app)
  const { codes } = kind
  const { refusal } = context
  const { grants } = app.latchkey.keys
  checkScopes(scopes, namesOf(app.latchkey.scopesByResource()), kind.plugin)
  const actors = createActors(options, { grants, context, codes })
  const { session, hide = false } = options
  const bySession = session !== undefined
  const schemes = bySession ? [] : context.schemes
  const counted = bySession ? { 'x-rate-limit': { anonymous: false } } : {}
  // Requests of strangers are counted here, once the session knows nobody.
  const ofStrangers: readonly RefusalCode[] = context.limitAnonymous === undefined
    ? []
    : ['RATE_LIMITED', 'LIMITER_UNAVAILABLE']
  // What the guard refuses by itself is in the document already, except where a route has more to say of a status.
  const byGuard: readonly RefusalCode[] = bySession
    ? ['CREDENTIAL_MISSING', 'INSUFFICIENT_SCOPE', 'AUTHENTICATION_UNAVAILABLE', ...ofStrangers]
    : ['CREDENTIAL_MALFORMED', 'AUTHENTICATION_UNAVAILABLE', 'LIMITER_UNAVAILABLE']
  const ofAll: readonly RefusalCode[] = [codes.invalid, codes.missing, codes.unavailable, ...kind.also, ...byGuard]

  acceptJsonOnly(app)
  const invalid = (detail: string) => refusal(codes.invalid, { detail, reason: detail })
  app.setValidatorCompiler<TSchema>(createValidatorCompiler(invalid))
  app.setSerializerCompiler(compileSerializer)
  app.setErrorHandler<FastifyError>(function answerRefusal (fault, request, reply) {
    const error = fault instanceof AccessError ? fault : refusalOfBody(fault, codes.invalid, refusal)
    if (error === undefined) throw fault
    context.refuse(request, reply, error)
  })
  app.addHook('onSend', async function forbidCaching (_request, reply) { reply.header('cache-control', 'no-store') })

  return {
    context,
    actors,
    async viewOfActor (request, by) {
      const { id, owner, workspace, environment } = by
      return {
        id,
        ...owner !== undefined && { owner },
        workspace,
        environment,
        may: { write: grants(by, [scopes.write]), manage: grants(by, [scopes.manage]) },
        workspaces: await actors.workspacesOf(request),
        environments: await actors.environmentsOf(request)
      }
    },
    declare ({ scope, name, summary, takes = {}, answers, refuses = [] }) {
      const security = schemes.map((scheme) => ({ [scheme]: [scopes[scope]] }))
      const ofChange: readonly RefusalCode[] = bySession && scope !== 'read' ? CROSS_SITE : []
      const ofBody: readonly RefusalCode[] = 'body' in takes ? UNREADABLE_BODY : []
      const codes = new Set([...ofAll, ...ofChange, ...ofBody, ...refuses])
      const operation = { operationId: `${kind.name}.${name}`, summary, tags: [kind.tag], security }
      const response = { ...refusalResponses(context, [...codes]), ...answers }
      return {
        schema: { ...operation, ...hide && { hide }, ...counted, querystring: InWorkspace, ...takes, response },
        prefixTrailingSlash: 'no-slash',
        onRequest: (request, reply) => actors.identify(request, reply, scopes[scope])
      }
    }
  }
}

/** Parsers of the host might make something else of a body; without any body, the schema decides what is missing. */
function acceptJsonOnly (app: FastifyInstance): void {
  const parse = app.getDefaultJsonParser('error', 'error')
  app.removeAllContentTypeParsers()
  app.addContentTypeParser<string>('application/json', { parseAs: 'string' }, function parseJson (request, body, done) {
    if (body === '') done(null, undefined)
    else parse(request, body, done)
  })
}

/** What Fastify says of a body that it can't read, as a refusal; undefined for any other error. */
export function refusalOfBody (
  { code }: FastifyError,
  invalid: RefusalCode,
  refusal: AccessContext['refusal']
): AccessError | undefined {
  switch (code) {
    case 'FST_ERR_CTP_BODY_TOO_LARGE': return refusal('PAYLOAD_TOO_LARGE', { reason: code })
    case 'FST_ERR_CTP_INVALID_MEDIA_TYPE': return refusal('UNSUPPORTED_MEDIA_TYPE', { reason: code })
    case 'FST_ERR_CTP_INVALID_JSON_BODY': return refusal(invalid, { detail: 'The body must be JSON.', reason: code })
    case 'FST_ERR_CTP_INVALID_CONTENT_LENGTH':
      return refusal(invalid, { detail: 'The body must be as long as Content-Length says.', reason: code })
    default: return undefined
  }
}
