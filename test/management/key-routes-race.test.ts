import { keyRoutes } from 'fastify-latchkey/management'
import { defineScopes } from 'fastify-latchkey'
import t from 'tap'
import { guarded } from '../helpers/limits.js'

const scopes = defineScopes({ resources: { devices: ['read'], api_keys: ['read', 'write', 'manage'] } })

t.test('of several rotations that come at once one succeeds; those that follow one another all do', async (t) => {
  const { app } = await guarded(t, { scopes, keys: { prefix: 'acme' } }, (app) => { app.register(keyRoutes, { prefix: '/api-keys' }) })
  await app.ready()
  const { secret } = await app.latchkey.keys.issue({ workspace: 'w1', scopes: ['api_keys:manage', 'devices:read'] })
  const { key } = await app.latchkey.keys.issue({ workspace: 'w1', scopes: ['devices:read'] })
  const address = await app.listen({ port: 0, host: '127.0.0.1' })
  async function rotate (version?: number): Promise<{ status: number, code: unknown, version: unknown }> {
    const response = await fetch(`${address}/api-keys/${key.id}/rotate`, { method: 'POST', headers: { authorization: `Bearer ${secret}`, 'content-type': 'application/json' }, body: JSON.stringify({ version }) })
    const body: { code?: string, key?: { version: number } } = JSON.parse(await response.text())
    return { status: response.status, code: body.code, version: body.key?.version }
  }
  const all = await Promise.all([1, 2, 3].map(() => rotate()))
  t.same(all.map(({ status }) => status).sort(), [200, 409, 409])
  t.same(all.filter(({ status }) => status === 409).map(({ code }) => code), ['KEY_CONFLICT', 'KEY_CONFLICT'])
  t.match([await rotate(), await rotate()], [{ status: 200, version: 3 }, { status: 200, version: 4 }])
  t.match([await rotate(3), await rotate(4)], [{ status: 409, code: 'KEY_CONFLICT' }, { status: 200, version: 5 }], 'of a version that was named, that one alone')
})
