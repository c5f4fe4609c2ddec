import type { FastifyInstance, FastifyRequest } from 'fastify'
import { Type, type TSchema } from '@sinclair/typebox'
import { AccessError } from '../errors.js'
import { groundOf } from '../ground.js'
import { createCallers, type CallerOptions } from '../keys/routes-caller.js'
import { refusalOf } from '../keys/routes-schemas.js'
import { checkOptions, OptionError } from '../options.js'
import type { ScopeName } from '../register.js'
import { answers, ChangeBody, compileValidator, CreateBody, DeliveryParams, InWorkspace, NoBody, PageQuery, Params, RotateBody, viewOf, viewOfDelivery, type Body } from './routes-schemas.js'

export interface WebhookRoutesOptions extends CallerOptions {
  /** What a caller needs to read endpoints and deliveries, to create, change, test and replay, and to remove and rotate; `webhooks:read` and so on by default. */
  scopes?: { readonly read: ScopeName, readonly write: ScopeName, readonly manage: ScopeName } | undefined
}

const scope = Type.String({ minLength: 1, description: 'a declared scope' })
const callable = (what: string) => Type.Optional(Type.Function([], Type.Unknown(), { description: what }))
const optionsSchema = Type.Object({
  scopes: Type.Optional(Type.Object({ read: scope, write: scope, manage: scope }, { additionalProperties: false, description: '{ read, write, manage }' })),
  workspacesOf: callable('a function of the principal and the request'),
  session: callable('a function of the request'),
  prefix: Type.Optional(Type.Unknown()),
  logLevel: Type.Optional(Type.Unknown()),
  logSerializers: Type.Optional(Type.Unknown())
}, { additionalProperties: false })

interface ById { Params: Body<typeof Params>, Querystring: Body<typeof InWorkspace> }
interface ByDelivery { Params: Body<typeof DeliveryParams>, Querystring: Body<typeof InWorkspace> }

const defaultScopes: NonNullable<WebhookRoutesOptions['scopes']> = { read: 'webhooks:read', write: 'webhooks:write', manage: 'webhooks:manage' }
const codes = { invalid: 'WEBHOOK_INPUT_INVALID', unavailable: 'WEBHOOKS_UNAVAILABLE', missing: 'WEBHOOK_NOT_FOUND' } as const

/**
 * Routes by which the callers of an API manage their endpoints, after `webhooks` and below a prefix of the host's choice.
 * A caller sees and changes endpoints of its workspace and environment alone, and they hear of that environment alone.
 *
 * @throws OptionError at boot
 */
export async function webhookRoutes (app: FastifyInstance, options: WebhookRoutesOptions): Promise<void> {
  checkOptions(optionsSchema, options, 'webhookRoutes')
  if (!app.hasDecorator('webhooks') || !app.hasDecorator('keys')) throw new OptionError('register webhookRoutes after latchkey and webhooks, in a context where they have keys and webhooks')
  const { scopes = defaultScopes } = options
  const { webhooks } = app
  const ground = groundOf(app)
  const callers = createCallers(options, app.keys, ground, codes)

  app.setValidatorCompiler<TSchema>(compileValidator)
  app.setErrorHandler(function refuse (fault, request, reply) {
    if (!(fault instanceof AccessError)) throw fault
    ground.refuse(request, reply, fault)
  })
  app.addHook('onSend', async function keepFromCaches (_request, reply) { reply.header('cache-control', 'no-store') })

  /** What each route has in common. */
  function stating (need: keyof typeof scopes, operation: string, summary: string, schema: object, found: object) {
    const { session } = options
    const security = session !== undefined ? [] : [...new Set(app.resolvers.map(({ scheme }) => scheme))].map((scheme) => ({ [scheme]: [scopes[need]] }))
    const refused = {
      400: refusalOf(ground, ['WEBHOOK_INPUT_INVALID', ...session === undefined ? ['CREDENTIAL_MALFORMED' as const] : []]),
      404: refusalOf(ground, ['WEBHOOK_NOT_FOUND']),
      409: refusalOf(ground, ['WEBHOOK_CONFLICT']),
      ...session !== undefined && { 401: refusalOf(ground, ['CREDENTIAL_MISSING']), 403: refusalOf(ground, ['INSUFFICIENT_SCOPE']), 503: refusalOf(ground, ['AUTHENTICATION_UNAVAILABLE', 'WEBHOOKS_UNAVAILABLE']) }
    }
    return {
      schema: { security, operationId: `webhooks.${operation}`, summary, tags: ['webhooks'], querystring: InWorkspace, ...schema, response: { ...refused, ...found } },
      prefixTrailingSlash: 'no-slash' as const,
      onRequest: (request: FastifyRequest) => callers.identify(request, scopes[need])
    }
  }
  const callerOf = (request: FastifyRequest<{ Querystring: Body<typeof InWorkspace> }>) => callers.callerOf(request, request.query.workspace)

  app.post<{ Querystring: Body<typeof InWorkspace>, Body: Body<typeof CreateBody> }>('/', stating('write', 'create', 'Create an endpoint', { body: CreateBody }, { 201: answers.secret }), async (request, reply) => {
    const { workspace, environment } = await callerOf(request)
    const { endpoint, secret } = await webhooks.create(workspace, { ...request.body, environment })
    reply.code(201)
    return { endpoint: viewOf(endpoint), secret }
  })

  app.get<{ Querystring: Body<typeof InWorkspace> }>('/', stating('read', 'list', 'List endpoints', {}, { 200: answers.list }), async (request) => {
    const by = await callerOf(request)
    return { endpoints: (await webhooks.list(by.workspace, by)).map(viewOf) }
  })

  app.get<ById>('/:id', stating('read', 'get', 'Get an endpoint', { params: Params }, { 200: answers.endpoint }), async (request) => {
    const by = await callerOf(request)
    return viewOf(await webhooks.get(by.workspace, request.params.id, by))
  })

  app.patch<ById & { Body: Body<typeof ChangeBody> }>('/:id', stating('write', 'update', 'Change an endpoint', { params: Params, body: ChangeBody }, { 200: answers.endpoint }), async (request) => {
    const by = await callerOf(request)
    return viewOf(await webhooks.update(by.workspace, request.params.id, request.body, by))
  })

  app.delete<ById>('/:id', stating('manage', 'remove', 'Remove an endpoint', { params: Params }, { 204: answers.removed }), async (request, reply) => {
    const by = await callerOf(request)
    await webhooks.remove(by.workspace, request.params.id, by)
    reply.code(204)
  })

  app.post<ById & { Body: Body<typeof RotateBody> }>('/:id/rotate-secret', stating('manage', 'rotate', 'Give an endpoint another secret', { params: Params, body: RotateBody }, { 200: answers.secret }), async (request) => {
    const by = await callerOf(request)
    const { endpoint, secret } = await webhooks.rotateSecret(by.workspace, request.params.id, request.body, by)
    return { endpoint: viewOf(endpoint), secret }
  })

  app.post<ById>('/:id/test', stating('write', 'test', 'Send a test', { params: Params, body: NoBody }, { 202: answers.delivery }), async (request, reply) => {
    const by = await callerOf(request)
    reply.code(202)
    return viewOfDelivery(await webhooks.test(by.workspace, request.params.id, by))
  })

  app.get<{ Params: Body<typeof Params>, Querystring: Body<typeof PageQuery> }>('/:id/deliveries', stating('read', 'deliveries', 'List deliveries with their attempts', { params: Params, querystring: PageQuery }, { 200: answers.deliveries }), async (request) => {
    const { workspace, ...page } = request.query
    const by = await callers.callerOf(request, workspace)
    const { deliveries, ...rest } = await webhooks.deliveries(by.workspace, request.params.id, page, by)
    return { deliveries: deliveries.map(viewOfDelivery), ...rest }
  })

  app.post<ByDelivery>('/:id/deliveries/:delivery/replay', stating('write', 'replay', 'Send a delivery again', { params: DeliveryParams, body: NoBody }, { 202: answers.delivery }), async (request, reply) => {
    const by = await callerOf(request)
    const { id, delivery } = request.params
    reply.code(202)
    return viewOfDelivery(await webhooks.replay(by.workspace, id, delivery, by))
  })
}
