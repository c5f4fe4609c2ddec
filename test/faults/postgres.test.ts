import Fastify from 'fastify'
import latchkey, { allowPlainHttp, defineScopes } from 'fastify-latchkey'
import { createSecretFormat, hashSecret } from 'fastify-latchkey/keys'
import { createPostgresKeyStore } from 'fastify-latchkey/keys/postgres'
import pg from 'pg'
import t, { type Test } from 'tap'
import { collectRounds, rejection } from '../helpers/collect.js'
import { keepLines } from '../helpers/doors.js'
import { refused } from '../helpers/limits.js'
import { PASSWORD, startPostgres, type Postgres } from '../helpers/postgres.js'

const scopes = defineScopes({ resources: { devices: ['read'] } })
const issued = { workspace: 'w1', scopes: ['devices:read'] } as const

/** An app whose keys are in this Postgres, which has half a second for a statement and a second for a request. */
async function served (t: Test, server: Postgres) {
  const url = await server.createDatabase()
  const store = createPostgresKeyStore({ connectionString: url, statementTimeout: 0.5, max: 4 })
  const log = keepLines()
  const app = Fastify({ logger: { level: 'trace', stream: log.stream } })
  t.teardown(() => app.close())
  t.teardown(() => store.close())
  await app.register(latchkey, { scopes, environment: 'production', keys: { prefix: 'acme', store }, transport: allowPlainHttp, failures: false, limits: false, deadline: 1 })
  let ran = 0
  app.get('/devices', { schema: scopes.secure('devices:read') }, async () => { ran++; return {} })
  await app.ready()
  const bodies: string[] = []

  async function ask (text: string) {
    const response = await app.inject({ url: '/devices', headers: { authorization: `Bearer ${text}` } })
    bodies.push(response.body)
    return response
  }

  return {
    app,
    url,
    ask,
    /** Keys that are not cached are 503 within the deadline, never 401, and no handler runs. */
    async isDown (t: Test, text: string, what: string) {
      const before = ran
      const began = performance.now()
      const responses = await Promise.all(Array.from({ length: 12 }, () => ask(text)))
      const seconds = (performance.now() - began) / 1000
      for (const response of responses) refused(t, response, { status: 503, code: 'AUTHENTICATION_UNAVAILABLE', retryAfter: 1 })
      t.equal(ran, before, what)
      t.ok(seconds < 3, `${what}: ${seconds} s`)
    },
    /** It recovers by itself, within ten seconds. */
    async isBack (t: Test, text: string) {
      for (let i = 0; i < 50 && (await ask(text)).statusCode === 503; i++) await new Promise((resolve) => setTimeout(resolve, 200))
      t.equal((await ask(text)).statusCode, 200)
    },
    isSilent (t: Test, ...texts: readonly string[]) {
      const said = bodies.join('\n') + log.text
      const rounds = collectRounds()
      for (const secret of [PASSWORD, 'SELECT', 'INSERT', 'UPDATE', 'latchkey.secrets', 'postgres://', ...texts.flatMap((text) => [text.slice(-49), hashSecret(text)])]) rounds.add(said.includes(secret), false, secret)
      t.strictSame(rounds.seen, rounds.expected)
      t.match(log.text, 'Postgres failed: ', 'the log says what failed')
    },
    /** Every key has a secret, and columns say what its record does. */
    async isWhole (t: Test) {
      const client = new pg.Client(url)
      await client.connect()
      const { rows } = await client.query('SELECT k.id FROM latchkey.keys k LEFT JOIN latchkey.secrets s ON s.key_id = k.id WHERE s.hash IS NULL OR k.version <> (record->>\'version\')::bigint')
      await client.end()
      t.strictSame(rows, [])
    }
  }
}

t.test('Postgres that stops and starts', async (t) => {
  const server = await startPostgres(t)
  const { app, ask, isDown, isBack, isSilent, isWhole } = await served(t, server)
  const { secret: text, key } = await app.latchkey.keys.issue(issued)
  const unknown = createSecretFormat('acme', ['live']).generate('live')
  t.equal((await ask(text)).statusCode, 200)

  await t.test('killed: 503 until it is back', async (t) => {
    await server.kill()
    await isDown(t, text, 'killed')
    await t.rejects(app.latchkey.keys.issue(issued), { code: 'KEYS_UNAVAILABLE' })
    await server.start()
    await isBack(t, text)
  })

  await t.test('restarted between two requests: at most a few 503', async (t) => {
    await server.stop()
    await server.start()
    await isBack(t, text)
  })

  await t.test('frozen: 503 within the deadline', async (t) => {
    await ask(text)
    server.freeze()
    await isDown(t, text, 'frozen')
    await t.rejects(app.latchkey.keys.revoke('w1', key.id), { code: 'KEYS_UNAVAILABLE' })
    await isDown(t, text, 'still frozen')
    server.thaw()
    await isBack(t, text)
  })

  await isWhole(t)
  isSilent(t, text)

  await t.test('back as a replica: 503 for known and unknown keys, and for lists', async (t) => {
    await server.stop()
    await server.demote()
    await server.start()
    await isDown(t, text, 'replica')
    refused(t, await ask(unknown), { status: 503, code: 'AUTHENTICATION_UNAVAILABLE', retryAfter: 1 })
    const patterns = collectRounds()
    for (const work of [() => app.latchkey.keys.get('w1', key.id), () => app.latchkey.keys.get('w1', 'none'), () => app.latchkey.keys.list('w1'), () => app.latchkey.keys.list('none')]) {
      patterns.add(await rejection(work), { code: 'KEYS_UNAVAILABLE', reason: /^this Postgres is a replica/ })
    }
    t.match(patterns.seen, patterns.expected)
    await t.rejects(app.latchkey.keys.revoke('w1', key.id), { code: 'KEYS_UNAVAILABLE' })
    await server.promote()
    await isBack(t, text)
  })
})

t.test('a statement that waits for a lock', async (t) => {
  const server = await startPostgres(t)
  const { app, url, ask, isDown, isBack, isSilent, isWhole } = await served(t, server)
  const { secret: text, key } = await app.latchkey.keys.issue(issued)
  const other = new pg.Client(url)
  await other.connect()
  t.teardown(() => other.end())

  await t.test('verification: 503 until the lock is gone', async (t) => {
    await other.query('BEGIN')
    await other.query('LOCK TABLE latchkey.secrets')
    await isDown(t, text, 'locked')
    await other.query('ROLLBACK')
    await isBack(t, text)
  })

  await t.test('a revocation that was answered with 503 does not happen later', async (t) => {
    await other.query('BEGIN')
    await other.query('SELECT 1 FROM latchkey.keys FOR UPDATE')
    await t.rejects(app.latchkey.keys.revoke('w1', key.id), { code: 'KEYS_UNAVAILABLE', reason: 'Postgres failed: error 57014: canceling statement due to statement timeout' })
    await other.query('ROLLBACK')
    t.equal((await ask(text)).statusCode, 200)
    await app.latchkey.keys.revoke('w1', key.id)
    refused(t, await ask(text), { status: 401, code: 'CREDENTIAL_INVALID', challenge: 'Bearer realm="api", error="invalid_token"' })
  })

  await isWhole(t)
  isSilent(t, text)
})

t.test('Postgres that has no connection left: 503 until it has', async (t) => {
  const server = await startPostgres(t, 'max_connections=3', 'superuser_reserved_connections=0', 'max_wal_senders=0')
  const { app, url, isDown, isBack, isSilent, isWhole } = await served(t, server)
  const { secret: text } = await app.latchkey.keys.issue(issued)
  await server.stop()
  await server.start()
  const others = await Promise.all([1, 2, 3].map(async () => {
    const client = new pg.Client(url)
    await client.connect()
    return client
  }))
  await isDown(t, text, 'out of connections')
  for (const other of others) await other.end()
  await isBack(t, text)
  await isWhole(t)
  isSilent(t, text)
})
