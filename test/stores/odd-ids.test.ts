import Fastify, { type FastifyInstance } from 'fastify'
import pg from 'pg'
import t, { type Test } from 'tap'
import { AccessError, allowPlainHttp, latchkey, type Principal } from 'fastify-latchkey'
import { createMemoryKeyStore, type KeyStore } from 'fastify-latchkey/keys'
import { createPgliteKeyStore, createPostgresKeyStore } from 'fastify-latchkey/keys/postgres'
import { createRedisKeyStore } from 'fastify-latchkey/keys/redis'
import { keyRoutes, webhookRoutes } from 'fastify-latchkey/management'
import { allowPrivateAddresses, createMemoryWebhookStore, webhooks, type WebhookStore } from 'fastify-latchkey/webhooks'
import { createPgliteWebhookStore, createPostgresWebhookStore } from 'fastify-latchkey/webhooks/postgres'
import { createRedisWebhookStore } from 'fastify-latchkey/webhooks/redis'
import { caller, scopes } from '../helpers/keyring.js'
import { untyped } from '../helpers/limits.js'
import { openDatabase } from '../helpers/pglite.js'
import { startPostgres } from '../helpers/postgres.js'
import { startRedis } from '../helpers/redis-server.js'

/** Texts that no id is, some of which a database refuses. */
const ODD: readonly unknown[] = ['', '\0', 'key_\0', 'a\nb', '\u007f', '\ud800', 'x\udc00', 'é'.repeat(600), '__proto__', '%00', "' OR 1=1 --", undefined, null, 7, {}, ['key_1']]
/** As segments of a path; a longer one is no route. */
const SEGMENTS = ['%00', 'key_%00', 'a%0Ab', '%7F', '%C2%80', '__proto__', '%2500', '%27', '%F0%9F%94%91']

async function serve (t: Test, store: KeyStore, webhookStore: WebhookStore): Promise<FastifyInstance> {
  const app = Fastify()
  t.teardown(() => app.close())
  const by: Principal = caller(['api_keys:manage', 'devices:manage'])
  const session = { session: () => by, scopes: { read: 'api_keys:manage', write: 'api_keys:manage', manage: 'api_keys:manage' } } as const
  await app.register(latchkey, { scopes, environment: 'production', keys: { prefix: 'acme', store }, limits: false, transport: allowPlainHttp })
  await app.register(webhooks, { store: webhookStore, destinations: allowPrivateAddresses, resolve: async () => ['127.0.0.1'] })
  await app.register(keyRoutes, { prefix: '/api-keys', ...session })
  await app.register(webhookRoutes, { prefix: '/webhooks', ...session })
  await app.ready()
  return app
}

const codeOf = (work: Promise<unknown>) => work.then(() => 'answered', (fault: unknown) => fault instanceof AccessError ? `${fault.statusCode} ${fault.code}` : String(fault))

async function refusesOddIds (t: Test, store: KeyStore, webhookStore: WebhookStore): Promise<void> {
  const app = await serve(t, store, webhookStore)
  const { keys, webhooks } = app.latchkey
  const { key } = await keys.issue({ workspace: 'w1', scopes: [] })
  const { endpoint } = await webhooks.create('w1', { url: 'https://localhost/' })
  const input = { url: 'https://localhost/' }
  const wrong: unknown[] = []
  for (const odd of ODD) {
    const [id, workspace]: [string, string] = [untyped(odd), untyped(odd)]
    const missing = [
      keys.get('w1', id), keys.get(workspace, key.id), keys.update('w1', id, {}), keys.update(workspace, key.id, {}), keys.expire('w1', id), keys.expire(workspace, key.id),
      keys.rotate('w1', id), keys.rotate(workspace, key.id), keys.revoke('w1', id), keys.revoke(workspace, key.id), keys.beginGrace('w1', id, 1), keys.beginGrace(workspace, key.id, 1),
      webhooks.get('w1', id), webhooks.get(workspace, endpoint.id), webhooks.update('w1', id, {}), webhooks.update(workspace, endpoint.id, {}), webhooks.remove('w1', id), webhooks.remove(workspace, endpoint.id),
      webhooks.rotateSecret('w1', id), webhooks.rotateSecret(workspace, endpoint.id), webhooks.test('w1', id), webhooks.test(workspace, endpoint.id),
      webhooks.deliveries('w1', id), webhooks.deliveries(workspace, endpoint.id), webhooks.replay('w1', id, 'x'), webhooks.replay(workspace, endpoint.id, 'x'), webhooks.replay('w1', endpoint.id, id)
    ]
    for (const [i, code] of (await Promise.all(missing.map(codeOf))).entries()) {
      if (code !== `404 ${i < 12 ? 'KEY' : 'WEBHOOK'}_NOT_FOUND`) wrong.push([odd, i, code])
    }
    // Some of these are good names of workspaces.
    const named = [keys.list(workspace), keys.issue({ workspace, scopes: [] }), webhooks.list(workspace), webhooks.create(workspace, input), keys.list('w1', { owner: untyped(odd) }), keys.list('w1', { cursor: untyped(odd) }), webhooks.deliveries('w1', endpoint.id, { cursor: untyped(odd) })]
    for (const [i, code] of (await Promise.all(named.map(codeOf))).entries()) {
      if (code !== 'answered' && !/^400 (KEY|WEBHOOK)_INPUT_INVALID$/.test(code)) wrong.push([odd, 'named', i, code])
    }
  }
  t.same(wrong, [])

  const answers: unknown[] = []
  for (const segment of SEGMENTS) {
    for (const [method, path] of [
      ['GET', `/api-keys/${segment}`], ['PATCH', `/api-keys/${segment}`], ['POST', `/api-keys/${segment}/rotate`], ['POST', `/api-keys/${segment}/revoke`],
      ['GET', `/webhooks/${segment}`], ['PATCH', `/webhooks/${segment}`], ['DELETE', `/webhooks/${segment}`], ['POST', `/webhooks/${segment}/rotate-secret`], ['POST', `/webhooks/${segment}/test`],
      ['GET', `/webhooks/${segment}/deliveries`], ['POST', `/webhooks/${segment}/deliveries/x/replay`], ['POST', `/webhooks/${endpoint.id}/deliveries/${segment}/replay`]
    ] as const) {
      const response = await app.inject({ method, url: path, headers: { host: 'localhost', origin: 'http://localhost' }, ...method !== 'GET' && { payload: {} } })
      const code = path.startsWith('/api-keys') ? 'KEY_NOT_FOUND' : 'WEBHOOK_NOT_FOUND'
      if (response.statusCode !== 404 || response.json().code !== code || response.headers['cache-control'] !== 'no-store') answers.push([method, path, response.statusCode, response.body])
    }
  }
  t.same(answers, [])
  const odd = ['/api-keys?owner=%00', '/api-keys?workspace=%00', '/api-keys?cursor=%00', '/webhooks?workspace=%00', `/webhooks/${endpoint.id}/deliveries?cursor=%00`]
  t.same(await Promise.all(odd.map(async (url) => (await app.inject({ url })).statusCode)), [400, 400, 400, 400, 400])

  const stop = app.latchkey.events.onDurable(() => {})
  const by = caller(['devices:read', 'api_keys:manage'], { id: 'x\0\ud800' })
  const changed = await keys.issue({ workspace: 'w1', scopes: ['devices:read'] }, { by })
  t.match(await keys.revoke('w1', changed.key.id, {}, { by }), { key: { version: 2 } }, 'a caller whose id no database takes changes keys all the same')
  stop()
}

t.test('memory', (t) => refusesOddIds(t, createMemoryKeyStore(), createMemoryWebhookStore()))

t.test('Postgres', async (t) => {
  const pool = new pg.Pool({ connectionString: await (await startPostgres(t)).createDatabase() })
  t.teardown(() => pool.end())
  await refusesOddIds(t, createPostgresKeyStore({ pool }), createPostgresWebhookStore({ pool }))
})

t.test('an embedded Postgres', async (t) => {
  const db = await openDatabase(t)
  await refusesOddIds(t, createPgliteKeyStore({ db }), createPgliteWebhookStore({ db }))
})

t.test('Redis', async (t) => {
  const redis = (await startRedis(t)).client()
  await refusesOddIds(t, createRedisKeyStore({ redis }), createRedisWebhookStore({ redis }))
})
