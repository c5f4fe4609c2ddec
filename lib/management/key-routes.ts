import { setTimeout as pause } from 'node:timers/promises'
import type { FastifyInstance, FastifyRequest } from 'fastify'
import { Type } from '@sinclair/typebox'
import { offers } from '../core/access-context.js'
import { withoutPort } from '../core/address.js'
import type { RefusalCode } from '../core/errors.js'
import { checkOptions, OptionError } from '../core/options.js'
import type { Principal } from '../core/principal.js'
import type { ApiKey, KeyCaller } from '../keys/index.js'
import { createFrame, type Kind } from './frame.js'
import { keyRoutesOptions, type KeyRoutesOptions } from './key-options.js'
import type { RouteScopes } from './route-scopes.js'
import { answers, CreateBody, ListQuery, Params, RevokeBody, RotateBody, UpdateBody } from './key-schemas.js'
import { checkPresets, createGrantable } from './grantable.js'
import { viewOfKey } from './key-view.js'
import { instantOf } from './instant.js'
import type { Body, InWorkspaceQuery } from './schemas.js'
import { addUsageRoutes } from './usage-routes.js'

/**
 * Milliseconds between reading a key and rotating it: rotations that arrive within this time rotate the same version,
 * so one of them succeeds and the others get 409 instead of replacing a secret that nobody has seen yet.
 */
const ROTATION_WINDOW_MS = 20

interface ById extends InWorkspaceQuery { Params: Body<typeof Params> }

/** All refusals of status 403 where a key may have more than its caller. */
const EXCEEDING: readonly RefusalCode[] = ['INSUFFICIENT_SCOPE', 'WRONG_ENVIRONMENT', 'KEY_EXCEEDS_CALLER']

const defaultScopes: RouteScopes = { read: 'api_keys:read', write: 'api_keys:write', manage: 'api_keys:manage' }
const kind: Kind = {
  plugin: 'keyRoutes',
  name: 'api_keys',
  tag: 'api keys',
  codes: { invalid: 'KEY_INPUT_INVALID', unavailable: 'KEYS_UNAVAILABLE', missing: 'KEY_NOT_FOUND' },
  also: []
}

/**
 * Routes by which callers of an API manage its keys; after `latchkey`, below a prefix of the host's choice:
 *
 * ```ts
 * await app.register(keyRoutes, { prefix: '/api-keys' })
 * ```
 *
 * A caller sees and changes keys of its own workspace and environment, and can't grant what it has not itself. Errors
 * have the format of the context; every one is in the OpenAPI document.
 *
 * @throws OptionError at boot
 */
export async function keyRoutes (app: FastifyInstance, options: KeyRoutesOptions): Promise<void> {
  checkOptions(keyRoutesOptions, options, 'keyRoutes')
  if (!offers(app, 'keys')) {
    throw new OptionError('register keyRoutes after latchkey, in a context where it has keys')
  }
  if (options.issuing !== undefined && options.session !== undefined) {
    throw new OptionError('option keyRoutes.issuing counts callers with a credential; leave it out next to session: ' +
      'people whom the session knows are not counted')
  }
  const { scopes = defaultScopes, issuing, rotateEvery, mayExceed, presets: bundles = [] } = options
  const { keys } = app.latchkey
  const usage = offers(app, 'usage') ? app.latchkey.usage : undefined
  const { context, actors, viewOfActor, declare } = createFrame(app, scopes, options, kind)
  const viewFor = (by: Principal) => (key: ApiKey) => viewOfKey(key, { by, now: context.clock(), rotateEvery })
  const catalogue = () => app.latchkey.scopesByResource()
  const grantableBy = createGrantable({ catalogue, grants: keys.grants, presets: bundles })
  app.addHook('onReady', async () => checkPresets(bundles, catalogue()))
  const counted = issuing === undefined ? {} : { 'x-rate-limit': issuing }

  async function callerOf (request: FastifyRequest<InWorkspaceQuery>) {
    const by = await actors.actorIn(request, request.query)
    return { by, mayExceed, from: { ip: withoutPort(request.ip), requestId: request.id } } satisfies KeyCaller
  }

  app.post<InWorkspaceQuery & { Body: Body<typeof CreateBody> }>('/', declare({
    scope: 'write',
    name: 'create',
    summary: 'Issue a key',
    takes: { body: CreateBody, ...counted },
    answers: { 201: answers.issued },
    refuses: EXCEEDING
  }), async (request, reply) => {
    const caller = await callerOf(request)
    const { expiresAt, ...fields } = request.body
    const input = { ...fields, workspace: caller.by.workspace, expiresAt: expiryOf(expiresAt) ?? undefined }
    const { key, secret } = await keys.issue(input, caller)
    reply.code(201)
    return { key: viewFor(caller.by)(key), secret }
  })

  app.get<{ Querystring: Body<typeof ListQuery> }>('/', declare({
    scope: 'read',
    name: 'list',
    summary: 'List keys',
    takes: { querystring: ListQuery },
    answers: { 200: answers.list }
  }), async (request) => {
    const { workspace, environment, ...page } = request.query
    const by = await actors.actorIn(request, { workspace, environment })
    const { keys: found, ...rest } = await keys.list(by.workspace, { ...page, environment: by.environment })
    return { keys: found.map(viewFor(by)), ...rest }
  })

  app.get('/workspaces', declare({
    scope: 'read',
    name: 'workspaces',
    summary: 'List the workspaces that you may act in',
    takes: { querystring: Type.Object({}) },
    answers: { 200: answers.workspaces }
  }), async (request) => await actors.workspacesOf(request))

  app.get<InWorkspaceQuery>('/caller', declare({
    scope: 'read',
    name: 'caller',
    summary: 'Get who you are, and what you may do and grant',
    answers: { 200: answers.caller }
  }), async (request) => {
    const by = await actors.actorIn(request, request.query)
    return { ...await viewOfActor(request, by), ...grantableBy(by), ...usage !== undefined && { usage: true } }
  })

  app.get<ById>('/:id', declare({
    scope: 'read',
    name: 'get',
    summary: 'Get a key',
    takes: { params: Params },
    answers: { 200: answers.key }
  }), async (request) => {
    const caller = await callerOf(request)
    return viewFor(caller.by)(await keys.get(caller.by.workspace, request.params.id, caller))
  })

  if (usage !== undefined) addUsageRoutes(app, { keys, usage, callerOf, context, declare })

  app.patch<ById & { Body: Body<typeof UpdateBody> }>('/:id', declare({
    scope: 'write',
    name: 'update',
    summary: 'Change a key',
    takes: { params: Params, body: UpdateBody },
    answers: { 200: answers.changed },
    refuses: ['KEY_CONFLICT', ...EXCEEDING]
  }), async (request) => {
    const caller = await callerOf(request)
    const { expiresAt, ...fields } = request.body
    const input = { ...fields, expiresAt: expiryOf(expiresAt) }
    const { key, effectiveWithin } = await keys.update(caller.by.workspace, request.params.id, input, caller)
    return { key: viewFor(caller.by)(key), effectiveWithin }
  })

  app.post<ById & { Body: Body<typeof RotateBody> }>('/:id/rotate', declare({
    scope: 'manage',
    name: 'rotate',
    summary: 'Replace the secret of a key',
    takes: { params: Params, body: RotateBody, ...counted },
    answers: { 200: answers.rotated },
    refuses: ['KEY_CONFLICT', ...EXCEEDING]
  }), async (request) => {
    const caller = await callerOf(request)
    const { workspace } = caller.by
    const { id } = request.params
    const { version = (await keys.get(workspace, id, caller)).version, ...grace } = request.body
    await pause(ROTATION_WINDOW_MS)
    const { key, secret, effectiveWithin } = await keys.rotate(workspace, id, { ...grace, version }, caller)
    return { key: viewFor(caller.by)(key), secret, effectiveWithin }
  })

  app.post<ById & { Body: Body<typeof RevokeBody> }>('/:id/revoke', declare({
    scope: 'manage',
    name: 'revoke',
    summary: 'Revoke a key, for good',
    takes: { params: Params, body: RevokeBody },
    answers: { 200: answers.changed }
  }), async (request) => {
    const caller = await callerOf(request)
    const { key, effectiveWithin } = await keys.revoke(caller.by.workspace, request.params.id, request.body, caller)
    return { key: viewFor(caller.by)(key), effectiveWithin }
  })
}

/** Null removes the expiry. @throws AccessError for an instant that does not exist */
function expiryOf (text: string | null | undefined): Date | null | undefined {
  return text === undefined || text === null ? text : instantOf('expiresAt', text)
}
