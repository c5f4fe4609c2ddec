import Fastify from 'fastify'
import pg from 'pg'
import t, { type Test } from 'tap'
import latchkey, { allowPlainHttp, defineScopes } from 'fastify-latchkey'
import { hashSecret, type KeyStore } from 'fastify-latchkey/keys'
import { createPostgresKeyStore } from 'fastify-latchkey/keys/postgres'
import { createRedisKeyStore } from 'fastify-latchkey/keys/redis'
import { draft, inserted } from '../../lib/testing/key-store-drafts.js'
import { keepLines } from '../helpers/doors.js'
import { refused } from '../helpers/limits.js'
import { startPostgres } from '../helpers/postgres.js'
import { startRedis } from '../helpers/redis-server.js'

type Change = (record: Record<string, unknown>) => unknown
/** Rewrites the stored record of a key behind the store's back. */
type Rewrite = (id: string, change: Change) => Promise<void>

const secret = { generation: 1, hint: 'aBc9', createdAt: '2026-01-01T00:00:00.000Z' }

/** Records that no release writes, and what is wrong with them. */
const broken: ReadonlyArray<readonly [Change, string]> = [
  [() => ({}), '/id: Expected required property'],
  [() => [], 'Expected object'],
  [() => null, 'Expected object'],
  [(record) => ({ ...record, id: 'key_other' }), 'id is another than that of its row'],
  [(record) => ({ ...record, workspace: 'w2' }), 'workspace is another than that of its row'],
  [(record) => ({ ...record, version: 7 }), 'version is another than that of its row'],
  [(record) => ({ ...record, version: '1' }), '/version: Expected integer'],
  [(record) => ({ ...record, environment: undefined }), '/environment: Expected required property'],
  [(record) => ({ ...record, scopes: 'devices:read' }), '/scopes: Expected array'],
  [(record) => ({ ...record, scopes: [1] }), '/scopes/0: Expected string'],
  [(record) => ({ ...record, owner: 5 }), '/owner: Expected string'],
  [(record) => ({ ...record, name: null }), '/name: Expected string'],
  [(record) => ({ ...record, tier: {} }), '/tier: Expected string'],
  [(record) => ({ ...record, metadata: { a: {} } }), '/metadata/a: Expected union value'],
  [(record) => ({ ...record, expiresAt: 'never' }), 'expiresAt is no time'],
  [(record) => ({ ...record, expiresAt: null }), '/expiresAt: Expected string'],
  [(record) => ({ ...record, expiresAt: '2030-02-30T00:00:00.000Z' }), 'expiresAt is no time'],
  [(record) => ({ ...record, revokedAt: 0 }), '/revokedAt: Expected string'],
  [(record) => ({ ...record, revokedReason: false }), '/revokedReason: Expected string'],
  [(record) => ({ ...record, updatedAt: 'lately' }), 'updatedAt is no time'],
  [(record) => ({ ...record, updatedBy: 'ada' }), '/updatedBy: Expected object'],
  [(record) => ({ ...record, secrets: undefined }), '/secrets: Expected required property'],
  [(record) => ({ ...record, secrets: [{ ...secret, generation: '1' }] }), '/secrets/0/generation: Expected integer'],
  [(record) => ({ ...record, secrets: [{ ...secret, createdAt: '' }] }), 'secrets.0.createdAt is no time'],
  [(record) => ({ ...record, secrets: [{ ...secret, retiresAt: 'soon' }] }), 'secrets.0.retiresAt is no time'],
  [(record) => ({ ...record, secrets: [{ ...secret, graceAfterFirstUse: '5' }] }), '/secrets/0/graceAfterFirstUse: Expected number']
]

async function refusesBroken (t: Test, store: KeyStore, rewrite: Rewrite): Promise<void> {
  const { key, hash } = await inserted(store, 'w1', { owner: 'ada' })
  const found: unknown[] = []
  for (const [change] of broken) {
    await rewrite(key.id, change)
    const reads = [async (): Promise<unknown> => await store.findByHash(hash, true), async (): Promise<unknown> => await store.get('w1', key.id)]
    for (const read of reads) found.push(await read().then(() => 'taken', (error: unknown) => error))
  }
  t.match(found, broken.flatMap(([, what]) => {
    const error = { name: 'RecordError', message: `the stored record of key "${key.id}" is not valid: ${what}` }
    return [error, error]
  }))
  await rewrite(key.id, (record) => ({ ...record, addedLater: 1 }))
  t.match(await store.get('w1', key.id), { id: key.id, addedLater: 1 }, 'a field of a later release is no fault')

  const app = Fastify({ logger: { level: 'trace', stream: log.stream } })
  t.teardown(() => app.close())
  const scopes = defineScopes({ resources: { devices: ['read'] } })
  await app.register(latchkey, { scopes, environment: 'production', keys: { prefix: 'acme', store }, limits: false, transport: allowPlainHttp })
  app.get('/devices', { schema: scopes.secure('devices:read') }, async () => ({}))
  const issued = await app.latchkey.keys.issue({ workspace: 'w1', scopes: ['devices:read'] })
  const ask = () => app.inject({ url: '/devices', headers: { authorization: `Bearer ${issued.secret}` } })
  t.equal((await ask()).statusCode, 200)
  await rewrite(issued.key.id, (record) => ({ ...record, expiresAt: 'never' }))
  refused(t, await ask(), { status: 503, code: 'AUTHENTICATION_UNAVAILABLE', retryAfter: 1 })
  t.match(log.text, issued.key.id)
  t.notMatch(log.text, hashSecret(issued.secret))
}

const log = keepLines()

t.test('a record in Postgres that no release has written is an outage that names its key', async (t) => {
  const pool = new pg.Pool({ connectionString: await (await startPostgres(t)).createDatabase() })
  t.teardown(() => pool.end())
  const originals = new Map<string, object>()
  await refusesBroken(t, createPostgresKeyStore({ pool }), async (id, change) => {
    const { rows } = await pool.query('SELECT record FROM latchkey.keys WHERE id = $1', [id])
    const original = originals.get(id) ?? rows[0].record
    originals.set(id, original)
    await pool.query('UPDATE latchkey.keys SET record = $2 WHERE id = $1', [id, JSON.stringify(change(original))])
  })
})

t.test('and so is one in Redis', async (t) => {
  const redis = (await startRedis(t)).client()
  const originals = new Map<string, string>()
  const store = createRedisKeyStore({ redis })
  await refusesBroken(t, store, async (id, change) => {
    const name = `latchkey:{w1}:key:${id}`
    const original = originals.get(id) ?? String(await redis.hget(name, 'record'))
    originals.set(id, original)
    await redis.hset(name, 'record', JSON.stringify(change(JSON.parse(original))))
  })
  const key = draft('w1')
  await store.insert(key, 'hash')
  const record = String(await redis.hget(`latchkey:{w1}:key:${key.id}`, 'record'))
  await redis.hset(`latchkey:{w1}:key:${key.id}`, 'record', '{')
  await t.rejects(async () => await store.get('w1', key.id), { name: 'RecordError', message: /is not valid: it is no JSON$/ })
  await redis.hset(`latchkey:{w1}:key:${key.id}`, 'record', record, 'createdAt', 'yesterday')
  await t.rejects(async () => await store.get('w1', key.id), { name: 'RecordError', message: /createdAt is no time$/ })
  await redis.hset(`latchkey:{w1}:key:${key.id}`, 'createdAt', '1', 'hashes', '{')
  await t.rejects(async () => await store.get('w1', key.id), { name: 'RecordError', message: /its list of hashes is no JSON$/ })
})
