import type { Redis } from 'ioredis'
import t, { type Test } from 'tap'
import { guarded, scopes } from '../helpers/limits.js'
import { startProxy, type Manner, type Proxy } from '../helpers/proxy.js'
import { startRedis, type RedisServer } from '../helpers/redis-server.js'
import { eventually, redisStore } from '../helpers/redis-store.js'

const DEADLINE = 0.25
/** Milliseconds that a busy machine may add. */
const MARGIN = 1_000

interface Scene { readonly server: RedisServer, readonly proxy: Proxy, readonly admin: Redis }

interface Fault {
  readonly begin: (scene: Scene) => unknown
  readonly end: (scene: Scene) => unknown
  /** What requests get while it lasts. */
  readonly status: 200 | 503
}

const through = (manner: Manner, status: 200 | 503): Fault => ({
  begin: ({ proxy }) => { proxy.manner = manner },
  end: ({ proxy }) => { proxy.manner = 'pass' },
  status,
})

const faults: Record<string, Fault> = {
  'refuses connections': through('refuse', 503),
  'answers a second late': through('slow', 503),
  'resets in the middle of an answer': through('reset', 503),
  'answers byte by byte': through('slice', 200),
  'gets requests a second late': through('delay-requests', 503),
  'is stopped': { begin: ({ server }) => server.signal('SIGSTOP'), end: ({ server }) => server.signal('SIGCONT'), status: 503 },
  'is killed and starts again, empty': { begin: ({ server }) => server.kill(), end: ({ server }) => server.restart(), status: 503 },
  'has forgotten the scripts': { begin: ({ admin }) => admin.script('FLUSH'), end () {}, status: 200 },
  'has become a replica': { begin: ({ admin }) => admin.replicaof('127.0.0.1', 1), end: ({ admin }) => admin.replicaof('NO', 'ONE'), status: 503 },
  'is out of memory': { begin: ({ admin }) => admin.config('SET', 'maxmemory', '1'), end: ({ admin }) => admin.config('SET', 'maxmemory', '0'), status: 503 },
  'is busy with a script': {
    async begin ({ admin, server }) {
      await admin.config('SET', 'busy-reply-threshold', '1')
      server.client().eval('while true do end', 0).catch(() => {})
      await eventually(() => admin.ping().then(() => false, (fault) => /BUSY/.test(String(fault))), 'busy')
    },
    end: ({ admin }) => admin.script('KILL'),
    status: 503,
  },
  'loads its data': {
    async begin ({ admin, server }) {
      await admin.call('DEBUG', 'POPULATE', '20000', 'other', '100')
      await admin.config('SET', 'key-load-delay', '5000', 'loading-process-events-interval-bytes', '1024')
      server.client().call('DEBUG', 'RELOAD').catch(() => {})
      await eventually(() => admin.ping().then(() => false, (fault) => /LOADING/.test(String(fault))), 'loading')
    },
    end: ({ admin }) => admin.config('SET', 'key-load-delay', '0'),
    status: 503,
  },
}

async function cell (t: Test, { begin, end, status }: Fault, warm: boolean): Promise<void> {
  const unhandled: unknown[] = []
  const hear = (fault: unknown) => { unhandled.push(fault) }
  process.on('unhandledRejection', hear)
  t.teardown(() => process.off('unhandledRejection', hear))

  const server = await startRedis(t, ['--enable-debug-command', 'yes'])
  const proxy = await startProxy(t, server.port)
  const scene = { server, proxy, admin: server.client() }
  await scene.admin.ping()
  if (!warm) await begin(scene)
  const store = redisStore(t, { url: `redis://127.0.0.1:${proxy.port}`, deadline: DEADLINE })
  let handled = 0
  const { app, as } = await guarded(t, { limits: { store, environments: { production: [{ name: 'p', quota: 1_000_000, window: 3_600 }], sandbox: [] } } }, (app) => {
    app.get('/', { schema: scopes.secure() }, async () => { handled++ })
  })
  await app.ready()
  async function ask (): Promise<number> {
    const started = performance.now()
    const { statusCode, headers } = await as.inject(app, { scopes: [] }, '/')
    t.ok(performance.now() - started < DEADLINE * 1000 + MARGIN, 'in time')
    t.equal('ratelimit' in headers, statusCode === 200, 'RateLimit fields where it was counted')
    if (statusCode !== 200) t.match(headers, { 'retry-after': /^[1-9]$/, 'cache-control': 'no-store' })
    return statusCode
  }
  if (warm || status === 200) await eventually(async () => await ask() === 200, 'the first')
  if (warm) await begin(scene)

  const before = handled
  const statuses = new Set<number>()
  for (let i = 0; i < 4; i++) statuses.add(await ask())
  const sent = proxy.sent
  for (const one of await Promise.all(Array.from({ length: 50 }, ask))) statuses.add(one)
  t.same([...statuses], [status])
  if (status === 503) {
    t.equal(handled, before, 'the handler never runs')
    t.ok(proxy.sent - sent < 10_000, `an open breaker sends next to nothing: ${proxy.sent - sent} bytes`)
  }

  await end(scene)
  await eventually(async () => await ask() === 200, 'it works again')
  t.equal(await ask(), 200)
  t.same(store.log.lines.filter(({ level }) => level === 'warn').length <= 1 + (warm ? 0 : 1), true, JSON.stringify(store.log.lines))
  t.strictSame(unhandled, [])
}

for (const [what, fault] of Object.entries(faults)) {
  for (const warm of [false, true]) {
    t.test(`a Redis that ${what}, ${warm ? 'after it has worked' : 'from the start'}: ${fault.status} in time, and it recovers by itself`, (t) => cell(t, fault, warm))
  }
}
