import Fastify from 'fastify'
import { allowPlainHttp, defineScopes, latchkey, notFound, serverOptions, type LimitStore, type Renderer } from 'fastify-latchkey'
import { issueKeys, logger as stderr, type BuildOptions, type Example } from './base.js'
import { createTable, type ById, type Fields } from './records.js'

/** Two levels: GET and HEAD need READ, other methods need WRITE, which includes READ. No route has to say so. */
const scopes = defineScopes({ levels: ['READ', 'WRITE'] })

const environments = {
  production: [{ name: 'production', quota: 100, window: 60 }],
  sandbox: [{ name: 'sandbox', quota: 300, window: 60 }]
}

/** `{ "error": "INSUFFICIENT_SCOPE" }`, with a short message where the caller is asked to come again. */
const errors: Renderer = ({ code, statusCode, message }) => ({
  body: statusCode === 429 || statusCode === 503 ? { error: code, message } : { error: code }
})

export interface ReadWriteOptions extends BuildOptions {
  /** Where the counters live; memory by default. */
  readonly store?: LimitStore
}

export async function build ({ clock, logger = stderr, store }: ReadWriteOptions = {}): Promise<Example> {
  const app = Fastify(serverOptions({ logger }))
  await app.register(latchkey, {
    scopes,
    keys: { prefix: 'fleet' },
    environment: ['production', 'sandbox'],
    limits: { environments, store },
    rateLimitFields: ['trio', 'draft'],
    errors,
    transport: allowPlainHttp,
    clock
  })
  app.setNotFoundHandler(notFound)

  const { catalog, orders, carts, users, devices } = tables()

  for (const [name, table] of Object.entries({ catalog, orders, carts, users, devices })) {
    app.get(`/${name}`, (request) => table.list(request))
    app.get<ById>(`/${name}/:id`, (request, reply) => table.get(request, request.params.id) ?? notFound(request, reply))
  }

  for (const [name, table, body] of [['carts', carts, cart], ['users', users, named], ['devices', devices, named]] as const) {
    app.post<{ Body: Fields }>(`/${name}`, { schema: { body } }, (request, reply) => reply.code(201).send(table.add(request, request.body)))
    app.patch<ById & { Body: Fields }>(`/${name}/:id`, { schema: { body } }, (request, reply) =>
      table.change(request, request.params.id, request.body) ?? notFound(request, reply))
    app.delete<ById>(`/${name}/:id`, (request, reply) => table.remove(request, request.params.id) ?? notFound(request, reply))
  }

  app.post<ById>('/carts/:id/validate', (request, reply) => {
    const found = carts.get(request, request.params.id)
    return found === undefined ? notFound(request, reply) : { id: found.id, valid: true }
  })

  return {
    title: 'Fleet: a workspace behind each key, READ and WRITE by method',
    app,
    keys: await issueKeys(app, {
      read: { workspace: 'north', scopes: ['READ'] },
      write: { workspace: 'north', scopes: ['WRITE'] },
      'sandbox-read': { workspace: 'north', scopes: ['READ'], environment: 'sandbox' },
      'sandbox-write': { workspace: 'north', scopes: ['WRITE'], environment: 'sandbox' },
      'other-workspace': { workspace: 'south', scopes: ['WRITE'] }
    }),
    tries: [
      { shows: 'a READ key reads; see RateLimit-Remaining', key: 'read', path: '/devices' },
      { shows: 'a READ key does not write: 403', key: 'read', method: 'POST', path: '/devices', body: { name: 'Scanner' } },
      { shows: 'a WRITE key does', key: 'write', method: 'POST', path: '/devices', body: { name: 'Scanner' } },
      { shows: 'and reads too', key: 'write', path: '/carts/cart_1' },
      { shows: 'a sandbox key has 300 requests a minute', key: 'sandbox-read', path: '/catalog' },
      { shows: 'the key of another workspace sees its own devices', key: 'other-workspace', path: '/devices' }
    ]
  }
}

const text = { type: 'string', minLength: 1 }
const named = { type: 'object', required: ['name'], properties: { name: text }, additionalProperties: false }
const cart = { type: 'object', required: ['items'], properties: { items: { type: 'array', items: text } }, additionalProperties: false }

function tables () {
  const catalog = [{ id: 'item_1', name: 'Tablet' }, { id: 'item_2', name: 'Scanner' }]
  return {
    catalog: createTable('item', { north: catalog, south: catalog.slice(1) }),
    orders: createTable('order', { north: [{ id: 'order_1', items: ['item_1'] }], south: [{ id: 'order_2', items: ['item_2'] }] }),
    carts: createTable('cart', { north: [{ id: 'cart_1', items: ['item_1'] }], south: [{ id: 'cart_2', items: [] }] }),
    users: createTable('user', { north: [{ id: 'user_1', name: 'Ada' }], south: [{ id: 'user_2', name: 'Bela' }] }),
    devices: createTable('device', { north: [{ id: 'device_1', name: 'Till' }], south: [{ id: 'device_2', name: 'Gate' }] })
  }
}
