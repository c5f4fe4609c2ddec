import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { PGlite } from '@electric-sql/pglite'
import pg from 'pg'
import { createMemoryKeyStore, createRecordCache, type ApiKey, type KeyStore } from 'fastify-latchkey/keys'
import { createPgliteKeyStore, createPostgresKeyStore } from 'fastify-latchkey/keys/postgres'
import { createRedisKeyStore } from 'fastify-latchkey/keys/redis'
import { reach, type Reach } from './reach.js'
import { fillPostgres, hashOf } from '../helpers/fill-postgres.js'
import { startPostgres } from '../helpers/postgres.js'
import { withEnding, type Ending } from '../helpers/ending.js'
import { startRedis } from '../helpers/redis-server.js'

/** Microseconds of one call, the median of many; of those at once, of all by their number. */
export interface StoreTimes extends Reach {
  readonly store: string
  readonly keys: number
  /** Nothing is held by the process: each asks the store. */
  readonly verify: number
  readonly verifyAtOnce: number
  /** The process holds it: the record cache, or the store itself where it is memory. */
  readonly warm: number
  readonly firstPage: number
  readonly deepPage: number
  readonly update: number
  /** For keys that are due for a notice, where none is. */
  readonly lookIdle: number
  /** The same where all are: 100 of them are held. */
  readonly lookDue: number
}

const AT_ONCE = 50
const PAGE = 50
/** Keys of stores that are filled one by one. */
const FEW = 10_000
/** Keys of the embedded Postgres. */
const MANY = 100_000
const START = Date.UTC(2026, 0, 1)

/** @param keys in Postgres, which fills itself; the others hold fewer @param calls that are timed, of each kind */
export async function keyStores (keys: number, calls: number, say: (text: string) => void): Promise<StoreTimes[]> {
  return withEnding(async (ending) => {
    const times: StoreTimes[] = []
    for (const [name, open] of Object.entries(stores)) {
      const { store, count } = await open(ending, keys)
      const measured = await measure(name, store, count, calls)
      say(`stores   ${measured.verify.toFixed(0).padStart(6)} µs   ${name}`)
      times.push(measured)
    }
    return times
  })
}

type Open = (ending: Ending, keys: number) => Promise<{ store: KeyStore, count: number }>

const stores: Readonly<Record<string, Open>> = {
  memory: async (_ending, keys) => await filled(createMemoryKeyStore(), keys),
  async pglite (ending, keys) {
    const folder = await mkdtemp(join(tmpdir(), 'latchkey-pglite-'))
    ending.teardown(() => rm(folder, { recursive: true, force: true }))
    const db = await PGlite.create(folder)
    ending.teardown(() => db.close())
    const store = createPgliteKeyStore({ db })
    await store.migrate()
    const count = Math.min(keys, MANY)
    await fillPostgres(db, count, 1)
    return { store, count }
  },
  async postgres (ending, keys) {
    const connectionString = (await startPostgres(ending, 'max_wal_size=4GB')).url()
    const pool = new pg.Pool({ connectionString })
    ending.teardown(() => pool.end())
    const store = createPostgresKeyStore({ connectionString })
    ending.teardown(() => store.close())
    await store.migrate()
    await fillPostgres(pool, keys, 1)
    return { store, count: keys }
  },
  async redis (ending, keys) {
    const server = await startRedis(ending)
    return await filled(createRedisKeyStore({ redis: server.client() }), keys)
  }
}

async function filled (store: KeyStore, keys: number): Promise<{ store: KeyStore, count: number }> {
  const count = Math.min(keys, FEW)
  for (let i = 1; i <= count; i++) await store.insert(record(i), hashOf(i))
  return { store, count }
}

function record (i: number): ApiKey {
  const createdAt = new Date(START + i)
  return { id: `key-${i}`, workspace: 'w0', environment: 'production', owner: `o${i % 100}`, scopes: ['devices:read'], secrets: [{ generation: 1, hint: 'aBc9', createdAt }], createdAt, version: 1 }
}

async function measure (name: string, store: KeyStore, keys: number, calls: number): Promise<StoreTimes> {
  const any = () => 1 + Math.floor(Math.random() * keys)
  async function verify (): Promise<void> {
    if (await store.findByHash(hashOf(any())) === undefined) throw new Error(`${name} does not know one of its keys`)
  }
  const middle = await store.get('w0', `key-${Math.ceil(keys / 2)}`)
  async function revoke (): Promise<void> {
    const key = await store.get('w0', `key-${any()}`)
    if (key !== undefined) await store.update({ ...key, revokedAt: new Date(START), version: key.version + 1 })
  }
  return {
    store: name,
    keys,
    ...await reach(store, keys),
    verify: await median(calls, verify),
    verifyAtOnce: await median(calls / 10, () => Promise.all(Array.from({ length: AT_ONCE }, verify))) / AT_ONCE,
    warm: await warm(store, keys, calls),
    firstPage: await median(calls, () => store.list('w0', { limit: PAGE })),
    deepPage: await median(calls, () => store.list('w0', { limit: PAGE, after: middle })),
    update: await median(calls, revoke),
    lookIdle: await median(calls, () => store.notices?.due(-1, 1000, 100)),
    lookDue: await median(calls / 10, () => store.notices?.due(START, 60_000, 100))
  }
}

/** Microseconds of one look-up among a thousand that are held. */
async function warm (store: KeyStore, keys: number, calls: number): Promise<number> {
  const holder = store.cached === undefined ? createRecordCache(store) : store
  const hashes = Array.from({ length: Math.min(keys, 1000) }, (_, i) => hashOf(i + 1))
  for (const hash of hashes) await holder.findByHash(hash)
  const time = await median(calls, () => {
    for (const hash of hashes) if (holder.cached?.(hash) === undefined) throw new Error('a key is not held')
  })
  return time / hashes.length
}

/** Microseconds; the first half of the calls only warms up. */
async function median (calls: number, call: () => unknown): Promise<number> {
  const times: number[] = []
  for (let i = 0; i < 2 * calls; i++) {
    const began = performance.now()
    await call()
    if (i >= calls) times.push((performance.now() - began) * 1000)
  }
  return times.sort((a, b) => a - b)[Math.floor(calls / 2)] ?? NaN
}
