import type { FastifyInstance, FastifyRequest } from 'fastify'
import type { CallerOptions } from './caller.js'
import { frameOptions, frameRoutes, type Kind, type RouteScopes } from './route-frame.js'
import { InWorkspace, type Body } from './key-schemas.js'
import { checkOptions, OptionError } from '../core/options.js'
import { refuse } from '../webhooks/input.js'
import { answers, ChangeBody, CreateBody, DeliveryParams, NoBody, PageQuery, Params, RotateBody, viewOf, viewOfDelivery } from './webhook-schemas.js'

export interface WebhookRoutesOptions extends CallerOptions {
  /** What a caller needs to read endpoints and deliveries, to create, change, test and replay, and to remove and rotate; `webhooks:read` and so on by default. */
  scopes?: RouteScopes | undefined
}

const optionsSchema = frameOptions()

interface ById { Params: Body<typeof Params>, Querystring: Body<typeof InWorkspace> }
interface ByDelivery { Params: Body<typeof DeliveryParams>, Querystring: Body<typeof InWorkspace> }

const defaultScopes: RouteScopes = { read: 'webhooks:read', write: 'webhooks:write', manage: 'webhooks:manage' }
const kind: Kind = {
  name: 'webhooks',
  tag: 'webhooks',
  codes: { invalid: 'WEBHOOK_INPUT_INVALID', unavailable: 'WEBHOOKS_UNAVAILABLE', missing: 'WEBHOOK_NOT_FOUND' },
  more: ['WEBHOOK_CONFLICT'],
  refuse
}

/**
 * Routes by which the callers of an API manage their endpoints, after `webhooks` and below a prefix of the host's choice.
 * A caller sees and changes endpoints of its workspace and environment alone, and they hear of that environment alone.
 *
 * @throws OptionError at boot
 */
export async function webhookRoutes (app: FastifyInstance, options: WebhookRoutesOptions): Promise<void> {
  checkOptions(optionsSchema, options, 'webhookRoutes')
  if (app.latchkey?.webhooks === undefined || app.latchkey.keys === undefined) throw new OptionError('register webhookRoutes after latchkey and webhooks, in a context where they have keys and webhooks')
  const { scopes = defaultScopes } = options
  const { webhooks } = app.latchkey
  const { callers, stating } = frameRoutes(app, scopes, options, kind)
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
