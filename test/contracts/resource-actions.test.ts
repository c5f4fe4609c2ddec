import t, { type Test } from 'tap'
import { build } from '../../examples/resource-actions.js'
import { fakeClock } from '../../lib/testing/index.js'
import { collectRounds, rejection } from '../helpers/collect.js'
import { answered, answerOf, answerWith, as, challenges, guardedRoutes, keptLog, refusalOf, refusalWith, refused } from '../helpers/contracts.js'

/** "Scopes by resource", as the document has it. */
const documented = [
  ['Config instances', ['config_instances:read', 'get, list'], ['config_instances:write', 'create'], ['config_instances:manage', 'all operations']],
  ['Config schemas', ['config_schemas:read', 'get, list'], ['config_schemas:write', 'create, update'], ['config_schemas:manage', 'all operations']],
  ['Config types', ['config_types:read', 'get, list'], ['config_types:write', 'create, update'], ['config_types:manage', 'all operations']],
  ['Deployments',
    ['deployments:read', 'get, list'],
    ['deployments:write', 'create'],
    ['deployments:stage', 'stage'],
    ['deployments:deploy', 'deploy'],
    ['deployments:archive', 'archive'],
    ['deployments:manage', 'all operations']],
  ['Devices',
    ['devices:read', 'get, list, ping'],
    ['devices:provision', 'create, activate, reactivate, list'],
    ['devices:write', 'create, update'],
    ['devices:delete', 'delete'],
    ['devices:manage', 'all operations']],
  ['Git commits', ['git_commits:read', 'get, list'], ['git_commits:write', 'create'], ['git_commits:manage', 'all operations']],
  ['Releases', ['releases:read', 'get, list'], ['releases:write', 'create, update'], ['releases:manage', 'all operations']]
] as const

interface Row { readonly resource: string, readonly scope: string, readonly permissions: string }

const rows: readonly Row[] = documented.flatMap(([, ...scopes]) =>
  scopes.map(([scope, permissions]) => ({ resource: scope.slice(0, scope.indexOf(':')), scope, permissions })))

/** Every operation that the table names, by resource. */
const operations = [...new Set(rows.flatMap(({ resource, permissions }) =>
  permissions === 'all operations' ? [] : permissions.split(', ').map((action) => `${resource}.${action}`)))]

function route (operation: string): string {
  const [resource, action = ''] = operation.split('.')
  const standard: Record<string, string> = { list: `GET /v1/${resource}`, get: `GET /v1/${resource}/:id`, create: `POST /v1/${resource}`, update: `PATCH /v1/${resource}/:id`, delete: `DELETE /v1/${resource}/:id` }
  return standard[action] ?? `POST /v1/${resource}/:id/${action}`
}

function request (operation: string): string {
  return route(operation).replace(':id', `${operation.slice(0, operation.indexOf('.'))}_1`)
}

/** Alternatives of an operation, as the table states them: each scope whose row names it. */
function scopesFor (operation: string): string[] {
  const [resource, action = ''] = operation.split('.')
  return rows.filter((row) => row.resource === resource && row.permissions.split(', ').includes(action)).map(({ scope }) => scope)
}

/** What the API reference says of an operation; as much as these tests read. */
interface Document {
  readonly paths: Record<string, Record<string, { operationId?: string, security?: unknown, responses?: Record<string, unknown> }>>
  readonly components: { readonly securitySchemes: Record<string, { type: string, scheme: string }> }
}

async function start (t: Test) {
  const log = keptLog()
  const clock = fakeClock()
  const { app, keys } = await build({ clock: clock.now, logger: log.logger })
  t.teardown(() => app.close())
  await app.ready()
  const holding = async (...scopes: string[]) => as(app, (await app.latchkey.keys.issue({ workspace: 'acme', scopes })).secret)
  return { app, keys, holding }
}

function forbidden (operation: string, granted: readonly string[]) {
  const wanted = scopesFor(operation)
  return {
    status: 403,
    type: 'application/problem+json; charset=utf-8',
    challenge: challenges.scope(wanted[0] ?? ''),
    body: {
      type: 'about:blank',
      title: 'Forbidden',
      status: 403,
      detail: `This operation requires ${wanted.join(', or ')}; the credential grants ${granted.join(', ') || 'nothing'}.`,
      code: 'INSUFFICIENT_SCOPE',
      required: wanted.map((scope) => [scope]),
      granted
    }
  }
}

t.test('this contract speaks of every route of the example', async (t) => {
  const { app } = await start(t)
  t.strictSame(guardedRoutes(app), [...operations.map(route), 'GET /v1/whoami'].sort())
})

t.test('"The Platform API uses scopes to define fine-grained access control.", "Scopes are selected when creating an API key."', async (t) => {
  const { app, keys } = await start(t)
  const { key, secret: text } = await app.latchkey.keys.issue({ workspace: 'acme', scopes: ['devices:read', 'deployments:stage'] })
  t.strictSame(key.scopes, ['devices:read', 'deployments:stage'])
  const response = await as(app, text)('GET /v1/whoami')
  answered(t, response, 200, { kind: 'api-key', scheme: 'apiKey', id: key.id, workspace: 'acme', environment: 'production', scopes: ['devices:read', 'deployments:stage'], version: 1 })
  const patterns = collectRounds()
  for (const scope of ['devices:*', '*', 'devices', 'devices:Read', 'devices:read devices:manage', 'config_instances:update', '__proto__']) {
    patterns.add(await rejection(app.latchkey.keys.issue({ workspace: 'acme', scopes: [scope] })), { code: 'KEY_INPUT_INVALID', statusCode: 400 }, scope)
  }
  t.match(patterns.seen, patterns.expected)
  t.strictSame(Object.keys(keys), ['read', 'write', 'provision', 'stage', 'manage', 'none'])
})

t.test('"Scope names follow a resource:action format (e.g. devices:read)."', async (t) => {
  const { app } = await start(t)
  const names = app.latchkey.scopesByResource().flatMap(({ scopes }) => scopes.map(({ scope }) => scope))
  t.strictSame(names, rows.map(({ scope }) => scope))
  const patterns = collectRounds()
  for (const name of names) patterns.add(name, /^[a-z_]+:[a-z]+$/)
  t.match(patterns.seen, patterns.expected)
})

t.test('"Nearly all API endpoints require one or more scopes, shown on the endpoint’s API Reference page."', async (t) => {
  const { app, holding } = await start(t)
  const nobody = as(app)
  const reference: Document = (await nobody('GET /openapi.json')).json()
  const rounds = collectRounds()
  const patterns = collectRounds()
  for (const operation of operations) {
    const [method = '', url = ''] = route(operation).split(' ')
    const shown = reference.paths[url.replace(':id', '{id}')]?.[method.toLowerCase()]
    rounds.add(shown?.operationId, operation)
    rounds.add(shown?.security, scopesFor(operation).map((scope) => ({ apiKey: [scope] })), `scopes of ${operation}`)
    patterns.add(shown?.responses, { 401: {}, 403: {} }, `refusals of ${operation}`)
  }
  t.match(reference.components.securitySchemes.apiKey, { type: 'http', scheme: 'bearer' })
  const none = await holding()
  t.equal((await none('GET /v1/whoami')).statusCode, 200, 'one endpoint takes any key')
  for (const operation of [...operations.map(request), 'GET /v1/whoami', 'GET /v1/no-such-thing']) {
    rounds.add(refusalOf(await nobody(operation)), refusalWith({
      status: 401,
      type: 'application/problem+json; charset=utf-8',
      challenge: challenges.missing,
      body: { type: 'about:blank', title: 'Unauthorized', status: 401, detail: 'Authentication credentials were not provided.', code: 'CREDENTIAL_MISSING' }
    }), operation)
  }
  t.strictSame(rounds.seen, rounds.expected)
  t.match(patterns.seen, patterns.expected)
})

t.test('"If an API key is missing a required scope, the request returns 403 Forbidden."', async (t) => {
  const { holding } = await start(t)
  const rounds = collectRounds()
  for (const { scope, resource } of rows) {
    const send = await holding(scope)
    for (const operation of operations) {
      const opens = scopesFor(operation).includes(scope) || (scope.endsWith(':manage') && operation.startsWith(`${resource}.`))
      if (!opens) rounds.add(refusalOf(await send(request(operation))), refusalWith(forbidden(operation, [scope])), `${scope} ${operation}`)
    }
  }
  t.strictSame(rounds.seen, rounds.expected)
})

t.test('"Most resources follow a common tier pattern", "read: Get or list operations", "write: Create or update operations"', async (t) => {
  const { app } = await start(t)
  const rounds = collectRounds()
  for (const { title, scopes } of app.latchkey.scopesByResource()) {
    const words = (action: string) => scopes.find(({ scope }) => scope.endsWith(`:${action}`))?.permissions
    rounds.add(words('read')?.filter((word) => word !== 'ping'), ['get', 'list'], title)
    rounds.add(words('write')?.filter((word) => word !== 'update'), ['create'], title)
  }
  t.strictSame(rounds.seen, rounds.expected)
})

t.test('"manage: All operations—superset of all other scopes for the resource", "The manage scope always includes everything for the resource."', async (t) => {
  const { holding } = await start(t)
  const rounds = collectRounds()
  const patterns = collectRounds()
  for (const { scope, resource } of rows.filter((row) => row.permissions === 'all operations')) {
    const send = await holding(scope)
    for (const operation of operations) {
      if (!operation.startsWith(`${resource}.`)) rounds.add(refusalOf(await send(request(operation))), refusalWith(forbidden(operation, [scope])), `${scope} ${operation}`)
      else if (!operation.endsWith('.delete')) rounds.add((await send(request(operation))).statusCode, 200, `${scope} ${operation}`)
    }
    const id = `${resource}_1`
    if (operations.includes(`${resource}.delete`)) patterns.add((await send(`DELETE /v1/${resource}/${id}`)).json(), { id })
  }
  t.strictSame(rounds.seen, rounds.expected)
  t.match(patterns.seen, patterns.expected)
})

t.test('"The write scope does not include read access—if you need both, select both scopes."', async (t) => {
  const { holding } = await start(t)
  const rounds = collectRounds()
  for (const resource of new Set(rows.map((row) => row.resource))) {
    const [write, both] = [await holding(`${resource}:write`), await holding(`${resource}:write`, `${resource}:read`)]
    for (const operation of [`${resource}.get`, `${resource}.list`]) {
      rounds.add(refusalOf(await write(request(operation))), refusalWith(forbidden(operation, [`${resource}:write`])), operation)
    }
    rounds.add(answerOf(await both(`GET /v1/${resource}`)), answerWith(200, [{ id: `${resource}_1`, state: 'new' }]))
    rounds.add(answerOf(await both(`POST /v1/${resource}`, { state: 'made' })), answerWith(200, { id: `${resource}_101`, state: 'made' }))
  }
  t.strictSame(rounds.seen, rounds.expected)
})

t.test('"Some resources have additional granular scopes beyond the standard tiers (e.g. deployments:stage)."', async (t) => {
  const { holding } = await start(t)
  const rounds = collectRounds()
  for (const action of ['stage', 'deploy', 'archive']) {
    const send = await holding(`deployments:${action}`)
    rounds.add(answerOf(await send(`POST /v1/deployments/deployments_1/${action}`)), answerWith(200, { id: 'deployments_1', state: action }))
    rounds.add(refusalOf(await send('GET /v1/deployments')), refusalWith(forbidden('deployments.list', [`deployments:${action}`])), action)
  }
  t.strictSame(rounds.seen, rounds.expected)
})

for (const { scope, resource, permissions } of rows) {
  t.test(`"${scope} | ${permissions}"`, async (t) => {
    const { app, holding } = await start(t)
    const send = await holding(scope)
    const opened: string[] = []
    const mine = operations.filter((operation) => operation.startsWith(`${resource}.`))
    const rounds = collectRounds()
    for (const operation of [...mine.filter((one) => !one.endsWith('.delete')), ...mine.filter((one) => one.endsWith('.delete'))]) {
      const { statusCode } = await send(request(operation))
      if (statusCode !== 403) rounds.add(statusCode, 200, operation)
      if (statusCode === 200) opened.push(operation.slice(resource.length + 1))
    }
    t.strictSame(rounds.seen, rounds.expected)
    const expected = permissions === 'all operations' ? mine.map((operation) => operation.slice(resource.length + 1)) : permissions.split(', ')
    t.strictSame(opened.sort(), [...expected].sort(), 'what it opens over HTTP')
    const row = app.latchkey.scopesByResource().flatMap(({ scopes }) => scopes).find((one) => one.scope === scope)
    t.equal(row?.permissions.join(', '), permissions, 'what the table says')
  })
}

t.test('"Scopes by resource": the table, made from the routes, is the document’s word for word', async (t) => {
  const { app } = await start(t)
  const table = app.latchkey.scopesByResource().map(({ title, scopes }) => [title, ...scopes.map(({ scope, permissions }) => [scope, permissions.join(', ')])])
  t.strictSame(table, documented)
  answered(t, await as(app)('GET /scopes.json'), 200, app.latchkey.scopesByResource())

  const page = await as(app)('GET /scopes')
  t.equal(page.statusCode, 200)
  t.equal(page.headers['content-type'], 'text/html; charset=utf-8')
  const said = page.payload.replace(/<style>.*<\/style>/s, '').replace(/<[^>]+>/g, ' ').replace(/\s+/g, ' ')
  const patterns = collectRounds()
  for (const [title, ...scopes] of documented) {
    patterns.add(said, `${title} Scope Permissions ${scopes.map((row) => row.join(' ')).join(' ')}`)
  }
  t.match(patterns.seen, patterns.expected)
})

t.test('"While granting an API unrestricted access to your resources is convenient, it is a security risk. We recommend using the principle of least privilege to grant the least amount of access possible.": nothing is granted that was not selected', async (t) => {
  const { app, holding } = await start(t)
  const none = await holding()
  const rounds = collectRounds()
  for (const operation of operations) rounds.add(refusalOf(await none(request(operation))), refusalWith(forbidden(operation, [])), operation)
  t.strictSame(rounds.seen, rounds.expected)
  const keys = await Promise.all(rows.map(async ({ scope }) => [scope, (await app.latchkey.keys.issue({ workspace: 'acme', scopes: [scope] })).key.scopes]))
  t.strictSame(keys, rows.map(({ scope }) => [scope, [scope]]))
})

t.test('the example runs by itself', async (t) => {
  const { app, keys } = await build()
  t.teardown(() => app.close())
  answered(t, await as(app, keys.manage)('GET /v1/releases'), 200, [{ id: 'releases_1', state: 'new' }])
  refused(t, await as(app, keys.manage)('GET /v1/releases/none'), {
    status: 404,
    type: 'application/problem+json; charset=utf-8',
    body: { type: 'about:blank', title: 'Not Found', status: 404, detail: 'There is nothing here.', code: 'NOT_FOUND' }
  })
})
