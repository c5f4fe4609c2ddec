import Fastify, { type FastifyInstance } from 'fastify'
import { defineScopes } from 'fastify-latchkey'
import t, { type Test } from 'tap'
import { collectRounds } from '../helpers/collect.js'
import { guard, scopes } from '../helpers/documented.js'
import { seedRoutes, seedScopes, seedTable } from '../helpers/seed-table.js'

const handler = async (): Promise<null> => null

async function server (t: Test, options: Parameters<typeof guard>[1]) {
  const app = Fastify()
  t.teardown(() => app.close())
  await guard(app, options)
  return app
}

/** The table without the operations behind its words. */
function wordsOf (app: FastifyInstance) {
  return app.latchkey.scopesByResource()
    .map((one) => ({ ...one, scopes: one.scopes.map(({ scope, permissions }) => ({ scope, permissions })) }))
}

t.test('the table of the second seed comes out of its routes, word for word', async (t) => {
  const app = await server(t, { scopes: seedScopes })
  for (const [url, operationId, ...needs] of seedRoutes) {
    app.post(url, { schema: { ...seedScopes.anyOf(...needs), operationId }, handler })
  }
  await app.ready()
  const table = app.latchkey.scopesByResource()
  t.same(table.map(({ title, scopes }) => [title, ...scopes.map(({ scope, permissions }) => `${scope} ${permissions.join(', ')}`)]), seedTable)
  t.equal(table[0]?.resource, 'config_instances')
})

t.test('an operation moves in the table when its route asks for another scope', async (t) => {
  const rounds = collectRounds()
  for (const [needed, expected] of [['devices:read', ['ping']], ['devices:write', []]] as const) {
    const app = await server(t, {})
    app.get('/ping', { schema: { ...scopes.secure(needed), operationId: 'devices.ping' }, handler })
    await app.ready()
    const [devices] = app.latchkey.scopesByResource()
    rounds.add(devices?.scopes.find(({ scope }) => scope === 'devices:read')?.permissions, expected)
  }
  t.strictSame(rounds.seen, rounds.expected)
})

t.test('a permission is named by its operationId without its own resource, else by method and URL', async (t) => {
  const app = await server(t, {})
  for (const operationId of ['devices.get', 'devices_list', 'reports.make', 'devicesPing', 'devices.', undefined]) {
    app.get(`/${operationId}`, { schema: { ...scopes.secure('devices:read'), ...operationId !== undefined && { operationId } }, handler })
  }
  await app.ready()
  const [devices] = app.latchkey.scopesByResource()
  t.same(devices?.scopes[0]?.permissions, ['get', 'list', 'reports.make', 'devicesPing', 'devices.', 'GET /undefined'])
})

t.test('HEAD is named only where there is no GET, public, optional, hidden and scopeless operations not at all', async (t) => {
  const app = await server(t, {})
  app.get('/both', { schema: scopes.secure('devices:read'), handler })
  app.head('/head', { schema: scopes.secure('devices:read'), handler })
  app.get('/hidden', { schema: { ...scopes.secure('devices:read'), hide: true }, handler })
  app.get('/shown', { schema: { ...scopes.secure('devices:read'), hide: false }, handler })
  app.get('/public', { schema: scopes.public(), handler })
  app.get('/optional', { schema: { security: [{ apiKey: ['devices:read'] }, {}] }, handler })
  app.get('/any', { schema: scopes.secure(), handler })
  await app.ready()
  const [devices] = app.latchkey.scopesByResource()
  t.same(devices?.scopes[0]?.permissions, ['GET /both', 'HEAD /head', 'GET /shown'])
})

t.test('an operation that needs several scopes says what a scope still lacks', async (t) => {
  const app = await server(t, {})
  app.post('/copy', { schema: { ...scopes.secure('devices:read', 'devices:write', 'reports:export'), operationId: 'devices.copy' }, handler })
  app.post('/move', { schema: { ...scopes.anyOf(['devices:read', 'devices:write', 'reports:export'], ['devices:read', 'reports:export']), operationId: 'devices.move' }, handler })
  await app.ready()
  t.same(wordsOf(app), [
    {
      resource: 'devices',
      title: 'Devices',
      scopes: [
        { scope: 'devices:read', permissions: ['copy (with devices:write and reports:export)', 'move (with reports:export)'] },
        { scope: 'devices:write', permissions: ['copy (with devices:read and reports:export)', 'move (with devices:read and reports:export)'] },
        { scope: 'devices:manage', permissions: ['all operations'] }
      ]
    },
    { resource: 'reports', title: 'Reports', scopes: [{ scope: 'reports:export', permissions: ['devices.copy (with devices:read and devices:write)', 'devices.move (with devices:read)'] }] }
  ])
})

t.test('levels stand in one group without a resource; the highest includes all', async (t) => {
  const levels = defineScopes({ levels: ['READ', 'WRITE', 'ADMIN'], resources: { 'audit-log.v2': ['read'], __: ['read'] } })
  const app = await server(t, { scopes: levels })
  app.get('/things', { schema: { operationId: 'listThings' }, handler })
  app.post('/things', handler)
  await app.ready()
  t.same(wordsOf(app), [
    { resource: 'audit-log.v2', title: 'Audit log v2', scopes: [{ scope: 'audit-log.v2:read', permissions: [] }] },
    { resource: '__', title: 'All resources', scopes: [{ scope: '__:read', permissions: [] }] },
    {
      resource: '',
      title: 'All resources',
      scopes: [
        { scope: 'READ', permissions: ['listThings'] },
        { scope: 'WRITE', permissions: ['listThings', 'POST /things'] },
        { scope: 'ADMIN', permissions: ['all operations'] }
      ]
    }
  ])
})

t.test('each word has its operation, for links', async (t) => {
  const app = await server(t, {})
  app.get('/devices/:id', { schema: { ...scopes.secure('devices:read'), operationId: 'devices.get', tags: ['devices'] }, handler })
  app.get('/again/:id', { schema: { ...scopes.secure('devices:read'), operationId: 'devices_get' }, handler })
  app.post('/devices', { schema: scopes.secure('devices:read'), handler })
  await app.ready()
  const [read, , manage] = app.latchkey.scopesByResource()[0]?.scopes ?? []
  t.same(read, {
    scope: 'devices:read',
    permissions: ['get', 'POST /devices'],
    operations: [{ method: 'GET', url: '/devices/:id', operationId: 'devices.get', tags: ['devices'] }, { method: 'POST', url: '/devices', tags: [] }]
  })
  t.same(manage, { scope: 'devices:manage', permissions: ['all operations'], operations: [] })
})
