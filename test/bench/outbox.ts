import { setTimeout as pause } from 'node:timers/promises'
import { PGlite } from '@electric-sql/pglite'
import Fastify from 'fastify'
import latchkey, { allowPlainHttp, defineScopes } from 'fastify-latchkey'
import type { KeyStore } from 'fastify-latchkey/keys'
import { createPgliteKeyStore, createPostgresKeyStore, type PgliteDatabase, type PostgresPool } from 'fastify-latchkey/keys/postgres'
import { createRedisKeyStore } from 'fastify-latchkey/keys/redis'
import pg from 'pg'
import { withEnding } from '../helpers/ending.js'
import { startPostgres } from '../helpers/postgres.js'
import { startRedis } from '../helpers/redis-server.js'

// What the outbox costs: node --conditions=fastify-latchkey-source --import tsx test/bench/outbox.ts

const CHANGES = 300
const scopes = defineScopes({ resources: { devices: ['read'] } })

/** What has been sent to the store so far: statements with BEGIN and COMMIT, or commands. */
type Count = () => number | Promise<number>

/** Updates one key again and again, one change after the other. */
async function measure (name: string, store: KeyStore, count: Count, durable: boolean): Promise<void> {
  const app = Fastify()
  await app.register(latchkey, { scopes, environment: 'production', keys: { prefix: 'acme', store, notices: { interval: 3600 } }, transport: allowPlainHttp, limits: false, deadline: 10 })
  let events = 0
  if (durable) app.latchkey.events.onDurable(() => { events++ })
  await app.ready()
  const { keys } = app.latchkey
  const { key } = await keys.issue({ workspace: 'w1', scopes: ['devices:read'] })
  for (let n = 0; n < 50; n++) await keys.update('w1', key.id, { name: `warm ${n}` })
  await pause(200)
  const [before, began] = [await count(), performance.now()]
  for (let n = 0; n < CHANGES; n++) await keys.update('w1', key.id, { name: `name ${n}` })
  const milliseconds = (performance.now() - began) / CHANGES
  await pause(200) // what comes after the answers
  const sent = (await count() - before) / CHANGES
  console.log(`${name}, ${durable ? 'durable listener' : 'no listener'}: ${milliseconds.toFixed(2)} ms and ${sent.toFixed(2)} statements a change, ${events} events`)
  await app.close()
}

async function inPglite (): Promise<void> {
  const db = await PGlite.create()
  let sent = 0
  const counted = ({ query }: Pick<PgliteDatabase, 'query'>): Pick<PgliteDatabase, 'query'> => ({ query: (...args) => { sent++; return query(...args) } })
  const own: PgliteDatabase = db
  const store = createPgliteKeyStore({
    db: { ...counted({ query: own.query.bind(own) }), transaction: (work) => own.transaction((one) => work(counted({ query: one.query.bind(one) }))) }
  })
  for (const durable of [false, true]) await measure('PGlite', store, () => sent, durable)
  await db.close()
}

await withEnding(async (ending) => {
  await inPglite()
  const server = await startPostgres(ending, 'fsync=on')
  const pool = new pg.Pool({ connectionString: server.url() })
  let sent = 0
  const counting: PostgresPool = {
    query: (query) => { sent++; return pool.query(query) },
    async connect () {
      const client = await pool.connect()
      return { query: (query) => { sent++; return client.query(query) }, release: (broken) => client.release(broken) }
    }
  }
  const store = createPostgresKeyStore({ pool: counting })
  for (const durable of [false, true]) await measure('Postgres', store, () => sent, durable)
  await pool.end()

  const redis = await startRedis(ending)
  const client = redis.client()
  // What `keys.update` and the outbox send.
  const commands = async () => [...(await client.info('commandstats')).matchAll(/^cmdstat_(?:eval|hdel):calls=(\d+)/gm)].reduce((sum, [, calls]) => sum + Number(calls), 0)
  const keys = createRedisKeyStore({ redis: client })
  for (const durable of [false, true]) await measure('Redis', keys, commands, durable)
})
