import type { FastifyInstance } from 'fastify'
import t from 'tap'
import { NO_METHOD, NO_ROUTE, readAccess, type AccessRules } from '../../lib/core/route-access.js'
import { contextOf } from '../../lib/core/access-context.js'
import { collectRounds } from '../helpers/collect.js'
import { BEARER, guard, isRefusal, publicRoute, secured, statuses } from '../helpers/guard.js'

const refuse: AccessRules = { undeclared: 'refuse', byMethod: () => undefined }
const levels: AccessRules = { undeclared: 'refuse', byMethod: (method) => method === 'GET' ? [{ apiKey: ['READ'] }] : undefined }

/** Reads a schema as plain JavaScript may write it. */
function read (schema: unknown, rules = refuse, { method = 'GET', shared = false } = {}) {
  return readAccess({ method, url: '/x' }, schema === undefined ? undefined : Object.assign<object, unknown>({}, schema), rules, shared)
}

const security = (security: unknown) => read({ security })

t.test('security is read as OpenAPI reads it', async (t) => {
  const all = { alternatives: [{ scheme: 'apiKey', scopes: ['a', 'b'] }], faults: [] }
  t.match(security([]), { mode: 'public', alternatives: [], faults: [] })
  t.match(security([{ apiKey: [] }]), { mode: 'guarded', alternatives: [{ scheme: 'apiKey', scopes: [] }], faults: [] })
  t.match(security([{ apiKey: ['a', 'b'] }]), { mode: 'guarded', ...all })
  t.match(security([{ apiKey: ['a', 'b'] }, {}]), { mode: 'optional', ...all })
  t.match(security([{}, { apiKey: ['a', 'b'] }]), { mode: 'optional', ...all })
  t.match(security([{}]), { mode: 'optional', alternatives: [], faults: [] })
  t.match(security([Object.create(null)]), { mode: 'optional', faults: [] })
  t.match(security([{ apiKey: ['a'] }, { oauth: ['b'] }]), { mode: 'guarded', alternatives: [{ scheme: 'apiKey', scopes: ['a'] }, { scheme: 'oauth', scopes: ['b'] }] })
})

t.test('a malformed declaration is a fault and lets nobody in, also where it looks empty', async (t) => {
  const rounds = collectRounds()
  const patterns = collectRounds()
  for (const [stated, said] of [
    [null, 'not null'], ['apiKey', 'not "apiKey"'], [{ apiKey: ['a'] }, 'not an object with apiKey'], [true, 'not true'], [0, 'not 0'], ['', 'not ""']
  ] as const) {
    const { mode, faults } = security(stated)
    patterns.add(faults, [new RegExp(`^schema\\.security, or what the option undeclared answers, must be an array of security requirements, ${said}$`)])
    rounds.add(mode, 'undeclared')
  }
  for (const [item, said] of [
    [[], 'not an array of 0'], [null, 'not null'], [undefined, 'not undefined'], ['apiKey', 'not "apiKey"'], [new Map([['apiKey', []]]), 'not an object with nothing in it'],
    [new Map(), 'not an object with nothing in it'], [new Date(0), 'not a Date'], [['a'], 'not an array of 1'], [() => {}, 'not a function'], [5, 'not 5'],
    [{ apiKey: [], oauth: [] }, 'not an object with apiKey, oauth; a request carries one credential']
  ] as const) {
    for (const stated of [[item], [{ apiKey: [] }, item], [{}, item]]) {
      const { mode, faults } = security(stated)
      rounds.add(mode, 'undeclared')
      rounds.add(faults.length, 1)
      patterns.add(faults[0], `each item of schema.security must name one scheme, such as { apiKey: ['devices:read'] }, ${said}`)
    }
  }
  for (const scopes of ['devices:read', undefined, null, { 0: 'a' }, [5], [undefined], [['a']]]) {
    patterns.add(security([{ apiKey: scopes }]), { mode: 'undeclared', faults: [/^the scopes of apiKey in schema\.security must be an array of strings, not /] })
  }
  t.strictSame(rounds.seen, rounds.expected)
  t.match(patterns.seen, patterns.expected)
})

t.test('a declaration that its author changes later stays as it was read', async (t) => {
  const scopes = ['devices:manage']
  const access = security([{ apiKey: scopes }])
  scopes.length = 0
  t.strictSame(access.alternatives, [{ scheme: 'apiKey', scopes: ['devices:manage'] }])
})

t.test('x-rate-limit names a profile and a cost, and may count no anonymous callers', async (t) => {
  const limited = (declared: unknown) => read({ ...publicRoute.schema, 'x-rate-limit': declared })
  t.match(limited(undefined), { mode: 'public', profile: undefined, cost: 1, countsAnonymous: true, faults: [] })
  t.match(limited({ anonymous: true }), { countsAnonymous: true, faults: [] })
  t.match(limited({ anonymous: false }), { countsAnonymous: false, faults: [] })
  t.match(limited({}), { profile: undefined, cost: 1, faults: [] })
  t.match(limited({ profile: 'heavy', cost: 5 }), { profile: 'heavy', cost: 5, faults: [] })
  t.match(limited({ cost: 0 }), { cost: 0, faults: [] })
  const rounds = collectRounds()
  const patterns = collectRounds()
  for (const [declared, said] of [
    [null, 'must be { profile, cost, anonymous }, not null'], ['heavy', 'must be { profile, cost, anonymous }, not "heavy"'], [{ profile: 5 }, '.profile must be the name of a profile, not 5'],
    [{ cost: '5' }, '.cost must be a whole number of at least 0, not "5"'], [{ cost: -1 }, 'not -1'], [{ cost: 1.5 }, 'not 1.5'], [{ cost: NaN }, 'not NaN'], [{ cost: 2 ** 53 }, 'not 9007199254740992'],
    [{ max: 5 }, ' knows profile, cost and anonymous, not max'], [{ anonymous: 0 }, '.anonymous must be true or false, not 0']
  ] as const) {
    const { mode, faults } = limited(declared)
    rounds.add(mode, 'undeclared')
    patterns.add(faults.join(), said)
  }
  t.strictSame(rounds.seen, rounds.expected)
  t.match(patterns.seen, patterns.expected)
})

t.test('a route that declares nothing has the declaration of its method, else what the host chose', async (t) => {
  t.strictSame(read(undefined).faults, ['declares nothing'])
  t.match(read(undefined), { mode: 'undeclared' })
  t.match(read({}), { mode: 'undeclared' })
  t.match(read({}, levels), { mode: 'guarded', alternatives: [{ scopes: ['READ'] }] })
  t.match(read({}, levels, { method: 'PURGE' }), { mode: 'undeclared' })
  t.match(read({ security: [] }, levels), { mode: 'public' })
  t.match(read({}, { ...refuse, undeclared: 'authenticate' }), { mode: 'guarded', alternatives: [] })

  const answers = new Map<unknown, object>([
    ['refuse', { mode: 'undeclared' }], ['public', { mode: 'public' }], ['authenticate', { mode: 'guarded', alternatives: [] }],
    [[{ apiKey: ['metrics:read'] }], { mode: 'guarded', alternatives: [{ scheme: 'apiKey', scopes: ['metrics:read'] }] }],
    [undefined, { mode: 'undeclared', faults: [/must be an array of security requirements, not undefined/] }],
    ['Public', { mode: 'undeclared', faults: [/not "Public"/] }], [true, { mode: 'undeclared' }], [null, { mode: 'undeclared' }], [Promise.resolve('public'), { mode: 'undeclared' }]
  ])
  const rounds = collectRounds()
  const patterns = collectRounds()
  for (const [answer, expected] of answers) {
    const asked: unknown[] = []
    const undeclared = new Proxy(() => 'refuse' as const, { apply: (_target, _this, [route]) => { asked.push(route); return answer } })
    patterns.add(read({}, { ...refuse, undeclared }), expected)
    rounds.add(asked, [{ method: 'GET', url: '/x' }])
  }
  t.strictSame(rounds.seen, rounds.expected)
  t.match(patterns.seen, patterns.expected)
  t.match(read({}, { ...refuse, undeclared: () => { throw new RangeError('secret') } }), { mode: 'undeclared', faults: ['the option undeclared threw RangeError'] })
})

t.test('only a route for OPTIONS alone that declares nothing lets preflights pass', async (t) => {
  t.match(read({}, refuse, { method: 'OPTIONS' }), { preflight: true, mode: 'guarded' })
  t.match(read(undefined, refuse, { method: 'OPTIONS' }), { preflight: true, mode: 'guarded' })
  t.match(read({}, refuse, { method: 'OPTIONS', shared: true }), { preflight: false, mode: 'undeclared' })
  t.match(read(secured.schema, refuse, { method: 'OPTIONS' }), { preflight: false, mode: 'guarded' })
  t.match(read(publicRoute.schema, refuse, { method: 'OPTIONS' }), { preflight: false, mode: 'public' })
  t.match(read(secured.schema), { preflight: false })
  t.match([NO_ROUTE, NO_METHOD], [{ mode: 'guarded', preflight: true }, { mode: 'undeclared', preflight: false }])
})

t.test('boot fails with the names of all routes that have faults, in every context', async (t) => {
  const { app } = await guard(t, {
    async after (app) {
      app.get('/silent', async () => ({}))
      app.route({ method: ['PUT', 'PATCH'], url: '/several', handler: async () => ({}) })
      app.post('/fine', secured, async () => ({}))
      await app.register(async (child: FastifyInstance) => { child.delete('/deep', { schema: { security: [{ apiKey: [] }], 'x-rate-limit': { cost: -1 } } }, async () => ({})) }, { prefix: '/v1' })
    }
  })
  t.strictSame((await app.ready().then(() => 'booted', String)).split('\n'), [
    'OptionError: fastify-latchkey: GET, HEAD /silent declares nothing',
    'PUT, PATCH /several declares nothing',
    'DELETE /v1/deep schema[\'x-rate-limit\'].cost must be a whole number of at least 0, not -1',
    'add schema.security to routes that declare nothing, for example { ...scopes.secure(\'devices:read\') }, or scopes.public() for everybody'
  ], 'a path once, and the advice once')
})

t.test('with undeclared: \'authenticate\', routes that declare nothing need any valid credential', async (t) => {
  const { app } = await guard(t, { context: { undeclared: 'authenticate' }, before: (app) => app.get('/early', async () => ({})), after: (app) => app.get('/late', async () => ({})) })
  const rounds = collectRounds()
  for (const url of ['/early', '/late']) rounds.add(await statuses(app, { url }), [401, 401, 200])
  t.strictSame(rounds.seen, rounds.expected)
})

t.test('a function decides about routes that the host can\'t edit, also those registered earlier', async (t) => {
  const { app } = await guard(t, {
    context: {
      undeclared: ({ method, url }) => {
        if (url === '/throw') throw new Error('secret')
        return url === '/health' ? 'public' : method === 'POST' ? [{ apiKey: [] }] : url.startsWith('/docs') ? 'authenticate' : 'refuse'
      }
    },
    before (app) {
      for (const url of ['/health', '/docs', '/throw', '/other']) app.get(url, async () => ({}))
      app.post('/other', async () => ({}))
    },
    after: (app) => app.get('/docs/late', async () => ({}))
  })
  t.strictSame(await statuses(app, { url: '/health' }), [200, 200, 200])
  const rounds = collectRounds()
  for (const url of ['/docs', '/docs/late']) rounds.add(await statuses(app, { url }), [401, 401, 200])
  t.strictSame(await statuses(app, { method: 'POST', url: '/other' }), [401, 401, 200])
  for (const url of ['/other', '/throw']) {
    rounds.add(await statuses(app, { url }), [401, 401, 403])
    isRefusal(t, await app.inject({ url, headers: BEARER }), 'ROUTE_UNDECLARED')
  }
  t.strictSame(rounds.seen, rounds.expected)
})

t.test('onRoute hooks can read what a route declares, once for each method', async (t) => {
  const seen: string[][] = []
  const { app } = await guard(t, {
    after (app) {
      app.addHook('onRoute', (route) => { seen.push(contextOf(app).declaredBy(route).map(({ method, mode }) => `${method} ${mode}`)) })
      app.get('/one', { ...publicRoute, exposeHeadRoute: false }, async () => ({}))
      app.route({ method: ['PUT', 'POST'], url: '/two', ...secured, handler: async () => ({}) })
    }
  })
  await app.ready()
  t.strictSame(seen, [['GET public'], ['PUT guarded', 'POST guarded']])
})

t.test('what onRoute hooks of child contexts declare is enforced, whatever was declared before', async (t) => {
  const write = [{ apiKey: ['devices:write'] }]
  const { app } = await guard(t, {
    context: { undeclared: () => 'public' },
    after (app) {
      app.register(async (child) => {
        child.addHook('onRoute', (route) => { route.schema = { ...route.schema, security: write } })
        child.get('/silent', async () => ({}))
        child.get('/public', publicRoute, async () => ({}))
        child.get('/other', secured, async () => ({}))
      }, { prefix: '/new' })
      app.register(async (child) => {
        child.addHook('onRoute', ({ schema }) => { Object.assign(schema ?? {}, { security: write }) })
        child.get('/', { schema: { security: [] } }, async () => ({}))
      }, { prefix: '/same' })
      app.register(async (child) => {
        child.addHook('onRoute', (route) => { route.config = {} })
        child.get('/config', secured, async () => ({}))
      })
      app.register(async (child) => {
        child.addHook('onRoute', (route) => { route.method = 'DELETE' })
        child.route({ method: 'POST', url: '/method', ...secured, handler: async () => ({}) })
      })
    }
  })
  await app.ready()
  const read = contextOf(app).routes.map(({ method, url, alternatives }) => `${method} ${url} ${String(alternatives[0]?.scopes)}`)
  t.strictSame(read.sort(), [
    'DELETE /method ', 'GET /config ', ...['/new/other', '/new/public', '/new/silent', '/same'].map((url) => `GET ${url} devices:write`),
    'HEAD /config ', ...['/new/other', '/new/public', '/new/silent', '/same', '/same/'].map((url) => `HEAD ${url} devices:write`)
  ])
  const rounds = collectRounds()
  for (const url of ['/new/silent', '/new/public', '/new/other', '/same', '/same/', '/config']) rounds.add(await statuses(app, { url }), [401, 401, 200])
  rounds.add(await statuses(app, { method: 'DELETE', url: '/method' }), [401, 401, 200])
  t.strictSame(rounds.seen, rounds.expected)
})

t.test('plugins can read what all routes declare', async (t) => {
  const { app } = await guard(t, { after: (app) => app.get('/x', { schema: { ...secured.schema, operationId: 'readX' } }, async () => ({})) })
  const { routes, declaredBy } = contextOf(app)
  await app.ready()
  t.match(routes, [{ method: 'GET', url: '/x', operationId: 'readX' }, { method: 'HEAD', url: '/x' }])
  t.strictSame(declaredBy({ method: 'GET', url: '/never-registered', handler: async () => ({}) }), [])
})
