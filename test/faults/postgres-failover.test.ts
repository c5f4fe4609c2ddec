import { mkdtemp, rm, symlink } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createPostgresKeyStore } from 'fastify-latchkey/keys/postgres'
import pg from 'pg'
import t, { type Test } from 'tap'
import { guarded, refused, scopes } from '../helpers/limits.js'
import { startPostgres } from '../helpers/postgres.js'
import { startRedis } from '../helpers/redis-server.js'
import { redisStore } from '../helpers/redis-store.js'

const redis = await startRedis(t)

/** A process that reaches Postgres by a name, which a failover points to another server. */
async function connected (t: Test, name: string, namespace: string, own: boolean) {
  const connection = { host: name, user: 'postgres', database: 'postgres' }
  const pool = new pg.Pool(connection)
  pool.on('error', () => {}) // the former primary ends with the test, and so do connections to it
  t.teardown(() => pool.end())
  const store = createPostgresKeyStore(own ? { connection } : { pool })
  t.teardown(() => store.close())
  const { app } = await guarded(t, {
    keys: { prefix: 'acme', store },
    limits: { store: redisStore(t, { url: redis.url, namespace, deadline: 2 }) },
    clock: Date.now,
    deadline: 5
  }, (app) => app.get('/', { schema: scopes.secure('devices:read') }, async () => 'in'))
  await app.ready()
  const ask = (secret: string) => app.inject({ url: '/', headers: { authorization: `Bearer ${secret}` } })
  return { keys: app.latchkey.keys, store, ask }
}

for (const own of [true, false]) {
  t.test(`a process whose ${own ? 'own pool' : 'host\'s pool'} still asks the former primary finds the new one without a restart`, async (t) => {
    const primary = await startPostgres(t)
    const folder = await mkdtemp(join(tmpdir(), 'latchkey-name-'))
    t.teardown(() => rm(folder, { recursive: true }))
    const name = join(folder, 'postgres')
    await symlink(primary.folder, name)
    const one = await connected(t, name, `own-${own}`, own)
    const issue = async () => await one.keys.issue({ workspace: 'w1', scopes: ['devices:read'] })
    const [revoked, stays] = [await issue(), await issue()]
    // Several connections, all of which are to be given up.
    const before = await Promise.all([revoked, stays, revoked, stays].map(({ secret }) => one.ask(secret)))
    t.strictSame(before.map(({ statusCode }) => statusCode), [200, 200, 200, 200])

    const replica = await primary.replicate()
    primary.freeze()
    await replica.promote()
    await rm(name)
    await symlink(replica.folder, name)
    const other = await connected(t, name, `own-${own}`, own)
    t.equal((await other.keys.revoke('w1', revoked.key.id)).effectiveWithin, 0)

    primary.thaw()
    refused(t, await one.ask(revoked.secret), { status: 503, code: 'AUTHENTICATION_UNAVAILABLE', retryAfter: 1 })
    for (let i = 0; i < 50 && (await one.ask(revoked.secret)).statusCode === 503; i++) await new Promise((resolve) => setTimeout(resolve, 100))
    const ended = await one.ask(revoked.secret)
    const challenge = 'Bearer realm="api", error="invalid_token"'
    t.equal(refused(t, ended, { status: 401, code: 'CREDENTIAL_INVALID', challenge }).detail, 'The API key was revoked.')
    t.equal((await one.ask(stays.secret)).statusCode, 200)
    t.match(await one.keys.get('w1', revoked.key.id), { version: 2 }, 'all connections are to the new one')
  })
}

t.test('connections are ended once a second at most, and a pool that does not say which are idle keeps its own', async (t) => {
  const server = await startPostgres(t)
  const pool = new pg.Pool({ connectionString: server.url() })
  t.teardown(() => pool.end())
  let connections = 0
  pool.on('connect', () => connections++)
  const store = createPostgresKeyStore({ pool })
  await store.get('w1', 'none')
  /** @returns how many connections an idle pool needed for a look-up after this */
  async function neededAfter (work: () => unknown): Promise<number> {
    await work()
    const before = connections
    await store.get('w1', 'none')
    return connections - before
  }
  t.equal(await neededAfter(() => store.reconnect?.()), 1)
  const silent = createPostgresKeyStore({ pool: { query: (query) => pool.query(query), connect: () => pool.connect() } })
  t.equal(await neededAfter(() => silent.reconnect?.()), 0)
  const down = createPostgresKeyStore({ pool: { query: (query) => pool.query(query), connect: () => Promise.reject(new Error('down')), idleCount: 2 } })
  t.equal(await neededAfter(() => down.reconnect?.()), 0, 'the next statement says what is wrong')
  const ended: unknown[] = []
  const first = [Promise.resolve({ query: (query: pg.QueryConfig) => pool.query(query), release: (end?: unknown) => ended.push(end) })]
  const slow = createPostgresKeyStore({ pool: { query: (query) => pool.query(query), connect: () => first.pop() ?? new Promise(() => {}), idleCount: 2 } })
  await Promise.race([slow.reconnect?.(), new Promise(setImmediate)])
  t.strictSame(ended, [true], 'none is kept while another is waited for')
  let needed, began
  do {
    began = performance.now()
    await store.reconnect?.()
    await store.get('w1', 'none')
    needed = await neededAfter(() => store.reconnect?.())
  } while (performance.now() - began >= 1000)
  t.equal(needed, 0)
})
