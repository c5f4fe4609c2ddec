import Fastify from 'fastify'
import plugin, { allowPlainHttp, latchkey, OptionError, type LatchkeyOptions } from 'fastify-latchkey'
import { fakeClock, testPrincipals } from 'fastify-latchkey/testing'
import t, { type Test } from 'tap'
import { refused, scopes, untyped } from './helpers/limits.js'

const staging = [{ name: 'staging', quota: 5, window: 60 }]
const good = { scopes, environment: 'production', keys: { prefix: 'acme' }, transport: allowPlainHttp } as const

/** What registering with these options, over good ones, says; '' when it boots. */
async function bootWith (t: Test, over: object): Promise<string> {
  const app = Fastify()
  t.teardown(() => app.close())
  try {
    await app.register(latchkey, untyped<LatchkeyOptions>({ ...good, ...over }))
    await app.ready()
    return ''
  } catch (fault) {
    t.ok(fault instanceof OptionError, String(fault))
    return String(fault)
  }
}

t.test('the plugin is the default export, and is registered once for its context and those inside', async (t) => {
  t.equal(plugin, latchkey)
  const app = Fastify()
  t.teardown(() => app.close())
  await app.register(latchkey, good)
  t.ok(app.hasPlugin('fastify-latchkey'))
  await t.rejects(async () => { await app.register(latchkey, good) }, { name: 'OptionError', message: /guarded already; register Latchkey once/ })
})

t.test('a wrong option is refused with its path, what was given and what to write', async (t) => {
  const rows: Array<[object, string]> = [
    [{ key: {} }, 'unknown option key; known here: '],
    [{ byMethod: () => undefined }, 'unknown option byMethod; known here: '],
    [{ keys: undefined }, 'option keys must be { prefix: \'acme\' }, or false with resolvers of your own, not undefined'],
    [{ keys: true }, 'option keys must be { prefix: \'acme\' }, or false with resolvers of your own, not true'],
    [{ keys: null }, 'option keys must be { prefix'],
    [{ keys: {} }, 'option keys.prefix is missing; it must be lower-case letters, digits and underscores, such as \'acme\''],
    [{ keys: { prefix: 'acme', tag: {} } }, 'unknown option keys.tag; known here: prefix, tags, store'],
    [{ limits: null }, 'option limits must be an object, or false for no limits, not null'],
    [{ limits: true }, 'option limits must be an object, or false for no limits, not true'],
    [{ limits: { enviroments: {} } }, 'unknown option limits.enviroments; known here: '],
    [{ limits: { environments: { production: [{ name: 'p', quota: -1, window: 60 }] } } }, 'option limits.environments.production.0.quota must be a whole number of at least 0'],
    [{ resolvers: [] }, 'option resolvers must be an array with at least one resolver'],
    [{ resolvers: [{}] }, 'option resolvers.0 must be a resolver'],
    [{ scopes: undefined }, 'option scopes must be what defineScopes returned, not undefined'],
    [{ hook: 'preValidation' }, 'option hook must be \'onRequest\' or \'preHandler\', not "preValidation"'],
    [{ environment: '' }, 'option environment must be the environment this host serves'],
    [{ transport: 'http' }, 'option transport must be allowPlainHttp, imported from fastify-latchkey, or left out'],
  ]
  for (const [over, said] of rows) t.match(await bootWith(t, over), `OptionError: fastify-latchkey: ${said}`)
  t.match(await bootWith(t, { transport: Symbol('allowPlainHttp') }), 'not another symbol')
})

t.test('a missing option is named', async (t) => {
  for (const name of ['scopes', 'keys', 'environment']) {
    const app = Fastify()
    t.teardown(() => app.close())
    const options = Object.fromEntries(Object.entries(good).filter(([key]) => key !== name))
    await t.rejects(async () => { await app.register(latchkey, untyped<LatchkeyOptions>(options)) }, { name: 'OptionError', message: new RegExp(`option ${name} is missing; it must be `) })
  }
})

t.test('a host without keys and resolvers could let nobody in, and refuses to start', async (t) => {
  t.match(await bootWith(t, { keys: false }), 'option keys is false and there are no resolvers, so nobody could be authenticated; state keys: { prefix } or resolvers')
  t.equal(await bootWith(t, { keys: false, resolvers: [testPrincipals().resolver] }), '')
})

t.test('an environment that nobody would be counted in refuses to start, and is named', async (t) => {
  const lacks = (names: string, first: string) => `option limits.environments lacks ${names}; add a profile: { "${first}": [{ name, quota, window }] }, or [] for no limit`
  t.match(await bootWith(t, { environment: 'staging' }), lacks('staging', 'staging'))
  t.match(await bootWith(t, { environment: ['production', 'staging', 'qa'] }), lacks('staging, qa', 'staging'))
  for (const born of ['__proto__', 'constructor', 'toString']) t.match(await bootWith(t, { environment: born }), lacks(born, born))
  t.match(await bootWith(t, { limits: { environments: { sandbox: staging } } }), lacks('production', 'production'))
  t.match(await bootWith(t, { environment: () => 'staging', keys: { prefix: 'acme', tags: { live: 'production', stg: 'staging' } } }), lacks('staging', 'staging'))
})

t.test('an environment with a profile, with one that is empty, or without limits at all boots', async (t) => {
  for (const over of [
    { environment: 'staging', limits: { environments: { staging } } },
    { environment: 'staging', limits: { environments: { staging: [] } } },
    { environment: 'staging', limits: false },
    { environment: () => 'staging', keys: { prefix: 'acme', tags: { stg: 'staging' } }, limits: { environments: { staging } } },
    { environment: () => 'production' },
    { environment: () => 'staging', keys: false, resolvers: [testPrincipals().resolver] },
    { limits: {} },
    { limits: undefined, resolvers: undefined, hook: undefined },
  ]) t.equal(await bootWith(t, over), '')
})

t.test('resolvers are asked before keys, and both are counted and checked alike', async (t) => {
  const app = Fastify()
  t.teardown(() => app.close())
  const as = testPrincipals()
  const clock = fakeClock()
  await app.register(latchkey, { ...good, resolvers: [as.resolver], clock: clock.now, limits: { environments: { production: [{ name: 'p', quota: 2, window: 60 }] } } })
  app.get('/', { schema: scopes.secure('devices:read') }, async ({ principal }) => principal?.workspace)
  const { secret: text } = await app.latchkey.keys.issue({ workspace: 'w1', scopes: ['devices:read'] })
  const byKey = () => app.inject({ url: '/', headers: { authorization: `Bearer ${text}` } })
  const byTest = () => as.inject(app, { scopes: [] }, '/')
  t.equal((await byKey()).body, 'w1')
  t.equal((await byKey()).headers.ratelimit, '"p";r=0;t=60')
  refused(t, await byKey(), { status: 429, code: 'RATE_LIMITED', retryAfter: 60 })
  for (let i = 0; i < 2; i++) refused(t, await byTest(), { status: 403, code: 'INSUFFICIENT_SCOPE', challenge: 'Bearer realm="api", error="insufficient_scope", scope="devices:read"' })
  refused(t, await byTest(), { status: 429, code: 'RATE_LIMITED', retryAfter: 60 })
})

t.test('without keys of its own the host gets no app.keys', async (t) => {
  const app = Fastify()
  t.teardown(() => app.close())
  await app.register(latchkey, { ...good, keys: false, resolvers: [testPrincipals().resolver] })
  t.equal(app.hasDecorator('keys'), false)
})
