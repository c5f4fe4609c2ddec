import type { FastifyInstance, FastifyRequest } from 'fastify'
import { offers } from '../core/access-context.js'
import { checkOptions, OptionError } from '../core/options.js'
// For `app.latchkey.webhooks`; types alone: what webhooks need at run time is optional to a host without them.
import type { Webhooks } from '../webhooks/index.js'
import type { ActorOptions } from './actors.js'
import { createFrame, frameOptions, type Kind } from './frame.js'
import type { RouteScopes } from './route-scopes.js'
import type { Body, InWorkspaceQuery } from './schemas.js'
import {
  answers, CreateBody, DeliveriesQuery, DeliveryParams, NoBody, Params, RotateBody, UpdateBody
} from './webhook-schemas.js'
import { eventViews, viewOfDelivery, viewOfEndpoint } from './webhook-view.js'

export interface WebhookRoutesOptions extends ActorOptions {
  /**
   * What a caller needs to see endpoints and deliveries; to create, update and test endpoints and replay deliveries;
   * and to remove endpoints and rotate their secrets; `webhooks:read`, `webhooks:write` and `webhooks:manage` by
   * default.
   */
  scopes?: RouteScopes | undefined
}

const optionsSchema = frameOptions()

interface ById extends InWorkspaceQuery { Params: Body<typeof Params> }
interface ByDelivery extends InWorkspaceQuery { Params: Body<typeof DeliveryParams> }

const defaultScopes: RouteScopes = { read: 'webhooks:read', write: 'webhooks:write', manage: 'webhooks:manage' }
const kind: Kind = {
  plugin: 'webhookRoutes',
  name: 'webhooks',
  tag: 'webhooks',
  codes: { invalid: 'WEBHOOK_INPUT_INVALID', unavailable: 'WEBHOOKS_UNAVAILABLE', missing: 'WEBHOOK_NOT_FOUND' },
  also: ['WEBHOOK_CONFLICT']
}

/**
 * Routes by which callers of an API manage their webhooks; after `latchkey` and `webhooks`, below a prefix of the
 * host's choice:
 *
 * ```ts
 * await app.register(webhookRoutes, { prefix: '/webhooks' })
 * ```
 *
 * A caller sees and changes endpoints of its own workspace and environment, which receive events of that environment
 * alone. Errors have the format of the context; every one is in the OpenAPI document.
 *
 * @throws OptionError at boot
 */
export async function webhookRoutes (app: FastifyInstance, options: WebhookRoutesOptions): Promise<void> {
  checkOptions(optionsSchema, options, 'webhookRoutes')
  if (!offers(app, 'webhooks') || !offers(app, 'keys')) {
    throw new OptionError('register webhookRoutes after latchkey and webhooks, in a context that has keys and webhooks')
  }
  const { scopes = defaultScopes } = options
  const webhooks: Webhooks = app.latchkey.webhooks
  const { actors, viewOfActor, declare } = createFrame(app, scopes, options, kind)

  async function actorOf (request: FastifyRequest<InWorkspaceQuery>) {
    return await actors.actorIn(request, request.query)
  }

  app.post<InWorkspaceQuery & { Body: Body<typeof CreateBody> }>('/', declare({
    scope: 'write',
    name: 'create',
    summary: 'Create an endpoint',
    takes: { body: CreateBody },
    answers: { 201: answers.secret }
  }), async (request, reply) => {
    const by = await actorOf(request)
    const { workspace, environment } = by
    const { endpoint, secret } = await webhooks.create(workspace, { ...request.body, environment })
    reply.code(201)
    return { endpoint: viewOfEndpoint(endpoint, by), secret }
  })

  app.get<InWorkspaceQuery>('/', declare({
    scope: 'read',
    name: 'list',
    summary: 'List endpoints',
    answers: { 200: answers.list }
  }), async (request) => {
    const by = await actorOf(request)
    const endpoints = await webhooks.list(by.workspace, by)
    return { endpoints: endpoints.map((endpoint) => viewOfEndpoint(endpoint, by)) }
  })

  app.get<InWorkspaceQuery>('/caller', declare({
    scope: 'read',
    name: 'caller',
    summary: 'Get who you are, what you may do, and the types of events',
    answers: { 200: answers.caller }
  }), async (request) => ({ ...await viewOfActor(request, await actorOf(request)), events: eventViews }))

  app.get<ById>('/:id', declare({
    scope: 'read',
    name: 'get',
    summary: 'Get an endpoint',
    takes: { params: Params },
    answers: { 200: answers.endpoint }
  }), async (request) => {
    const by = await actorOf(request)
    return viewOfEndpoint(await webhooks.get(by.workspace, request.params.id, by), by)
  })

  app.patch<ById & { Body: Body<typeof UpdateBody> }>('/:id', declare({
    scope: 'write',
    name: 'update',
    summary: 'Change an endpoint',
    takes: { params: Params, body: UpdateBody },
    answers: { 200: answers.endpoint }
  }), async (request) => {
    const by = await actorOf(request)
    const { workspace, environment } = by
    const endpoint = await webhooks.update(workspace, request.params.id, request.body, { environment, by })
    return viewOfEndpoint(endpoint, by)
  })

  app.delete<ById>('/:id', declare({
    scope: 'manage',
    name: 'remove',
    summary: 'Remove an endpoint',
    takes: { params: Params },
    answers: { 204: answers.removed }
  }), async (request, reply) => {
    const by = await actorOf(request)
    await webhooks.remove(by.workspace, request.params.id, by)
    reply.code(204)
  })

  app.post<ById & { Body: Body<typeof RotateBody> }>('/:id/rotate-secret', declare({
    scope: 'manage',
    name: 'rotate',
    summary: 'Replace the secret of an endpoint',
    takes: { params: Params, body: RotateBody },
    answers: { 200: answers.secret }
  }), async (request) => {
    const by = await actorOf(request)
    const { workspace, environment } = by
    const caller = { environment, by }
    const { endpoint, secret } = await webhooks.rotateSecret(workspace, request.params.id, request.body, caller)
    return { endpoint: viewOfEndpoint(endpoint, by), secret }
  })

  app.post<ById>('/:id/test', declare({
    scope: 'write',
    name: 'test',
    summary: 'Send a test',
    takes: { params: Params, body: NoBody },
    answers: { 202: answers.delivery }
  }), async (request, reply) => {
    const by = await actorOf(request)
    reply.code(202)
    return viewOfDelivery(await webhooks.test(by.workspace, request.params.id, by))
  })

  app.get<{ Params: Body<typeof Params>, Querystring: Body<typeof DeliveriesQuery> }>('/:id/deliveries', declare({
    scope: 'read',
    name: 'deliveries',
    summary: 'List deliveries with their attempts',
    takes: { params: Params, querystring: DeliveriesQuery },
    answers: { 200: answers.deliveries }
  }), async (request) => {
    const { workspace, environment, ...page } = request.query
    const by = await actors.actorIn(request, { workspace, environment })
    const { deliveries, ...rest } = await webhooks.deliveries(by.workspace, request.params.id, page, by)
    return { deliveries: deliveries.map(viewOfDelivery), ...rest }
  })

  app.post<ByDelivery>('/:id/deliveries/:delivery/replay', declare({
    scope: 'write',
    name: 'replay',
    summary: 'Send a delivery again',
    takes: { params: DeliveryParams, body: NoBody },
    answers: { 202: answers.delivery }
  }), async (request, reply) => {
    const by = await actorOf(request)
    const { id, delivery } = request.params
    reply.code(202)
    return viewOfDelivery(await webhooks.replay(by.workspace, id, delivery, by))
  })
}
