import Fastify from 'fastify'
import latchkey, { allowPlainHttp, defineScopes, latchkey as named, OptionError, type LatchkeyOptions } from 'fastify-latchkey'
import { createMemoryKeyStore, createRecordCache, type KeyStore } from 'fastify-latchkey/keys'
import { createPgliteKeyStore, createPostgresKeyStore } from 'fastify-latchkey/keys/postgres'
import { createRedisKeyStore } from 'fastify-latchkey/keys/redis'
import { createMemoryLimitStore } from 'fastify-latchkey/limits'
import { fakeClock, testPrincipals } from 'fastify-latchkey/testing'
import { Redis } from 'ioredis'
import t from 'tap'
import { collectRounds, rejection } from './helpers/collect.js'
import { keepLines } from './helpers/doors.js'
import { bootError, guarded, refused, scopes, untyped } from './helpers/limits.js'

const good = { scopes, environment: 'production', keys: { prefix: 'acme' }, transport: allowPlainHttp } as const
const minute = [{ name: 'minute', quota: 5, window: 60 }]

t.test('the plugin is the default export', async (t) => {
  t.equal(latchkey, named)
})

t.test('prefix and environment are all that a host must say', async (t) => {
  const app = Fastify()
  t.teardown(() => app.close())
  await app.register(latchkey, { scopes, environment: 'production', keys: { prefix: 'acme' } })
  app.get('/', { schema: scopes.secure('devices:read') }, async () => 'in')
  const { secret } = await app.latchkey.keys.issue({ workspace: 'w1', scopes: ['devices:read'] })
  const ask = (protocol: string) => app.inject({ url: `${protocol}://api.example/`, headers: { authorization: `Bearer ${secret}` } })
  refused(t, await ask('http'), { status: 403, code: 'INSECURE_TRANSPORT' })
})

t.test('keys that would be gone with the process are a warning at boot, unless that was said', async (t) => {
  const warned = async (keys: LatchkeyOptions['keys'], resolvers?: LatchkeyOptions['resolvers']) => {
    const log = keepLines()
    const app = Fastify({ logger: { level: 'warn', stream: log.stream } })
    t.teardown(() => app.close())
    await app.register(latchkey, { scopes, environment: 'production', keys, resolvers })
    return log.entries.map(({ msg }) => msg)
  }
  t.match(await warned({ prefix: 'acme' }), [/^keys\.store is left out: keys live in this process's memory, and are gone when it ends; write a store, such as createPostgresKeyStore\(\)/])
  t.same(await warned({ prefix: 'acme', store: createMemoryKeyStore() }), [])
  t.same(await warned(false, [testPrincipals().resolver]), [])
})

t.test('counters that processes count apart, of keys that they share, are a warning at boot, unless that was said', async (t) => {
  const warned = async (store: KeyStore, limits?: LatchkeyOptions['limits']) => {
    const log = keepLines()
    const app = Fastify({ logger: { level: 'warn', stream: log.stream } })
    t.teardown(() => app.close())
    await app.register(latchkey, { scopes, environment: 'production', keys: { prefix: 'acme', store }, limits })
    return log.entries.map(({ msg }) => msg)
  }
  const postgres = createPostgresKeyStore({ connectionString: 'postgres://localhost/none' })
  const redis = createRedisKeyStore({ redis: new Redis({ lazyConnect: true }) })
  const cached = createRecordCache(postgres)
  const patterns = collectRounds()
  const rounds = collectRounds()
  for (const store of [postgres, redis, cached]) {
    patterns.add(await warned(store), [/^limits\.store is left out, and processes share keys\.store: each process counts requests for itself, so callers get a multiple of their quotas; write a store, such as createRedisLimitStore\(\)/])
    rounds.add(await warned(store, false), [])
    rounds.add(await warned(store, { store: createMemoryLimitStore() }), [])
  }
  const embedded = createPgliteKeyStore({ dataDir: t.testdir() })
  for (const store of [embedded, createRecordCache(createMemoryKeyStore())]) rounds.add(await warned(store), [], 'one process alone has them')
  t.match(patterns.seen, patterns.expected)
  t.strictSame(rounds.seen, rounds.expected)
})

t.test('resolvers of the host are asked before API keys, and stand beside them', async (t) => {
  const { app, as } = await guarded(t, { keys: { prefix: 'acme' } })
  t.equal((await as.inject(app, { scopes: [] }, '/')).statusCode, 200)
  const { secret } = await app.latchkey.keys.issue({ workspace: 'w1', scopes: [] })
  t.equal((await app.inject({ url: '/', headers: { authorization: `Bearer ${secret}` } })).statusCode, 200)
})

t.test('on a public route, whom the host has authenticated itself is let in whatever its scopes', async (t) => {
  const { app } = await guarded(t, { keys: { prefix: 'acme' }, resolvers: undefined, hook: 'preHandler' }, (app) => {
    app.get('/', { schema: { security: [] }, onRequest: (request, reply) => app.latchkey.authenticate(request, reply) }, async ({ principal }) => principal?.workspace)
  })
  await app.ready()
  const { secret } = await app.latchkey.keys.issue({ workspace: 'w1', scopes: [] })
  const answer = await app.inject({ url: '/', headers: { authorization: `Bearer ${secret}` } })
  t.same([answer.statusCode, answer.body], [200, 'w1'])
})

t.test('reading what is not registered throws an error that names the option or plugin, and the server has one decorator and nothing else', async (t) => {
  const { app } = await guarded(t)
  t.throws(() => app.latchkey.keys, { name: 'OptionError', message: 'fastify-latchkey: app.latchkey.keys is not there: option keys is false; write keys: { prefix }, or ask \'keys\' in app.latchkey' })
  t.throws(() => app.latchkey.webhooks, { message: /register the plugin webhooks of fastify-latchkey\/webhooks first/ })
  t.same(['keys' in app.latchkey, 'events' in app.latchkey, await app.latchkey, JSON.stringify(app.latchkey)], [false, true, app.latchkey, '{"events":{}}'])
  t.same(Object.keys(app.latchkey).sort(), ['authenticate', 'events', 'scopesByResource'], 'what is there can be listed')
  const rounds = collectRounds()
  for (const name of ['keys', 'events', 'authenticate', 'reauthenticate', 'resolvers', 'webhooks', 'scopesByResource']) {
    rounds.add(app.hasDecorator(name), false, name)
  }
  t.strictSame(rounds.seen, rounds.expected)
})

t.test('nobody to be authenticated by is refused at boot', async (t) => {
  t.match(await bootError(t, { keys: false, resolvers: undefined }), /option keys is false and there are no resolvers, so no request could be authenticated/)
  t.match(await bootError(t, { keys: false, resolvers: [] }), /option resolvers must be an array with at least one resolver/)
})

t.test('options are checked at boot: path, what was given, what to write', async (t) => {
  const rows: Array<[unknown, RegExp]> = [
    [{ scope: scopes }, /^OptionError: fastify-latchkey: unknown option scope; known here: /],
    [{ scopes: undefined }, /option scopes must be what defineScopes returned, not undefined/],
    [{ environment: undefined }, /option environment must be the environment this host serves/],
    [{ environment: '' }, /option environment must be the environment this host serves/],
    [{ environment: [] }, /option environment must be the environment this host serves/],
    [{ keys: undefined }, /option keys must be \{ prefix: 'acme' \}, or false with resolvers of your own, not undefined/],
    [{ keys: true }, /option keys must be \{ prefix: 'acme' \}/],
    [{ keys: { prefix: 'acme', prefixes: 'x' } }, /unknown option keys\.prefixes; known here: prefix, tags, /],
    [{ limits: null }, /option limits must be an object, or false for no limits, not null/],
    [{ limits: { tiers: { free: [{ name: 'f', quota: -1, window: 1 }] } } }, /option limits\.tiers\.free\.0\.quota must be a whole number/],
    [{ byMethod: () => undefined }, /unknown option byMethod/],
    [{ resolvers: [{}] }, /option resolvers must be |option resolvers\.0 must be a resolver/],
    [{ transport: 'plain' }, /option transport must be allowPlainHttp/],
    [{ deadline: '1' }, /option deadline must be seconds/],
    [{ hook: 'onSend' }, /option hook must be 'onRequest' or 'preHandler'/],
  ]
  const patterns = collectRounds()
  for (const [options, message] of rows) patterns.add(await bootError(t, untyped(options)), message)
  t.match(patterns.seen, patterns.expected)
})

t.test('a missing option is named', async (t) => {
  const patterns = collectRounds()
  for (const name of ['scopes', 'keys', 'environment']) {
    const app = Fastify()
    t.teardown(() => app.close())
    const options = Object.fromEntries(Object.entries(good).filter(([key]) => key !== name))
    patterns.add(await rejection(async () => { await app.register(latchkey, untyped<LatchkeyOptions>(options)) }), { name: 'OptionError', message: new RegExp(`option ${name} is missing; it must be `) })
  }
  t.match(patterns.seen, patterns.expected)
})

t.test('resolvers are asked before keys, and both are counted and checked alike', async (t) => {
  const app = Fastify()
  t.teardown(() => app.close())
  const as = testPrincipals()
  const clock = fakeClock()
  await app.register(latchkey, { ...good, resolvers: [as.resolver], clock: clock.now, limits: { environments: { production: [{ name: 'p', quota: 2, window: 60 }] } } })
  app.get('/', { schema: scopes.secure('devices:read') }, async ({ principal }) => principal?.workspace)
  const { secret } = await app.latchkey.keys.issue({ workspace: 'w1', scopes: ['devices:read'] })
  const byKey = () => app.inject({ url: '/', headers: { authorization: `Bearer ${secret}` } })
  const byTest = () => as.inject(app, { scopes: [] }, '/')
  t.equal((await byKey()).body, 'w1')
  t.equal((await byKey()).headers.ratelimit, '"p";r=0;t=60')
  refused(t, await byKey(), { status: 429, code: 'RATE_LIMITED', retryAfter: 60 })
  for (let i = 0; i < 2; i++) refused(t, await byTest(), { status: 403, code: 'INSUFFICIENT_SCOPE', challenge: 'Bearer realm="api", error="insufficient_scope", scope="devices:read"' })
  refused(t, await byTest(), { status: 429, code: 'RATE_LIMITED', retryAfter: 60 })
})

t.test('an environment that is served and not counted refuses to start', async (t) => {
  const keys = { prefix: 'acme' }
  const row = (options: Partial<LatchkeyOptions>) => bootError(t, options)
  t.match(await row({ environment: ['production', 'staging', 'dev'] }), /option limits\.environments lacks staging, dev; add a profile: \{ "staging": \[\{ name, quota, window \}\] \}, or \[\] for no limit/)
  t.match(await row({ environment: 'staging' }), /lacks staging/)
  t.match(await row({ environment: 'toString' }), /lacks toString/)
  t.match(await row({ environment: ['production', 'sandbox'], limits: { environments: { production: minute } } }), /lacks sandbox/)
  t.match(await row({ keys, environment: () => 'production', limits: { environments: { production: minute } } }), /lacks sandbox/, 'the function may serve whatever keys are issued for')
  t.match(await row({ keys: { prefix: 'acme', tags: { live: 'production', dev: 'development' } }, environment: () => 'production' }), /lacks development/)
})

t.test('an environment that is not served needs no profile, nor any where nothing is counted', async (t) => {
  const keys = { prefix: 'acme' }
  for (const options of [
    { keys, environment: 'production', limits: { environments: { production: minute } } },
    { keys, environment: () => 'production' },
    { keys: { prefix: 'acme', tags: { dev: 'development' } }, environment: 'development', limits: false },
    { keys: { prefix: 'acme', tags: { dev: 'development' } }, environment: () => 'development', limits: { environments: { development: [] } } },
    { environment: () => 'wherever' },
  ] satisfies Array<Partial<LatchkeyOptions>>) {
    const { app } = await guarded(t, options)
    await app.ready()
  }
})

t.test('a context is guarded once, and a child context may be guarded alone', async (t) => {
  const { app } = await guarded(t)
  await t.rejects(async () => { await app.register(latchkey, { scopes, environment: 'production', keys: { prefix: 'acme' } }) }, OptionError)

  const host = Fastify()
  t.teardown(() => host.close())
  const as = testPrincipals()
  host.get('/free', async () => 'free')
  await host.register(async (child) => {
    await child.register(latchkey, { scopes, environment: 'production', keys: false, resolvers: [as.resolver], transport: allowPlainHttp })
    child.get('/inside', { schema: scopes.secure('devices:read') }, async () => 'inside')
  })
  t.equal((await host.inject('/free')).statusCode, 200)
  t.equal((await host.inject('/inside')).statusCode, 401)
  t.equal((await as.inject(host, { scopes: ['devices:read'] }, '/inside')).body, 'inside')
})

t.test('auth, then limits, then scopes: a weak key pays for its probing, a missing one does not', async (t) => {
  const { app, as } = await guarded(t, { limits: { environments: { production: [{ name: 'p', quota: 1, window: 60 }], sandbox: [] } } }, (app) => {
    app.get('/', { schema: scopes.secure('devices:read') }, async () => 'in')
  })
  t.equal((await app.inject('/')).statusCode, 401)
  t.equal((await as.inject(app, { scopes: [] }, '/')).statusCode, 403)
  refused(t, await as.inject(app, { scopes: ['devices:read'] }, '/'), { status: 429, code: 'RATE_LIMITED', retryAfter: 60 })
})

t.test('keys and catalogue agree: a scope of levels is issued as one of resources is', async (t) => {
  const levels = defineScopes({ levels: ['READ', 'WRITE'] })
  const { app } = await guarded(t, { scopes: levels, keys: { prefix: 'acme' } }, (app) => { app.post('/', async () => 'made') })
  const status = async (scope: string) => {
    const { secret } = await app.latchkey.keys.issue({ workspace: 'w1', scopes: [scope] })
    return (await app.inject({ method: 'POST', url: '/', headers: { authorization: `Bearer ${secret}` } })).statusCode
  }
  t.same([await status('READ'), await status('WRITE')], [403, 200])
  await t.rejects(app.latchkey.keys.issue({ workspace: 'w1', scopes: ['devices:read'] }), { code: 'KEY_INPUT_INVALID' })
})
