import { once } from 'node:events'
import { connect, createServer, type Socket } from 'node:net'
import Fastify from 'fastify'
import pg from 'pg'
import t, { type Test } from 'tap'
import latchkey, { allowPlainHttp, defineScopes } from 'fastify-latchkey'
import { createProcessChanges } from 'fastify-latchkey/keys'
import { createPostgresKeyStore } from 'fastify-latchkey/keys/postgres'
import { inserted, newHash } from '../../lib/testing/key-store-drafts.js'
import { collectRounds } from '../helpers/collect.js'
import { portOf } from '../helpers/doors.js'
import { startPostgres } from '../helpers/postgres.js'

const server = await startPostgres(t)
const scopes = defineScopes({ resources: { devices: ['read'] } })

t.test('a thousand first uses of one key at once are one query', async (t) => {
  const pool = new pg.Pool({ connectionString: await server.createDatabase() })
  t.teardown(() => pool.end())
  const sent: string[] = []
  const store = createPostgresKeyStore({
    pool: {
      connect: () => pool.connect(),
      query (query) {
        sent.push(query.text)
        return pool.query(query)
      }
    }
  })
  const app = Fastify()
  t.teardown(() => app.close())
  await app.register(latchkey, { scopes, environment: 'production', keys: { prefix: 'acme', store, cache: { changes: createProcessChanges() } }, transport: allowPlainHttp, failures: false, limits: false, deadline: 10 })
  app.get('/devices', { schema: scopes.secure('devices:read') }, async () => ({}))
  await app.ready()
  const { secret: text } = await app.latchkey.keys.issue({ workspace: 'w1', scopes: ['devices:read'] })
  sent.length = 0
  const responses = await Promise.all(Array.from({ length: 1000 }, () => app.inject({ url: '/devices', headers: { authorization: `Bearer ${text}` } })))
  t.same(new Set(responses.map(({ statusCode }) => statusCode)), new Set([200]))
  t.equal(sent.length, 1)
  t.match(sent[0], 's.hash = $1')
})

/** A proxy that counts round trips: the server sends ReadyForQuery ('Z') at the end of each. */
async function counted (t: Test, url: string) {
  const { searchParams, pathname } = new URL(url.replace('@/', '@localhost/'))
  const sockets = new Set<Socket>()
  const trips = { count: 0 }
  const proxy = createServer((client) => {
    const upstream = connect(`${searchParams.get('host')}/.s.PGSQL.5432`)
    let rest = Buffer.alloc(0)
    upstream.on('data', (chunk) => {
      rest = Buffer.concat([rest, chunk])
      while (rest.length >= 5 && rest.length >= 1 + rest.readInt32BE(1)) {
        if (rest.toString('latin1', 0, 1) === 'Z') trips.count++
        rest = rest.subarray(1 + rest.readInt32BE(1))
      }
    })
    for (const socket of [client, upstream]) sockets.add(socket.on('error', () => {}))
    client.pipe(upstream).pipe(client)
  }).listen(0, '127.0.0.1')
  await once(proxy, 'listening')
  t.teardown(() => {
    for (const socket of sockets) socket.destroy()
    proxy.close()
  })
  return { trips, connection: { host: '127.0.0.1', port: portOf(proxy), database: pathname.slice(1), user: 'postgres' } }
}

t.test('verification of a key that is not cached is one round trip, and so is that of an unknown one', async (t) => {
  const { trips, connection } = await counted(t, await server.createDatabase())
  const store = createPostgresKeyStore({ connection })
  t.teardown(() => store.close())
  const { key, hash } = await inserted(store, 'w1')
  const rounds = collectRounds()
  for (const fresh of [false, true]) {
    trips.count = 0
    rounds.add((await store.findByHash(hash, fresh))?.principal.id, key.id)
    rounds.add(trips.count, 1)
  }
  t.strictSame(rounds.seen, rounds.expected)
  trips.count = 0
  t.equal(await store.findByHash(newHash()), undefined)
  t.equal(trips.count, 1)
})
