import swagger from '@fastify/swagger'
import { Type, type TypeBoxTypeProvider } from '@fastify/type-provider-typebox'
import Fastify, { type FastifyRequest } from 'fastify'
import { allowPlainHttp, defineScopes, latchkey, notFound, serverOptions, type Principal } from 'fastify-latchkey'
import { settingsPage } from 'fastify-latchkey/console'
import { scopesHtml, swaggerOptions } from 'fastify-latchkey/openapi'
import { keyRoutes, webhookRoutes, type ActorOptions } from 'fastify-latchkey/management'
import { allowPrivateAddresses, createMemoryWebhookStore, webhooks } from 'fastify-latchkey/webhooks'
import { createDevices, Device, Name } from './devices.js'
import { demoSignIn } from './sign-in.js'
import { operationUrl, referencePage } from './reference-page.js'
import { openStorage } from './storage.js'
import { issueKeys, logger as stderr, main, type BuildOptions, type Example } from './base.js'

const scopes = defineScopes({
  resources: {
    devices: ['read', 'write', 'delete', 'reboot', 'manage'],
    api_keys: ['read', 'write', 'manage']
  },
  implies: { 'devices:reboot': ['devices:read'] }
})

const Devices = Type.Array(Device, { description: 'All devices of your workspace.' })
const Gone = Type.Null({ description: 'The device is deleted.' })
const Missing = { description: 'Your workspace has no such device.', content: { 'application/problem+json': { schema: Type.Object({ code: Type.String() }) } } }

/** Ada manages everything in two workspaces; Bela, in one of them, sees keys and reads devices. */
const people = new Map([
  ['demo-ada', { owner: 'ada', workspaces: [{ id: 'north', name: 'North Ltd' }, { id: 'south', name: 'South Ltd' }], scopes: ['api_keys:manage', 'devices:manage'] }],
  ['demo-bela', { owner: 'bela', workspaces: [{ id: 'north', name: 'North Ltd' }], scopes: ['api_keys:read', 'devices:read'] }]
] as const)

const tags = ['devices']
const body = Type.Object({ name: Name }, { additionalProperties: false, examples: [{ name: 'Till 3' }] })
const params = Type.Object({ id: Type.String({ examples: ['device_1'] }) })

/** A small devices API: all that guards it is the registration of Latchkey and what each route's schema states. */
export async function build ({ clock, logger = stderr, storage }: BuildOptions = {}): Promise<Example> {
  const app = Fastify(serverOptions({ logger })).withTypeProvider<TypeBoxTypeProvider>()
  app.addHook('onClose', async () => { await storage?.close() })
  await app.register(swagger, swaggerOptions(app, {
    openapi: {
      openapi: '3.1.0',
      info: { title: 'Devices API', version: '1.0.0', description: ABOUT, license: { name: 'MIT', identifier: 'MIT' } },
      servers: [{ url: '/' }],
      tags: [{ name: 'devices', description: 'Devices of your workspace' }, { name: 'api keys', description: 'Keys of your workspace' }]
    }
  }))
  await app.register(latchkey, {
    scopes,
    keys: { prefix: 'acme', store: storage?.keys, recordUse: { interval: 5 } },
    limits: { store: storage?.limits },
    usage: { store: storage?.usage, interval: 5 }, // both, so that /settings shows a request soon; 60 by default
    environment: process.env.ENVIRONMENT ?? ['production', 'sandbox'],
    undeclared: ({ url }) => url.startsWith('/docs') ? 'public' : 'refuse', // the pages of Scalar can't state it themselves
    transport: allowPlainHttp, // for this machine alone; without it, plain HTTP is refused
    clock
  })
  await app.register(referencePage)
  app.setNotFoundHandler(notFound)

  app.get('/openapi.json', { schema: { ...scopes.public(), hide: true } }, () => app.swagger())
  app.get('/scopes', { schema: { ...scopes.public(), hide: true } }, (_request, reply) => {
    reply.type('text/html; charset=utf-8').send(scopesHtml(app.latchkey.scopesByResource(), { title: 'Devices API: scopes', operationUrl }))
  })

  await app.register(keyRoutes, { prefix: '/api-keys', rotateEvery: 90 * 86_400 })
  const byCookie = demoSignIn(app, people, 'settings/')
  function whoIsSignedIn (request: FastifyRequest): Principal | null {
    const person = byCookie(request)
    if (person === undefined) return null
    const { owner, scopes, workspaces: [{ id: workspace }] } = person
    return { kind: 'access-token', id: `user_${owner}`, owner, workspace, environment: 'production', scopes }
  }
  const inSession: ActorOptions = {
    session: whoIsSignedIn,
    workspacesOf: (_principal, request) => byCookie(request)?.workspaces ?? [],
    environmentsOf: () => ['production', 'sandbox'],
    hide: true
  }
  await app.register(keyRoutes, { ...inSession, prefix: '/settings/api-keys', mayExceed: ['owner', 'tier'], rotateEvery: 90 * 86_400 })
  // So that a receiver on this machine can be tried; a server of yours leaves `destinations` out, and delivers to public hosts alone.
  await app.register(webhooks, { store: storage?.webhooks ?? createMemoryWebhookStore(), destinations: allowPrivateAddresses })
  // Who manages keys manages webhooks: scopes such as `webhooks:read` of your own tell them apart.
  await app.register(webhookRoutes, {
    ...inSession, prefix: '/settings/webhooks', scopes: { read: 'api_keys:read', write: 'api_keys:write', manage: 'api_keys:manage' }
  })
  await app.register(settingsPage, {
    prefix: '/settings',
    title: 'Devices API: settings',
    keys: '/settings/api-keys',
    webhooks: '/settings/webhooks',
    session: whoIsSignedIn,
    signIn: '/sign-in',
    signOut: '/sign-out'
  })
  const devicesOf = createDevices()

  app.get('/devices', {
    schema: { ...scopes.secure('devices:read'), operationId: 'devices.list', summary: 'List devices', tags, response: { 200: Devices } }
  }, (request) => devicesOf(request).list())

  app.get('/devices/:id', {
    schema: { ...scopes.secure('devices:read'), operationId: 'devices.get', summary: 'Get a device', tags, params, response: { 200: Device, 404: Missing } }
  }, (request, reply) => devicesOf(request).get(request.params.id) ?? notFound(request, reply))

  app.post('/devices', {
    schema: { ...scopes.secure('devices:write'), operationId: 'devices.create', summary: 'Create a device', tags, body, response: { 201: Device } }
  }, (request, reply) => { reply.code(201).send(devicesOf(request).add(request.body.name)) })

  app.patch('/devices/:id', {
    schema: { ...scopes.secure('devices:write'), operationId: 'devices.update', summary: 'Rename a device', tags, params, body, response: { 200: Device, 404: Missing } }
  }, (request, reply) => devicesOf(request).change(request.params.id, request.body) ?? notFound(request, reply))

  app.delete('/devices/:id', {
    schema: { ...scopes.secure('devices:delete'), operationId: 'devices.delete', summary: 'Delete a device', tags, params, response: { 204: Gone, 404: Missing } }
  }, (request, reply) => {
    if (devicesOf(request).delete(request.params.id)) reply.code(204).send(null)
    else notFound(request, reply)
  })

  app.post('/devices/:id/ping', {
    schema: { ...scopes.secure('devices:read'), operationId: 'devices.ping', summary: 'Ping a device', tags, params, response: { 200: Device, 404: Missing } }
  }, (request, reply) => devicesOf(request).get(request.params.id) ?? notFound(request, reply))

  app.post('/devices/:id/reboot', {
    schema: { ...scopes.secure('devices:reboot', { cost: 10 }), operationId: 'devices.reboot', summary: 'Reboot a device', tags, params, response: { 200: Device, 404: Missing } }
  }, (request, reply) => devicesOf(request).change(request.params.id, { status: 'rebooting' }) ?? notFound(request, reply))

  return {
    title: 'Devices API',
    app,
    settings: '/settings/',
    hints: ['Webhooks in the browser: add the endpoint http://localhost:4000, and run its receiver in another terminal:', RECEIVER],
    pages: ['/docs/', '/scopes', '/openapi.json'],
    keys: await issueKeys(app, {
      read: { workspace: 'north', scopes: ['devices:read'] },
      write: { workspace: 'north', scopes: ['devices:read', 'devices:write'] },
      manage: { workspace: 'north', scopes: ['devices:manage'], tier: 'pro' },
      free: { workspace: 'north', scopes: ['devices:reboot'], tier: 'free' },
      sandbox: { workspace: 'north', scopes: ['devices:manage'], environment: 'sandbox' },
      'other-workspace': { workspace: 'south', scopes: ['devices:manage'], tier: 'enterprise' },
      admin: { workspace: 'north', scopes: ['api_keys:manage', 'devices:manage'] }
    }, storage),
    tries: [
      { shows: 'list the devices; see RateLimit', key: 'read', path: '/devices' },
      { shows: 'without a key: 401 and a challenge', path: '/devices' },
      { shows: 'a key that may read does not create: 403', key: 'read', method: 'POST', path: '/devices', body: { name: 'Till 3' } },
      { shows: 'this one may', key: 'write', method: 'POST', path: '/devices', body: { name: 'Till 3' } },
      { shows: 'reboot, at the cost of 10 requests of a burst of 100: the 11th is a 429', key: 'free', method: 'POST', path: '/devices/device_1/reboot' },
      { shows: 'the sandbox has devices of its own; with ENVIRONMENT=production npm start, a 403', key: 'sandbox', path: '/devices' },
      { shows: 'so has every workspace', key: 'other-workspace', path: '/devices' },
      { shows: 'the keys of a workspace, with when each was used last', key: 'admin', path: '/api-keys' },
      { shows: 'another one, which may only read; its secret is shown this once', key: 'admin', method: 'POST', path: '/api-keys', body: { name: 'report', scopes: ['devices:read'] } }
    ]
  }
}

const ABOUT = '**Authentication** takes a demo key that `npm start` printed. What each scope permits: [Scopes](/scopes).'

const RECEIVER = 'node -e "require(\'http\').createServer((q, s) => q.on(\'end\', () => s.end(console.log())).pipe(process.stdout)).listen(4000)"'

await main(import.meta.url, async () => await build({ storage: await openStorage(process.env) }))
