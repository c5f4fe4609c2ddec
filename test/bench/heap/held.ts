import { hash, randomUUID } from 'node:crypto'
import rateLimit from '@fastify/rate-limit'
import Fastify from 'fastify'
import latchkey, { allowPlainHttp, defineScopes, type Principal } from 'fastify-latchkey'
import { createMemoryKeyStore, createRecordCache, loadKey, type KeyStore } from 'fastify-latchkey/keys'
import { compilePolicy, createMemoryLimitStore, type Policy } from 'fastify-latchkey/limits'

/** Makes `count` credentials, or what is kept of each; `baseline` is called when only the next step is to be weighed. */
export type Hold = (count: number, baseline: () => void) => Promise<unknown>

const START = Date.UTC(2030, 0, 1)

/** The counters of principals that have each made one request. */
function counters (policy: Omit<Policy, 'name'>): Hold {
  return async function holdCounters (count, baseline) {
    const principals = Array.from({ length: count }, (_, n) => principal(n))
    const store = createMemoryLimitStore({ maxPartitions: count })
    const policies = [compilePolicy({ name: 'production', ...policy })]
    baseline()
    for (const [n, one] of principals.entries()) await store.take({ policies, principal: one, cost: 1, now: START + Math.floor(n / 1000) })
    return { principals, store }
  }
}

/** Records and principals of issued keys, with what finds them by hash and by id. */
async function holdRecords (count: number, baseline: () => void): Promise<unknown> {
  const scopes = defineScopes({ resources: { devices: ['read', 'write'] } })
  const app = Fastify()
  await app.register(latchkey, { scopes, environment: 'production', keys: { prefix: 'acme' }, transport: allowPlainHttp })
  await app.ready()
  baseline()
  for (let n = 0; n < count; n++) await app.latchkey.keys.issue({ workspace: `workspace-${n % 1000}`, environment: 'production', scopes: ['devices:read'] })
  return app
}

/** Text as it comes over a wire: in one piece, where V8 keeps what was put together as a tree of its parts. */
function flat (text: string): string {
  return Buffer.from(text).toString('latin1')
}

/** Keys of a store elsewhere, each of which was used once: nothing is held of them but by the cache. */
async function holdCached (count: number, baseline: () => void): Promise<unknown> {
  const createdAt = new Date(START)
  const { cached: _cached, ...nothing } = createMemoryKeyStore()
  const store: KeyStore = {
    ...nothing,
    findByHash: async (hash) => loadKey({
      id: flat(`key_${randomUUID()}`),
      workspace: flat(`workspace-${hash.slice(0, 2)}`),
      environment: 'production',
      owner: flat(`user-${hash.slice(0, 3)}`),
      tier: 'pro',
      scopes: ['devices:read'],
      secrets: [{ generation: 1, hint: flat(hash.slice(0, 4)), createdAt }],
      createdAt,
      expiresAt: new Date(START + 90 * 86_400_000),
      version: 1
    }, 1)
  }
  const cache = createRecordCache(store, { maxRecords: count, clock: () => START })
  baseline()
  for (let n = 0; n < count; n++) await cache.findByHash(hash('sha256', `${n}`, 'base64url'))
  return cache
}

/** The counters of @fastify/rate-limit for callers that have each made one request. */
async function holdGlued (count: number, baseline: () => void): Promise<unknown> {
  const principals = Array.from({ length: count }, (_, n) => principal(n))
  let caller = ''
  const app = Fastify()
  await app.register(rateLimit, { global: false, cache: count, max: 100, timeWindow: 60_000, keyGenerator: () => caller })
  const count1 = app.createRateLimit()
  app.get('/', async function countAll (request) {
    baseline()
    for (const { id } of principals) {
      caller = id
      await count1(request)
    }
  })
  await app.inject('/')
  return { principals, app }
}

export const held = {
  window: counters({ quota: 100, window: 60 }),
  bucket: counters({ quota: 1000, window: 3600, burst: 100 }),
  sliding: counters({ quota: 100, window: 60, sliding: true }),
  keyRecord: holdRecords,
  cachedKey: holdCached,
  glued: holdGlued
} as const satisfies Record<string, Hold>

function principal (n: number): Principal {
  return Object.freeze({ kind: 'api-key', id: `key_${n.toString(36).padStart(20, '0')}`, workspace: `workspace-${n % 1000}`, environment: 'production', scopes: ['devices:read'] })
}
