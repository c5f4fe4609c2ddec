import t from 'tap'
import { refused, untyped } from '../helpers/limits.js'
import { keyApi, person } from '../helpers/key-routes.js'

const presets = [
  { name: 'Read-only', description: 'Looks at devices.', scopes: ['devices:read'] },
  { name: 'Everything', scopes: ['devices:manage'] }
] as const

t.test('a caller reads who it is, where it may act, and what it may do and grant', async (t) => {
  const { send, callers } = await keyApi(t, { routes: { presets } })
  const { scopes, ...rest } = (await send('writer', 'GET /api-keys/caller')).json()
  t.strictSame(rest, {
    id: callers.writer.key.id,
    owner: 'ada',
    workspace: 'w1',
    environment: 'production',
    may: { write: true, manage: false },
    presets: [presets[0]],
    workspaces: [{ id: 'w1', current: true }],
    environments: ['production']
  })
  t.strictSame(scopes, [
    { resource: 'devices', title: 'Devices', scopes: [{ scope: 'devices:read', permissions: ['GET /devices'], includes: [] }] },
    {
      resource: 'api_keys',
      title: 'API keys',
      scopes: [
        { scope: 'api_keys:read', permissions: ['list', 'workspaces', 'see what you may do', 'get'], includes: [] },
        { scope: 'api_keys:write', permissions: ['create', 'update'], includes: [] }
      ]
    }
  ], 'only what it may grant')
  const admin = (await send('admin', 'GET /api-keys/caller')).json()
  t.same(admin.may, { write: true, manage: true })
  t.same(admin.presets, presets)
  t.match(admin.scopes[0].scopes.at(-1), { scope: 'devices:manage', permissions: ['all operations'], includes: ['devices:read'] })
  const challenge = 'Bearer realm="api", error="insufficient_scope", scope="api_keys:read"'
  refused(t, await send('plain', 'GET /api-keys/caller'), { status: 403, code: 'INSUFFICIENT_SCOPE', challenge })
})

t.test('a resource of which nothing may be granted, and an owner that is not there, are left out', async (t) => {
  const by = person({ scopes: ['api_keys:read'] })
  const { owner, ...nobody } = by
  const { send } = await keyApi(t, { routes: { session: () => nobody } })
  const caller = (await send(null, 'GET /api-keys/caller')).json()
  t.same(caller.scopes.map(({ resource }: { resource: string }) => resource), ['api_keys'])
  t.notOk('owner' in caller)
})

t.test('in another environment that the host allows, keys are made, found and changed; in no other', async (t) => {
  const { send } = await keyApi(t, { routes: { session: () => person(), environmentsOf: async () => ['sandbox', 'production'] } })
  t.match((await send(null, 'GET /api-keys/caller')).json(), { environment: 'production', environments: ['production', 'sandbox'] })
  t.match((await send(null, 'GET /api-keys/caller?environment=sandbox')).json(), { environment: 'sandbox' })
  const { key } = (await send(null, 'POST /api-keys?environment=sandbox', { scopes: ['devices:read'], name: 'try' })).json()
  t.match(key, { environment: 'sandbox', workspace: 'w1' })
  const namesIn = async (query: string): Promise<string[]> =>
    (await send(null, `GET /api-keys${query}`)).json().keys.map(({ name }: { name?: string }) => name)
  t.ok((await namesIn('?environment=sandbox')).includes('try'))
  t.notOk((await namesIn('')).includes('try'))
  t.equal((await send(null, `POST /api-keys/${key.id}/revoke?environment=sandbox`, {})).statusCode, 200)
  refused(t, await send(null, `POST /api-keys/${key.id}/revoke`, {}), { status: 404, code: 'KEY_NOT_FOUND' })
  refused(t, await send(null, 'GET /api-keys?environment=staging'), { status: 404, code: 'KEY_NOT_FOUND' })
})

t.test('without environmentsOf a caller acts in its own environment alone', async (t) => {
  const { send } = await keyApi(t)
  t.equal((await send('admin', 'GET /api-keys?environment=production')).statusCode, 200)
  refused(t, await send('admin', 'GET /api-keys?environment=sandbox'), { status: 404, code: 'KEY_NOT_FOUND' })
})

t.test('a list of environments that fails is 503', async (t) => {
  const answers: Array<() => unknown> = [() => { throw new Error('secret') }, () => 'sandbox', () => [7], () => [''], () => ({})]
  for (const answer of answers) {
    const { send } = await keyApi(t, { routes: { environmentsOf: () => untyped<string[]>(answer()) } })
    for (const request of ['GET /api-keys/caller', 'GET /api-keys?environment=sandbox']) {
      refused(t, await send('admin', request), { status: 503, code: 'KEYS_UNAVAILABLE', retryAfter: 1 })
    }
  }
})

t.test('presets are checked at boot', async (t) => {
  const { app } = await keyApi(t, { routes: { presets: [{ name: 'Odd', scopes: untyped(['devices:fly']) }] } })
  await t.rejects(async () => await app.ready(), { name: 'OptionError', message: /option keyRoutes\.presets: "Odd" has "devices:fly", which is not declared/ })
  await t.rejects(keyApi(t, { routes: { presets: untyped([{ scopes: [] }]) } }), { name: 'OptionError', message: /option keyRoutes\.presets\.0\.name is missing; it must be text/ })
})
