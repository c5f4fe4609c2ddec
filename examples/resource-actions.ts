import swagger from '@fastify/swagger'
import Fastify, { type FastifyRequest } from 'fastify'
import { allowPlainHttp, defineScopes, latchkey, notFound, principalOf, serverOptions, type Principal } from 'fastify-latchkey'
import { settingsPage } from 'fastify-latchkey/console'
import { keyRoutes } from 'fastify-latchkey/management'
import { scopesHtml, swaggerOptions } from 'fastify-latchkey/openapi'
import { issueKeys, logger as stderr, type BuildOptions, type Example } from './base.js'
import { createTable, type ById, type Fields, type Table } from './records.js'
import { demoSignIn } from './sign-in.js'

/** `write` does not include `read`; `manage` includes everything of its resource. */
const scopes = defineScopes({
  resources: {
    config_instances: ['read', 'write', 'manage'],
    config_schemas: ['read', 'write', 'manage'],
    config_types: ['read', 'write', 'manage'],
    deployments: ['read', 'write', 'stage', 'deploy', 'archive', 'manage'],
    devices: ['read', 'provision', 'write', 'delete', 'manage'],
    git_commits: ['read', 'write', 'manage'],
    releases: ['read', 'write', 'manage']
  }
})

const { anyOf, public: everybody, secure } = scopes

/** What each operation needs. Enforced, shown in the API reference and turned into the table of scopes. */
const operations = {
  config_instances: { get: secure('config_instances:read'), list: secure('config_instances:read'), create: secure('config_instances:write') },
  config_schemas: {
    get: secure('config_schemas:read'), list: secure('config_schemas:read'), create: secure('config_schemas:write'), update: secure('config_schemas:write')
  },
  config_types: {
    get: secure('config_types:read'), list: secure('config_types:read'), create: secure('config_types:write'), update: secure('config_types:write')
  },
  deployments: {
    get: secure('deployments:read'),
    list: secure('deployments:read'),
    create: secure('deployments:write'),
    stage: secure('deployments:stage'),
    deploy: secure('deployments:deploy'),
    archive: secure('deployments:archive')
  },
  devices: {
    create: anyOf('devices:provision', 'devices:write'),
    activate: secure('devices:provision'),
    reactivate: secure('devices:provision'),
    get: secure('devices:read'),
    list: anyOf('devices:read', 'devices:provision'),
    ping: secure('devices:read'),
    update: secure('devices:write'),
    delete: secure('devices:delete')
  },
  git_commits: { get: secure('git_commits:read'), list: secure('git_commits:read'), create: secure('git_commits:write') },
  releases: { get: secure('releases:read'), list: secure('releases:read'), create: secure('releases:write'), update: secure('releases:write') }
}

/** Ada may grant everything; Bela, in the same workspace, less. */
const people = new Map([
  ['demo-ada', { owner: 'ada', scopes: scopes.names.filter((name) => name.endsWith(':manage')) }],
  ['demo-bela', { owner: 'bela', scopes: [...scopes.names.filter((name) => name.endsWith(':read')), 'devices:manage'] }]
])

/** Whoever is signed in manages keys, and grants no more than is granted to that person. */
const everyone = { read: 'devices:read', write: 'devices:read', manage: 'devices:read' } as const

export async function build ({ clock, logger = stderr }: BuildOptions = {}): Promise<Example> {
  const app = Fastify(serverOptions({ logger }))
  await app.register(swagger, swaggerOptions(app, { openapi: { openapi: '3.1.0', info: { title: 'Platform API', version: '1.0.0' } } }))
  await app.register(latchkey, { scopes, keys: { prefix: 'platform' }, environment: 'production', limits: false, transport: allowPlainHttp, clock })
  app.setNotFoundHandler(notFound)

  for (const [resource, actions] of Object.entries(operations)) {
    const table = createTable(resource, { acme: [{ id: `${resource}_1`, state: 'new' }] })
    for (const [action, declaration] of Object.entries(actions)) {
      const { method, path, run } = endpoint(action)
      app.route<Call>({
        method,
        url: `/v1/${resource}${path}`,
        schema: { ...declaration, operationId: `${resource}.${action}`, tags: [resource] },
        handler: (request, reply) => run(table, request) ?? notFound(request, reply)
      })
    }
  }

  app.get('/v1/whoami', { schema: { ...secure(), operationId: 'whoami' } }, (request) => principalOf(request))
  app.get('/openapi.json', { schema: { ...everybody(), hide: true } }, () => app.swagger())
  app.get('/scopes.json', { schema: { ...everybody(), hide: true } }, () => app.latchkey.scopesByResource())
  app.get('/scopes', { schema: { ...everybody(), hide: true } }, (_request, reply) =>
    reply.type('text/html; charset=utf-8').send(scopesHtml(app.latchkey.scopesByResource(), { title: 'Scopes by resource' })))

  const byCookie = demoSignIn(app, people, 'settings/')
  function whoIsSignedIn (request: FastifyRequest): Principal | null {
    const person = byCookie(request)
    return person === undefined ? null : { kind: 'access-token', id: `user_${person.owner}`, workspace: 'acme', environment: 'production', ...person }
  }
  await app.register(keyRoutes, {
    prefix: '/settings/api-keys', session: whoIsSignedIn, scopes: everyone, rotateEvery: 90 * 86_400, mayExceed: ['owner'], hide: true
  })
  await app.register(settingsPage, {
    prefix: '/settings', title: 'Platform → Settings', keys: '/settings/api-keys', session: whoIsSignedIn, signIn: '/sign-in', signOut: '/sign-out'
  })

  return {
    title: 'A platform with scopes of the form resource:action',
    app,
    settings: '/settings/',
    keys: await issueKeys(app, {
      read: { workspace: 'acme', scopes: ['devices:read', 'deployments:read'] },
      write: { workspace: 'acme', scopes: ['devices:write'] },
      provision: { workspace: 'acme', scopes: ['devices:provision'] },
      stage: { workspace: 'acme', scopes: ['deployments:stage'] },
      manage: { workspace: 'acme', scopes: scopes.names.filter((name) => name.endsWith(':manage')) },
      none: { workspace: 'acme', scopes: [] }
    }),
    pages: ['/scopes', '/scopes.json', '/openapi.json'],
    tries: [
      { shows: 'devices:read lists and pings', key: 'read', method: 'POST', path: '/v1/devices/devices_1/ping' },
      { shows: 'devices:write does not read: 403', key: 'write', path: '/v1/devices' },
      { shows: 'devices:provision creates', key: 'provision', method: 'POST', path: '/v1/devices', body: {} },
      { shows: 'deployments:stage stages', key: 'stage', method: 'POST', path: '/v1/deployments/deployments_1/stage' },
      { shows: 'and does not deploy: 403', key: 'stage', method: 'POST', path: '/v1/deployments/deployments_1/deploy' },
      { shows: 'manage does everything', key: 'manage', path: '/v1/releases' }
    ]
  }
}

interface Call extends ById { Body: Fields }
interface Endpoint { method: string, path: string, run: (table: Table, request: FastifyRequest<Call>) => unknown }

const known = new Map<string, Endpoint>(Object.entries({
  get: { method: 'GET', path: '/:id', run: (table, request) => table.get(request, request.params.id) },
  list: { method: 'GET', path: '', run: (table, request) => table.list(request) },
  create: { method: 'POST', path: '', run: (table, request) => table.add(request, request.body) },
  update: { method: 'PATCH', path: '/:id', run: (table, request) => table.change(request, request.params.id, request.body) },
  delete: { method: 'DELETE', path: '/:id', run: (table, request) => table.remove(request, request.params.id) }
} satisfies Record<string, Endpoint>))

function endpoint (action: string): Endpoint {
  return known.get(action) ?? { method: 'POST', path: `/:id/${action}`, run: (table, request) => table.change(request, request.params.id, { state: action }) }
}
