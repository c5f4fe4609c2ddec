import { setTimeout as pause } from 'node:timers/promises'
import type { FastifyInstance, FastifyRequest } from 'fastify'
import { Type } from '@sinclair/typebox'
import type { RateLimitDeclaration } from '../core/route-access.js'
import { checkOptions, OptionError } from '../core/options.js'
import type { EventOrigin } from '../events/index.js'
import { explainPart, invalid } from '../keys/lifecycle/input.js'
import type { ApiKey } from '../keys/record.js'
import type { CallerOptions } from './caller.js'
import { frameOptions, frameRoutes, refusalsOf, type Kind, type RouteScopes } from './route-frame.js'
import { answers, ChangeBody, CreateBody, InWorkspace, ListQuery, Params, RevokeBody, RotateBody, type Body } from './key-schemas.js'
import { viewOf } from './key-view.js'

export interface KeyRoutesOptions extends CallerOptions {
  /** What a caller needs to read keys, to create and change them, and to rotate and revoke them; `api_keys:read` and so on by default. */
  scopes?: RouteScopes | undefined
  /** What creating and rotating count as; one request of the caller's quota by default. */
  issuing?: RateLimitDeclaration | undefined
  /** Seconds after which a secret should be another one, shown as `rotateBy`; 90 days are 7,776,000. */
  rotateEvery?: number | undefined
}

const optionsSchema = frameOptions({
  issuing: Type.Optional(Type.Object({}, { description: '{ profile, cost }' })),
  rotateEvery: Type.Optional(Type.Number({ exclusiveMinimum: 0, description: 'seconds above 0' }))
})

/** Milliseconds in which rotations come at once: each has read the key before any of them writes, so that one succeeds and the others are told. */
const AT_ONCE = 20

interface ById { Params: Body<typeof Params> }
interface Within { Querystring: Body<typeof InWorkspace> }

const defaultScopes: RouteScopes = { read: 'api_keys:read', write: 'api_keys:write', manage: 'api_keys:manage' }
const kind: Kind = {
  name: 'api_keys',
  tag: 'api keys',
  codes: { invalid: 'KEY_INPUT_INVALID', unavailable: 'KEYS_UNAVAILABLE', missing: 'KEY_NOT_FOUND' },
  more: [],
  refuse: (error, httpPart) => invalid(explainPart(error, httpPart))
}

/**
 * Routes by which the callers of an API manage its keys, after `latchkey` and below a prefix of the host's choice:
 *
 * ```ts
 * await app.register(keyRoutes, { prefix: '/api-keys' })
 * ```
 *
 * A caller sees and changes keys of its workspace and environment alone, and hands out nothing that it may not do itself.
 *
 * @throws OptionError at boot
 */
export async function keyRoutes (app: FastifyInstance, options: KeyRoutesOptions): Promise<void> {
  checkOptions(optionsSchema, options, 'keyRoutes')
  if (app.latchkey?.keys === undefined) throw new OptionError('register keyRoutes after latchkey, in a context where it has keys')
  const { scopes = defaultScopes, issuing, rotateEvery } = options
  const { keys } = app.latchkey
  const { ground, callers, stating } = frameRoutes(app, scopes, options, kind)
  const view = (key: ApiKey) => viewOf(key, ground.clock(), rotateEvery)
  const counted = issuing !== undefined && { 'x-rate-limit': issuing }
  const conflict = refusalsOf(ground, ['KEY_CONFLICT'])

  app.post<Within & { Body: Body<typeof CreateBody> }>('/', stating('write', 'create', 'Issue a key', { body: CreateBody, ...counted }, { 201: answers.issued }), async (request, reply) => {
    const by = await callers.callerOf(request, request.query.workspace)
    const { expiresAt, ...fields } = request.body
    const { key, secret: text } = await keys.issue({ ...fields, workspace: by.workspace, expiresAt: dateOf(expiresAt) }, { by, from: originOf(request) })
    reply.code(201)
    return { key: view(key), text }
  })

  app.get<{ Querystring: Body<typeof ListQuery> }>('/', stating('read', 'list', 'List keys', { querystring: ListQuery }, { 200: answers.list }), async (request) => {
    const { workspace, limit, cursor, owner } = request.query
    const by = await callers.callerOf(request, workspace)
    const page = await keys.list(by.workspace, { limit, cursor, owner, environment: by.environment })
    return { ...page, keys: page.keys.map(view) }
  })

  app.get('/workspaces', stating('read', 'workspaces', 'List the workspaces that you may act in', { querystring: Type.Object({}) }, { 200: answers.workspaces }), (request) => callers.workspacesOf(request))

  app.get<ById & Within>('/:id', stating('read', 'get', 'Get a key', { params: Params }, { 200: answers.key }), async (request) => {
    const by = await callers.callerOf(request, request.query.workspace)
    return view(await keys.get(by.workspace, request.params.id, { by }))
  })

  app.patch<ById & Within & { Body: Body<typeof ChangeBody> }>('/:id', stating('write', 'update', 'Change a key', { params: Params, body: ChangeBody }, { 200: answers.changed, ...conflict }), async (request) => {
    const by = await callers.callerOf(request, request.query.workspace)
    const { expiresAt, ...fields } = request.body
    const { key, effectiveWithin: holdsWithin } = await keys.update(by.workspace, request.params.id, { ...fields, expiresAt: expiresAt === null ? null : dateOf(expiresAt) }, { by, from: originOf(request) })
    return { key: view(key), holdsWithin }
  })

  app.post<ById & Within & { Body: Body<typeof RotateBody> }>('/:id/rotate', stating('manage', 'rotate', 'Give a key another secret', { params: Params, body: RotateBody, ...counted }, { 200: answers.rotated, ...conflict }), async (request) => {
    const by = await callers.callerOf(request, request.query.workspace)
    const { version = (await keys.get(by.workspace, request.params.id, { by })).version, ...grace } = request.body
    await pause(AT_ONCE)
    const { key, ...rest } = await keys.rotate(by.workspace, request.params.id, { ...grace, version }, { by, from: originOf(request) })
    return { key: view(key), ...rest }
  })

  app.post<ById & Within & { Body: Body<typeof RevokeBody> }>('/:id/revoke', stating('manage', 'revoke', 'Revoke a key, for good', { params: Params, body: RevokeBody }, { 200: answers.changed }), async (request) => {
    const by = await callers.callerOf(request, request.query.workspace)
    const { key, effectiveWithin: holdsWithin } = await keys.revoke(by.workspace, request.params.id, request.body, { by, from: originOf(request) })
    return { key: view(key), holdsWithin }
  })
}

function originOf ({ ip, id }: FastifyRequest): EventOrigin {
  return { ip, requestId: id }
}

/** A text that names no instant becomes an invalid Date, which is refused as one. */
function dateOf (text: string | undefined): Date | undefined {
  return text === undefined ? undefined : new Date(text)
}

export type { KeyWorkspace } from './caller.js'
