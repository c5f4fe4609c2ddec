import Fastify from 'fastify'
import pg from 'pg'
import t, { type Test } from 'tap'
import latchkey, { allowPlainHttp, defineScopes } from 'fastify-latchkey'
import type { KeyStore } from 'fastify-latchkey/keys'
import { createPgliteKeyStore, createPostgresKeyStore } from 'fastify-latchkey/keys/postgres'
import { createRedisKeyStore } from 'fastify-latchkey/keys/redis'
import { readEach } from '../../lib/core/stored-record.js'
import { draft } from '../../lib/testing/key-store-drafts.js'
import { collectRounds } from '../helpers/collect.js'
import { keepLines } from '../helpers/doors.js'
import { add, day, scanning, START } from '../helpers/notices.js'
import { openDatabase } from '../helpers/pglite.js'
import { startPostgres } from '../helpers/postgres.js'
import { startRedis } from '../helpers/redis-server.js'

const scopes = defineScopes({ resources: { devices: ['read'] } })

interface Setting {
  readonly store: KeyStore
  /** Writes a field of a stored key behind the store's back. */
  set (id: string, field: string, value: string): Promise<void>
  /** What no release writes, by field. */
  readonly garbage: ReadonlyArray<readonly [field: string, value: string]>
}

async function passesOver (t: Test, { store, set, garbage }: Setting): Promise<void> {
  const expiresAt = day(20)
  const { scan, logged } = scanning(store)
  const broken: string[] = []
  for (const [field, value] of garbage) {
    const { id } = await add(store, { expiresAt })
    await store.recordUse([{ workspace: 'w1', id, lastUsedAt: day(0), scopesUsedAt: { 'devices:read': day(0) } }])
    await set(id, field, value)
    broken.push(id)
  }
  const whole = await add(store, { expiresAt })
  await add(store, { expiresAt, workspace: 'w2' })
  t.same(await scan(day(0)), ['key.expiring 30', 'key.expiring 30'], 'notices of the others are emitted')
  t.same(logged.map((line) => /^the stored record of key "(.+)" is not valid: /.exec(line)?.[1]).sort(), broken.sort())
  t.same(await scan(day(13)), ['key.expiring 7', 'key.expiring 7'], 'again when they are due')

  const uses = [...broken, whole.id].map((id) => ({ workspace: 'w1', id, lastUsedAt: day(1), scopesUsedAt: { 'devices:read': day(1) } }))
  await store.recordUse(uses)
  t.same((await store.get('w1', whole.id))?.lastUsedAt, day(1), 'uses of the others are written')

  const { id } = await add(store)
  await set(id, 'record', '{}')
  const listed: string[] = []
  let after
  do {
    const { keys, next } = await store.list('w1', { limit: 2, after })
    listed.push(...keys.map((key) => key.id))
    after = next
  } while (after !== undefined)
  t.ok(listed.includes(whole.id))
  t.notOk(listed.includes(id))

  const log = keepLines()
  const app = Fastify({ logger: { stream: log.stream } })
  t.teardown(() => app.close())
  const keys = { prefix: 'acme', store, cache: { maxAge: 1, changes: { publish () {}, subscribe: () => () => {} } } }
  await app.register(latchkey, { scopes, environment: 'production', keys, limits: false, transport: allowPlainHttp })
  await set(whole.id, 'record', '{}')
  const rounds = collectRounds()
  for (let i = 0; i < 3; i++) rounds.add((await app.latchkey.keys.list('w1')).keys.some((key) => key.id === whole.id), false)
  t.strictSame(rounds.seen, rounds.expected)
  t.match(log.entries.filter(({ reason }) => String(reason).includes(whole.id)), [{
    level: 50, msg: 'a stored record is passed over', reason: `the stored record of key "${whole.id}" is not valid: /id: Expected required property`
  }], 'and logged once')
  await t.rejects(app.latchkey.keys.get('w1', whole.id), { code: 'KEYS_UNAVAILABLE', statusCode: 503 })

  const [first, second] = [await app.latchkey.keys.issue({ workspace: 'w3', scopes: [] }), await app.latchkey.keys.issue({ workspace: 'w3', scopes: [] })]
  await set(first.key.id, 'record', '{}')
  await t.rejects(app.latchkey.keys.reportExposed([first.secret, second.secret]), { code: 'KEYS_UNAVAILABLE', statusCode: 503 })
  t.ok((await app.latchkey.keys.get('w3', second.key.id)).revokedAt, 'the report revokes what it can, and is to be sent again')
  t.match(log.text, first.key.id)
}

/** The shape of an event, with data, a type or a time that is none. */
const events = [{ data: {} }, { type: 'key.lost' }, { at: 'soon' }].map((wrong) => JSON.stringify({
  id: 'evt_1', type: 'key.revoked', at: '2026-01-01T00:00:00.000Z', workspace: 'w1', data: { key: { id: 'key_1', environment: 'production' } }, ...wrong
}))
const sql = [...events.map((event) => ['events', `{"evt_1":${event}}`] as const), ['record', '{}'], ['record', '[]'], ['noticed', '{'], ['noticed', '{}'], ['scopes_used', '"x"'], ['scopes_used', '{"devices:read":"x"}'], ['events', '"x"'], ['events', '{"evt_1":{}}']] as const

t.test('Postgres passes over a key that can\'t be read', async (t) => {
  const pool = new pg.Pool({ connectionString: await (await startPostgres(t)).createDatabase() })
  t.teardown(() => pool.end())
  const store = createPostgresKeyStore({ pool })
  await passesOver(t, { store, garbage: sql, set: async (id, field, value) => { await pool.query(`UPDATE latchkey.keys SET ${field} = $2 WHERE id = $1`, [id, value]) } })
})

t.test('so does an embedded Postgres', async (t) => {
  const db = await openDatabase(t)
  const store = createPgliteKeyStore({ db })
  // PGlite would write a value for json as JSON once more.
  await passesOver(t, { store, garbage: sql, set: async (id, field, value) => { await db.exec(`UPDATE latchkey.keys SET ${field} = '${value}' WHERE id = '${id}'`) } })
})

t.test('and Redis', async (t) => {
  const redis = (await startRedis(t)).client()
  const store = createRedisKeyStore({ redis })
  const garbage = [...events.map((event) => ['event:evt_1', event] as const), ['record', '{}'], ['record', ''], ['version', 'x'], ['hashes', '{'], ['noticed', '{}'], ['noticeAt', 'soon'], ['lastUsedAt', 'x'], ['used:devices:read', 'x'], ['event:evt_1', '{']] as const
  await passesOver(t, {
    store,
    garbage: garbage.filter(([field]) => field !== 'noticeAt'),
    set: async (id, field, value) => {
      for (const workspace of ['w1', 'w3']) if (await redis.exists(`latchkey:{${workspace}}:key:${id}`) === 1) await redis.hset(`latchkey:{${workspace}}:key:${id}`, field, value)
    }
  })
  const { id } = await add(store, { expiresAt: day(20), workspace: 'w4' })
  await redis.hset(`latchkey:{w4}:key:${id}`, 'noticeAt', 'soon')
  t.ok((await store.notices?.due(START, 10, 100))?.some(({ key }) => key.id === id), 'a key whose next check is no time is checked at once')
  await redis.hdel(`latchkey:{w4}:key:${id}`, 'record')
  await t.rejects(async () => await store.get('w4', id), { name: 'RecordError' }, 'a record without its main field is broken, not absent')
})

t.test('more broken keys than one lease takes do not end a scan', async (t) => {
  const redis = (await startRedis(t)).client()
  const store = createRedisKeyStore({ redis })
  const keys = Array.from({ length: 130 }, () => draft('w1', { expiresAt: day(20) }))
  for (const key of keys) await store.insert(key, key.id)
  for (const key of keys) await redis.hset(`latchkey:{w1}:key:${key.id}`, 'record', '{}')
  const { scan, logged } = scanning(store)
  t.same(await scan(day(0)), [])
  t.equal(logged.length, 130)
})

t.test('only a record that can\'t be read is passed over: any other error ends the scan', (t) => {
  t.throws(() => readEach([1], () => { throw new TypeError('a bug') }), { message: 'a bug' })
  t.end()
})
