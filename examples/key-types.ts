import Fastify, { type FastifyRequest } from 'fastify'
import { allowPlainHttp, defineScopes, latchkey, notFound, principalOf, serverOptions, type Principal, type RefusalCode, type Renderer } from 'fastify-latchkey'
import { settingsPage } from 'fastify-latchkey/console'
import { keyRoutes } from 'fastify-latchkey/management'
import { issueKeys, logger as stderr, type BuildOptions, type Example } from './base.js'
import { createTable, type ById, type Fields } from './records.js'
import { demoSignIn } from './sign-in.js'

const scopes = defineScopes({
  resources: {
    reports: ['read'],
    events: ['read', 'send'],
    integrations: ['list'],
    syncs: ['trigger'],
    actions: ['approve', 'reject'],
    api_keys: ['read', 'write', 'manage']
  }
})

/** A type of key is a bundle of scopes, chosen when the key is made. */
export const keyTypes = {
  'read-only': ['reports:read', 'events:read', 'integrations:list'],
  'read-write': ['reports:read', 'events:read', 'integrations:list', 'events:send', 'syncs:trigger', 'actions:approve', 'actions:reject']
} as const

/** As a person finds them on the page. */
const presets = [
  { name: 'Read-only', description: 'Access reports, inspect events, list integrations', scopes: keyTypes['read-only'] },
  {
    name: 'Read-write',
    description: 'All read permissions plus: send events, trigger syncs, approve and reject actions',
    scopes: keyTypes['read-write']
  }
]

/** Who may be signed in to the Settings pages: by a cookie in the browser, by a header in scripts. */
const sessions = new Map([['demo-ada', { owner: 'ada', workspace: 'acme' }], ['demo-bela', { owner: 'bela', workspace: 'globex' }]])

const unauthorized = { error: 'unauthorized', message: 'Invalid or missing API key' }
const bodies = new Map<RefusalCode, { error: string, message: string }>([
  ['CREDENTIAL_MISSING', unauthorized],
  ['CREDENTIAL_INVALID', unauthorized],
  ['INSUFFICIENT_SCOPE', { error: 'forbidden', message: 'This operation requires a read-write key' }]
])
const errors: Renderer = ({ code, message }) => ({ body: bodies.get(code) ?? { error: code.toLowerCase(), message } })

export async function build ({ clock, logger = stderr }: BuildOptions = {}): Promise<Example> {
  const app = Fastify(serverOptions({ logger }))
  await app.register(latchkey, {
    scopes,
    keys: { prefix: 'flokit', tags: { live: 'production', stg: 'staging' } },
    environment: 'production',
    limits: false,
    errors,
    transport: allowPlainHttp,
    clock
  })
  app.setNotFoundHandler(notFound)

  const byCookie = demoSignIn(app, sessions, 'settings/')
  function whoIsSignedIn (request: FastifyRequest): Principal | null {
    const session = sessions.get(String(request.headers['x-session'])) ?? byCookie(request)
    return session === undefined ? null : { kind: 'access-token', id: `user_${session.owner}`, ...session, environment: 'production', scopes: scopes.names }
  }
  const environmentsOf = () => ['production', 'staging']
  await app.register(keyRoutes, {
    prefix: '/settings/api-keys', session: whoIsSignedIn, environmentsOf, presets, rotateEvery: 90 * 86_400, mayExceed: ['owner'] // keys are of the workspace
  })
  await app.register(settingsPage, {
    prefix: '/settings', title: 'FloKit → Settings → API Keys', keys: '/settings/api-keys', session: whoIsSignedIn, signIn: '/sign-in', signOut: '/sign-out'
  })

  const reports = createTable('report', { acme: [{ id: 'report_1', title: 'October' }] })
  const events = createTable('event', { acme: [{ id: 'event_1', type: 'signup' }], globex: [{ id: 'event_2', type: 'login' }] })
  const integrations = createTable('integration', { acme: [{ id: 'integration_1', name: 'CRM' }] })
  const actions = createTable('action', { acme: [{ id: 'action_1', state: 'proposed' }] })
  const { secure } = scopes

  app.get('/v1/workspace', { schema: secure() }, (request) => ({ id: principalOf(request).workspace }))

  for (const [path, table, declaration] of [['reports', reports, secure('reports:read')], ['events', events, secure('events:read')]] as const) {
    app.get(`/v1/${path}`, { schema: declaration }, (request) => table.list(request))
    app.get<ById>(`/v1/${path}/:id`, { schema: declaration }, (request, reply) => table.get(request, request.params.id) ?? notFound(request, reply))
  }
  app.get('/v1/integrations', { schema: secure('integrations:list') }, (request) => integrations.list(request))

  app.post<{ Body: Fields }>('/v1/events', { schema: { ...secure('events:send'), body: event } }, (request, reply) =>
    reply.code(202).send(events.add(request, request.body)))
  app.post<ById>('/v1/integrations/:id/sync', { schema: secure('syncs:trigger') }, (request, reply) =>
    integrations.change(request, request.params.id, { state: 'syncing' }) ?? notFound(request, reply))
  app.post<ById>('/v1/actions/:id/approve', { schema: secure('actions:approve') }, (request, reply) =>
    actions.change(request, request.params.id, { state: 'approved' }) ?? notFound(request, reply))
  app.post<ById>('/v1/actions/:id/reject', { schema: secure('actions:reject') }, (request, reply) =>
    actions.change(request, request.params.id, { state: 'rejected' }) ?? notFound(request, reply))

  return {
    title: 'Read-only and read-write keys of a workspace',
    app,
    settings: '/settings/',
    keys: await issueKeys(app, {
      'read-only': { workspace: 'acme', scopes: keyTypes['read-only'] },
      'read-write': { workspace: 'acme', scopes: keyTypes['read-write'] },
      'staging-read-write': { workspace: 'acme', scopes: keyTypes['read-write'], environment: 'staging' },
      'other-workspace': { workspace: 'globex', scopes: keyTypes['read-only'] }
    }),
    tries: [
      { shows: 'the workspace of a key', key: 'read-only', path: '/v1/workspace' },
      { shows: 'a read-only key inspects events', key: 'read-only', path: '/v1/events' },
      { shows: 'and does not send them: 403', key: 'read-only', method: 'POST', path: '/v1/events', body: { type: 'login' } },
      { shows: 'a read-write key does', key: 'read-write', method: 'POST', path: '/v1/events', body: { type: 'login' } },
      { shows: 'and approves actions', key: 'read-write', method: 'POST', path: '/v1/actions/action_1/approve' },
      { shows: 'who is signed in to the Settings finds the keys of the workspace', path: '/settings/api-keys', headers: { 'X-Session': 'demo-ada' } },
      { shows: 'nobody does without: 401', key: 'read-write', path: '/settings/api-keys' },
      { shows: 'no key: 401', path: '/v1/workspace' },
      { shows: 'a staging key is refused in production: 403', key: 'staging-read-write', path: '/v1/workspace' }
    ]
  }
}

const event = { type: 'object', required: ['type'], properties: { type: { type: 'string', minLength: 1 } }, additionalProperties: false }
