import { setTimeout as pause } from 'node:timers/promises'
import Fastify from 'fastify'
import { allowPlainHttp, defineScopes, latchkey, principalOf, serverOptions } from 'fastify-latchkey'
import { keyRoutes } from 'fastify-latchkey/management'
import { logger } from './base.js'

/**
 * Lives a key's whole life over HTTP: created, used, changed, rotated with a grace, revoked, refused. Starts a server for
 * it on this machine and ends it again:
 *
 *     node --conditions=fastify-latchkey-source --import tsx examples/key-life.ts
 */
const scopes = defineScopes({ resources: { devices: ['read', 'write'], api_keys: ['read', 'write', 'manage'] } })
const DAY = 86_400
/** Seconds that an earlier secret goes on here; a platform would give days. */
const GRACE = 2

const app = Fastify(serverOptions({ logger }))
await app.register(latchkey, {
  scopes,
  keys: { prefix: 'acme' },
  environment: 'production',
  transport: allowPlainHttp // for this machine alone
})
app.latchkey.events.on(['key.issued', 'key.updated', 'key.rotated', 'key.revoked'], ({ type, data, by }) => {
  console.log(`      event ${type} of ${data.key.name ?? 'a key'}, by ${by === undefined ? 'the host' : 'the administrator'}`)
})
await app.register(keyRoutes, { prefix: '/api-keys', rotateEvery: 90 * DAY, issuing: { cost: 10 } })
app.get('/devices', { schema: scopes.secure('devices:read') }, (request) => ({ workspace: principalOf(request).workspace, devices: [] }))

const url = await app.listen({ host: '127.0.0.1', port: 0 })
try {
  const administrator = await app.latchkey.keys.issue({ workspace: 'north', name: 'administrator', owner: 'ada', scopes: ['devices:read', 'api_keys:manage'] })
  await live(administrator.secret)
} finally {
  await app.close()
}

async function live (administrator: string): Promise<void> {
  const created = await ask('create a key that may read', administrator, 'POST', '/api-keys', { name: 'nightly', scopes: ['devices:read'] })
  const first = secretOf(created)
  const path = `/api-keys/${created.key.id}`
  await ask('but none that may do more than its creator', administrator, 'POST', '/api-keys', { name: 'wide', scopes: ['devices:write'] })
  await ask('use it', first, 'GET', '/devices')
  await ask('it manages no keys', first, 'GET', '/api-keys')
  await ask('change it', administrator, 'PATCH', path, { name: 'nightly import', expiresAt: new Date(Date.now() + 365 * DAY * 1000).toISOString() })

  const second = secretOf(await ask(`rotate it, with ${GRACE} s of grace`, administrator, 'POST', `${path}/rotate`, { grace: GRACE }))
  await ask('the new secret', second, 'GET', '/devices')
  await ask('the earlier one', first, 'GET', '/devices')
  await pause(GRACE * 1000)
  await ask('the earlier one after its grace', first, 'GET', '/devices')
  await ask('rotate the version that it was at first', administrator, 'POST', `${path}/rotate`, { version: 1 })

  const { key } = await ask('revoke it', administrator, 'POST', `${path}/revoke`, { reason: 'the import has moved' })
  await ask('the new secret', second, 'GET', '/devices')
  await ask('rotate what is revoked', administrator, 'POST', `${path}/rotate`, {})
  console.log(`      ${key.status}: ${key.revokedReason}; a secret of ${String(key.secrets?.at(-1)?.createdAt).slice(0, 10)} was to be rotated by ${String(key.rotateBy).slice(0, 10)}`)
}

interface Key { id?: string, status?: string, revokedReason?: string, rotateBy?: string, secrets?: Array<{ createdAt: string }> }

async function ask (what: string, credential: string, method: string, path: string, body?: object): Promise<{ key: Key, secret?: string }> {
  const response = await fetch(url + path, {
    method,
    headers: { authorization: `Bearer ${credential}`, ...body !== undefined && { 'content-type': 'application/json' } },
    ...body !== undefined && { body: JSON.stringify(body) }
  })
  const answer: { key?: Key, secret?: string, code?: string, detail?: string } = JSON.parse(await response.text())
  console.log(`${response.status}   ${what}${answer.detail === undefined ? '' : `: ${answer.code}, ${answer.detail}`}`)
  return { key: {}, ...answer }
}

function secretOf ({ secret }: { secret?: string }): string {
  if (secret === undefined) throw new Error('no key was issued')
  return secret
}
