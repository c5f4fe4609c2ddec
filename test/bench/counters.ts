import rateLimit from '@fastify/rate-limit'
import Fastify from 'fastify'
import type { Principal } from 'fastify-latchkey'
import { compilePolicy } from 'fastify-latchkey/limits'
import { createRedisLimitStore } from 'fastify-latchkey/limits/redis'
import { Redis } from 'ioredis'
import type { BenchRedis } from './redis.js'
import { QUOTA } from './servers/contender.js'

/** What counting alone costs Redis, without HTTP. */
export interface CounterCosts {
  readonly name: string
  /** Credentials that have a counter, and that requests come from in turn. */
  readonly credentials: number
  /** µs of Redis' CPU a request. */
  readonly redisMicros: number
  /** Bytes of Redis' memory a credential. */
  readonly bytes: number
}

/** Counts one request of the n-th credential. */
type Count = (n: number) => Promise<unknown>
type Open = (redis: Redis) => Promise<{ count: Count, close (): void }>

const AT_ONCE = 50

const counters: Readonly<Record<string, Open>> = {
  latchkey: async (redis) => {
    const store = createRedisLimitStore({ redis, deadline: 5 })
    await store.ready()
    const policies = [compilePolicy({ name: 'production', quota: QUOTA, window: 3600 })]
    const principal = (n: number): Principal => ({ kind: 'api-key', id: `key_${String(n).padStart(20, '0')}`, workspace: `workspace-${n % 1000}`, environment: 'production', scopes: [] })
    return { count: async (n) => await store.take({ policies, principal: principal(n), cost: 1, now: 0 }), close: () => store.close() }
  },
  glued: async (redis) => {
    const app = Fastify()
    await app.register(rateLimit, { global: false, redis, max: QUOTA, timeWindow: 3_600_000, keyGenerator: ({ headers }) => String(headers.authorization) })
    const count = app.createRateLimit()
    let answer: Count = async () => {}
    app.get('/', async (request) => {
      answer = (n) => count(Object.create(request, { headers: { value: { authorization: `key_${String(n).padStart(20, '0')}` } } }))
    })
    await app.inject('/')
    return { count: (n) => answer(n), close: () => { app.close() } }
  }
}

/** One credential that is hot, and many that come in turn. */
export async function counterCosts (port: number, many: number, requests: number, bench: BenchRedis, say: (text: string) => void): Promise<CounterCosts[]> {
  const redis = new Redis({ port, host: '127.0.0.1' })
  const costs: CounterCosts[] = []
  try {
    for (const [name, open] of Object.entries(counters)) {
      for (const credentials of [1, many]) {
        await redis.flushall()
        const { count, close } = await open(redis)
        const empty = await memory(redis)
        await all(credentials, count)
        const bytes = (await memory(redis) - empty) / credentials
        const before = await bench.cpu()
        await all(requests, (n) => count(n * 7919 % credentials))
        const cost = { name, credentials, redisMicros: (await bench.cpu() - before) / requests, bytes }
        close()
        costs.push(cost)
        say(`counters ${cost.redisMicros.toFixed(1).padStart(6)} µs  ${name}, ${credentials} credentials`)
      }
    }
    return costs
  } finally {
    redis.disconnect()
  }
}

async function all (times: number, count: Count): Promise<void> {
  for (let n = 0; n < times; n += AT_ONCE) await Promise.all(Array.from({ length: Math.min(AT_ONCE, times - n) }, (_, i) => count(n + i)))
}

async function memory (redis: Redis): Promise<number> {
  return Number(/^used_memory:(\d+)/m.exec(await redis.info('memory'))?.[1])
}
