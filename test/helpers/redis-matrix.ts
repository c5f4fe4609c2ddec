import { createRedisKeyStore } from 'fastify-latchkey/keys/redis'
import { Redis } from 'ioredis'
import type { Test } from 'tap'
import { heapUsed, leastGrowth } from './heap.js'
import { guarded, scopes } from './limits.js'
import { startProxy, type Manner, type Proxy } from './proxy.js'
import { startRedis, type RedisServer } from './redis-server.js'
import { keepLog, redisStore, type KeptLog } from './redis-store.js'
import { until } from './until.js'

/** Seconds, where an outage is awaited and where an answer is. */
const DEADLINES = { 503: 0.25, 200: 2 }
/** Milliseconds that a busy machine may add. */
const MARGIN = 1_000
/** Requests over which memory is watched. */
const MANY = 200
const AT_ONCE = 100
/** Bytes of heap a request over these, that are no growth. */
const FLAT = 3_000

interface Scene { readonly server: RedisServer, readonly proxy: Proxy, readonly admin: Redis, readonly text: string }

interface Fault {
  readonly begin: (scene: Scene) => unknown
  readonly end: (scene: Scene) => unknown
  /** What requests get while it lasts, where Redis counts them. */
  readonly limits: 200 | 503
  /** … and where it holds the keys; the same by default. */
  readonly auth?: 200
}

const through = (manner: Manner, limits: 200 | 503): Fault => ({
  begin: ({ proxy }) => { proxy.manner = manner },
  end: ({ proxy }) => { proxy.manner = 'pass' },
  limits,
})

const faults: Record<string, Fault> = {
  'refuses connections': through('refuse', 503),
  'answers a second late': through('slow', 503),
  'resets in the middle of an answer': through('reset', 503),
  'answers in small pieces': through('slice', 200),
  'gets requests a second late': through('delay-requests', 503),
  'is stopped': { begin: ({ server }) => server.freeze(), end: ({ server }) => server.thaw(), limits: 503 },
  'is killed and starts again': { begin: ({ server }) => server.kill(), end: ({ server }) => server.restart(), limits: 503 },
  'has forgotten the scripts': { begin: ({ admin }) => admin.script('FLUSH'), end () {}, limits: 200 },
  'has become a replica': { begin: ({ admin }) => admin.replicaof('127.0.0.1', 1), end: ({ admin }) => admin.replicaof('NO', 'ONE'), limits: 503 },
  'is out of memory': { begin: ({ admin }) => admin.config('SET', 'maxmemory', '1'), end: ({ admin }) => admin.config('SET', 'maxmemory', '0'), limits: 503, auth: 200 },
  'is busy with a script': {
    async begin ({ admin, server }) {
      await admin.config('SET', 'busy-reply-threshold', '1')
      server.client().eval('while true do end', 0).catch(() => {})
      await until(() => admin.ping().then(() => false, (fault) => /BUSY/.test(String(fault))), 'busy')
    },
    end: ({ admin }) => admin.script('KILL'),
    limits: 503,
  },
  'loads its data': {
    async begin ({ admin, server }) {
      await admin.call('DEBUG', 'POPULATE', '20000', 'other', '100')
      await admin.config('SET', 'key-load-delay', '5000', 'loading-process-events-interval-bytes', '1024')
      server.client().call('DEBUG', 'RELOAD').catch(() => {})
      await until(() => admin.ping().then(() => false, (fault) => /LOADING/.test(String(fault))), 'loading')
    },
    end: ({ admin }) => admin.config('SET', 'key-load-delay', '0'),
    limits: 503,
  },
}

interface Answer { readonly statusCode: number, readonly headers: NodeJS.Dict<unknown> }

/** A server that needs Redis through the proxy, and how it is asked with a good credential. */
interface Asked { readonly ask: () => Promise<Answer>, readonly log: KeptLog }
type Start = (t: Test, scene: Scene, deadline: number, handle: () => void) => Promise<Asked>

const starts = {
  async limits (t, { proxy }, deadline, handle) {
    const store = redisStore(t, { url: `redis://127.0.0.1:${proxy.port}`, deadline })
    const { app, as } = await guarded(t, { limits: { store, environments: { production: [{ name: 'p', quota: 1_000_000, window: 3_600 }], sandbox: [] } } }, (app) => {
      app.get('/', { schema: scopes.secure() }, async () => handle())
    })
    await app.ready()
    return { log: store.log, ask: () => as.inject(app, { scopes: [] }, '/') }
  },
  async auth (t, { proxy, text }, deadline, handle) {
    const redis = new Redis({ port: proxy.port, host: '127.0.0.1', connectTimeout: 2_000, socketTimeout: 2_000, retryStrategy: () => 50 })
    redis.on('error', () => {})
    t.teardown(() => redis.disconnect())
    const { app } = await guarded(t, { ...withKeys(redis, deadline), deadline }, (app) => {
      app.get('/', { schema: scopes.secure() }, async () => handle())
    })
    await app.ready()
    return { log: keepLog(), ask: () => app.inject({ url: '/', headers: { authorization: `Bearer ${text}` } }) }
  }
} satisfies Record<string, Start>

/** Keys that live in this Redis and are asked for at each request. */
function withKeys (redis: Redis, timeout: number) {
  return { keys: { prefix: 'acme', store: createRedisKeyStore({ redis, timeout }), recordUse: false as const }, limits: false as const }
}

async function cell (t: Test, part: keyof typeof starts, { begin, end, ...statuses }: Fault, warm: boolean): Promise<void> {
  const unhandled: unknown[] = []
  const collect = (fault: unknown) => { unhandled.push(fault) }
  process.on('unhandledRejection', collect)
  t.teardown(() => process.off('unhandledRejection', collect))

  const server = await startRedis(t, ['--enable-debug-command', 'yes', '--appendonly', 'yes', '--appendfsync', 'always'])
  const admin = server.client()
  const { app } = await guarded(t, withKeys(admin, 5))
  const { secret: text } = await app.latchkey.keys.issue({ workspace: 'w1', scopes: [] })
  const proxy = await startProxy(t, server.port)
  const scene = { server, proxy, admin, text }
  const status = statuses[part] ?? statuses.limits
  const deadline = DEADLINES[status]

  let handled = 0
  let slowest = 0
  const wrong: unknown[] = []
  if (!warm) await begin(scene)
  const { ask, log } = await starts[part](t, scene, deadline, () => { handled++ })

  async function one (): Promise<number> {
    const began = performance.now()
    const { statusCode, headers } = await ask()
    slowest = Math.max(slowest, performance.now() - began)
    const complete = statusCode === 200 ? part === 'auth' || 'ratelimit' in headers : !('ratelimit' in headers) && headers['cache-control'] === 'no-store' && /^[1-9]$/.test(String(headers['retry-after']))
    if (!complete) wrong.push({ statusCode, headers })
    return statusCode
  }
  async function many (): Promise<Set<number>> {
    const statuses = new Set<number>()
    for (let left = MANY; left > 0; left -= AT_ONCE) for (const status of await Promise.all(Array.from({ length: AT_ONCE }, one))) statuses.add(status)
    return statuses
  }

  if (warm || status === 200) await until(async () => await one() === 200, 'the first')
  if (warm) await begin(scene)
  const before = handled
  t.same([await one(), await one(), await one(), await one()], Array(4).fill(status))
  t.same([...await many()], [status])
  if (status === 503 && part === 'limits') {
    const sent = proxy.sent
    for (let i = 0; i < MANY; i++) await one()
    t.ok(proxy.sent - sent < 10_000, `an open breaker sends next to nothing: ${proxy.sent - sent} bytes`)
  }
  async function growth (): Promise<number> {
    const heap = await heapUsed()
    t.same([...await many()], [status])
    return (await heapUsed() - heap) / MANY
  }
  const grown = await leastGrowth(FLAT, 6, growth)
  t.ok(grown < FLAT, `memory is flat: ${Math.round(grown)} bytes a request`)
  t.ok(slowest < deadline * 1000 + MARGIN, `in time: ${Math.round(slowest)} ms`)
  t.strictSame(wrong, [], 'RateLimit fields where it was counted, Retry-After where it was not')
  if (status === 503) t.equal(handled, before, 'the handler never runs')

  await end(scene)
  await until(async () => await one() === 200, 'it works again')
  t.equal(await one(), 200)
  t.ok(log.lines.filter(({ level }) => level === 'warn').length <= (warm ? 1 : 2), JSON.stringify(log.lines))
  t.strictSame(unhandled, [])
}

/** Every fault, met after Redis has worked and from the start. */
export async function faultMatrix (t: Test, part: keyof typeof starts): Promise<void> {
  for (const [what, fault] of Object.entries(faults)) {
    for (const warm of [false, true]) {
      const { [part]: status = fault.limits }: Pick<Fault, 'limits' | 'auth'> = fault
      await t.test(`a Redis that ${what}, ${warm ? 'after it has worked' : 'from the start'}: ${status} in time, and it recovers by itself`, (t) => cell(t, part, fault, warm))
    }
  }
}
