import Fastify, { type FastifyInstance, type FastifyRequest } from 'fastify'
import fp from 'fastify-plugin'
import t from 'tap'
import { auth, allowPlainHttp, type AuthOptions } from '../../lib/auth/index.js'
import { accessContext } from '../../lib/core/access-context.js'
import { collectRounds } from '../helpers/collect.js'
import { exchange, keepLines, listen, request } from '../helpers/doors.js'
import { BEARER, GOOD, goodResolver, guard, isRefusal, publicRoute, optional, principal, resolverOf, secured, statuses, type Setup } from '../helpers/guard.js'

const who = async ({ principal }: FastifyRequest) => ({ id: principal?.id ?? null })
const options = (): AuthOptions => ({ resolvers: [goodResolver()], environment: 'production', transport: allowPlainHttp })

t.test('a route and a child context registered before the guard are guarded, with their HEAD routes', async (t) => {
  const { app } = await guard(t, {
    before (app) {
      app.get('/early', secured, who)
      app.register(async (child) => { child.get('/child', secured, who) }, { prefix: '/early' })
      app.register(async (child) => {
        child.register(async (grandchild) => { grandchild.post('/deep', secured, who) })
      }, { prefix: '/early' })
    }
  })
  t.strictSame(await statuses(app, { url: '/early' }), [401, 401, 200])
  t.strictSame(await statuses(app, { method: 'HEAD', url: '/early' }), [401, 401, 200])
  t.strictSame(await statuses(app, { url: '/early/child' }), [401, 401, 200])
  t.strictSame(await statuses(app, { method: 'POST', url: '/early/deep' }), [401, 401, 200])
  isRefusal(t, await app.inject({ url: '/early' }), 'CREDENTIAL_MISSING')
})

t.test('a route registered before the guard has its declaration, and refuses everybody where it declares nothing', async (t) => {
  const shared = { config: {} }
  const { app, log } = await guard(t, {
    before (app) {
      app.get('/public', { ...publicRoute, ...shared }, who)
      app.get('/secured', { ...secured, ...shared }, who)
      app.get('/silent', shared, who)
      app.get('/bare', who)
    }
  })
  t.strictSame(await statuses(app, { url: '/public' }), [200, 200, 200])
  t.strictSame(await statuses(app, { url: '/secured' }), [401, 401, 200])
  const rounds = collectRounds()
  for (const url of ['/silent', '/bare']) {
    rounds.add(await statuses(app, { url }), [401, 401, 403])
    isRefusal(t, await app.inject({ url, headers: BEARER }), 'ROUTE_UNDECLARED')
  }
  t.strictSame(rounds.seen, rounds.expected)
  t.match(log.text, /GET \/silent declares nothing/)
})

t.test('routes of several methods registered before the guard are read by method', async (t) => {
  const { app } = await guard(t, {
    before (app) {
      app.route({ method: ['GET', 'POST'], url: '/several', ...secured, handler: who })
      app.all('/all', secured, who)
      app.all('/silent', who)
    }
  })
  const rounds = collectRounds()
  for (const method of ['GET', 'HEAD', 'POST'] as const) rounds.add(await statuses(app, { method, url: '/several' }), [401, 401, 200])
  for (const method of ['GET', 'OPTIONS', 'DELETE'] as const) {
    rounds.add(await statuses(app, { method, url: '/all' }), [401, 401, 200])
    rounds.add(await statuses(app, { method, url: '/silent' }), [401, 401, 403])
  }
  t.strictSame(rounds.seen, rounds.expected)
})

t.test('an unknown path or method is 401 before it is 404', async (t) => {
  const { app } = await guard(t)
  isRefusal(t, await app.inject({ url: '/nowhere' }), 'CREDENTIAL_MISSING')
  isRefusal(t, await app.inject({ method: 'DELETE', url: '/guarded' }), 'CREDENTIAL_MISSING')
  t.strictSame(await statuses(app, { url: '/nowhere' }), [401, 401, 404])
  t.strictSame(await statuses(app, { method: 'DELETE', url: '/guarded' }), [401, 401, 404])
  t.strictSame(await statuses(app, { method: 'OPTIONS', url: '/guarded' }), [401, 401, 404])
})

t.test('the host\'s own not-found handlers run only for valid credentials', async (t) => {
  const { app } = await guard(t, {
    before: (app) => app.setNotFoundHandler((_request, reply) => reply.code(404).send({ lost: true })),
    async after (app) {
      await app.register(async (child) => { child.setNotFoundHandler((_request, reply) => reply.code(404).send({ lost: 'child' })) }, { prefix: '/child' })
    }
  })
  isRefusal(t, await app.inject({ url: '/nowhere' }), 'CREDENTIAL_MISSING')
  isRefusal(t, await app.inject({ url: '/child/nowhere' }), 'CREDENTIAL_MISSING')
  t.strictSame((await app.inject({ url: '/nowhere', headers: BEARER })).json(), { lost: true })
  t.strictSame((await app.inject({ url: '/child/nowhere', headers: BEARER })).json(), { lost: 'child' })
})

t.test('every spelling of a path that reaches the handler passes the guard first', async (t) => {
  const { app } = await guard(t, {
    fastify: { routerOptions: { caseSensitive: false, ignoreTrailingSlash: true, ignoreDuplicateSlashes: true } },
    after (app) {
      app.get('/admin/users', secured, who)
      app.get('/files/:name', secured, who)
      app.get('/wild/*', secured, who)
    }
  })
  const rounds = collectRounds()
  for (const url of ['/admin/users', '/ADMIN/Users', '/admin/users/', '//admin//users', '/%61dmin/%75sers', '/admin/users?x=/public', '/files/a%2Fb', '/files/..%2f', '/wild//x']) {
    rounds.add(await statuses(app, { url }), [401, 401, 200], url)
  }
  t.strictSame(rounds.seen, rounds.expected)
})

t.test('targets that no client library sends are guarded too', async (t) => {
  const { app } = await guard(t, {
    after (app) {
      app.get('/admin/users', secured, who)
      app.get('/wild/*', secured, who)
    }
  })
  const port = await listen(app)
  const get = (target: string, ...lines: string[]) => request(`GET ${target} HTTP/1.1`, 'Host: x', 'Connection: close', ...lines)
  const rounds = collectRounds()
  for (const [target, good] of [
    ['/wild/../admin/users', 200], ['/wild/%2e%2e/admin', 200], ['/wild/', 200], ['/admin/users#x', 200],
    ['/admin/./users', 404], ['/admin/users/.', 404], ['/admin%2Fusers', 404], ['/admin\\users', 404], ['//admin/users', 404],
    ['/ADMIN/USERS', 404], ['/admin/users%00', 404], ['/admin/users%20', 404], ['*', 404], ['http://other.example.com/admin/users', 200]
  ] as const) {
    isRefusal(t, await exchange(port, get(target)), 'CREDENTIAL_MISSING')
    rounds.add((await exchange(port, get(target, `Authorization: Bearer ${GOOD}`))).status, good, target)
  }
  t.strictSame(rounds.seen, rounds.expected)
})

t.test('a prefix with and without its slash is the same route', async (t) => {
  const rounds = collectRounds()
  for (const prefixTrailingSlash of ['both', 'slash', 'no-slash'] as const) {
    const { app } = await guard(t, {
      async after (app) {
        await app.register(async (child) => { child.get('/', { ...secured, prefixTrailingSlash }, who) }, { prefix: '/v1' })
      }
    })
    rounds.add(await statuses(app, { url: '/v1' }), [401, 401, prefixTrailingSlash === 'slash' ? 404 : 200])
    rounds.add(await statuses(app, { url: '/v1/' }), [401, 401, prefixTrailingSlash === 'no-slash' ? 404 : 200])
  }
  t.strictSame(rounds.seen, rounds.expected)
})

t.test('routes of one path with different constraints each have their own declaration', async (t) => {
  const { app } = await guard(t, {
    after (app) {
      app.get('/x', { ...secured, constraints: { version: '1.0.0' } }, who)
      app.get('/x', { ...publicRoute, constraints: { version: '2.0.0' } }, who)
      app.get('/y', { ...publicRoute, constraints: { host: 'public.example.com' } }, who)
      app.get('/y', secured, who)
    }
  })
  t.strictSame(await statuses(app, { url: '/x', headers: { 'accept-version': '1.x' } }), [401, 401, 200])
  t.strictSame(await statuses(app, { url: '/x', headers: { 'accept-version': '2.x' } }), [200, 200, 200])
  t.strictSame(await statuses(app, { url: '/x', headers: { 'accept-version': '3.x' } }), [401, 401, 404])
  t.strictSame(await statuses(app, { url: '/x' }), [401, 401, 404])
  t.strictSame(await statuses(app, { url: '/y', headers: { host: 'public.example.com' } }), [200, 200, 200])
  t.strictSame(await statuses(app, { url: '/y', headers: { host: 'other.example.com' } }), [401, 401, 200])
})

t.test('a path that the router rewrites has the declaration of the route that it becomes', async (t) => {
  const { app } = await guard(t, {
    fastify: { rewriteUrl: ({ url = '' }) => url.replace('/public/', '/') },
  })
  t.strictSame(await statuses(app, { url: '/public/guarded' }), [401, 401, 200])
})

t.test('an optional route lets a request in without a credential, and refuses an invalid one', async (t) => {
  const { app } = await guard(t, { after: (app) => app.get('/maybe', optional, who) })
  t.strictSame((await app.inject({ url: '/maybe' })).json(), { id: null })
  t.strictSame((await app.inject({ url: '/maybe', headers: { authorization: 'Basic dTpw' } })).json(), { id: null })
  t.strictSame((await app.inject({ url: '/maybe', headers: BEARER })).json(), { id: 'key-1' })
  isRefusal(t, await app.inject({ url: '/maybe', headers: { authorization: 'Bearer wrong' } }), 'CREDENTIAL_INVALID')
  isRefusal(t, await app.inject({ url: '/maybe', headers: { authorization: 'Bearer' } }), 'CREDENTIAL_MALFORMED')
})

t.test('on a public route no resolver is asked', async (t) => {
  const { app, resolver } = await guard(t, { after: (app) => app.get('/public', publicRoute, who) })
  t.strictSame((await app.inject({ url: '/public', headers: BEARER })).json(), { id: null })
  t.strictSame(resolver.asked, [])
})

t.test('a hook that changes the method after the routing gains nothing', async (t) => {
  const override = (app: FastifyInstance) => app.addHook('onRequest', async ({ raw, headers }) => {
    const method = headers['x-http-method-override']
    if (typeof method === 'string') raw.method = method
  })
  const { app } = await guard(t, {
    before: override,
    after (app) {
      app.route({ method: ['GET', 'POST'], url: '/several', ...secured, handler: who })
      app.get('/one', secured, who)
    }
  })
  const preflight = { origin: 'https://app.example.com', 'access-control-request-method': 'GET', 'x-http-method-override': 'OPTIONS' }
  t.strictSame(await statuses(app, { url: '/several', headers: preflight }), [401, 401, 403])
  t.strictSame(await statuses(app, { url: '/several', headers: { 'x-http-method-override': 'PURGE' } }), [401, 401, 403])
  t.strictSame(await statuses(app, { url: '/several', headers: { 'x-http-method-override': 'POST' } }), [401, 401, 200])
  t.strictSame(await statuses(app, { url: '/one', headers: preflight }), [401, 401, 200])
})

t.test('a plugin that runs middleware before Latchkey is warned of at boot', async (t) => {
  const middleware = (name: string) => fp(async () => {}, { name })
  const warnings = async (setup: Setup) => (await guard(t, setup)).log.entries.map(({ msg }) => String(msg)).filter((msg) => msg.includes('registered before'))
  const rounds = collectRounds()
  for (const name of ['@fastify/middie', '@fastify/express']) {
    rounds.add(await warnings({ before: (app) => app.register(middleware(name)) }), [
      `${name} was registered before Latchkey: what its middleware answers is not guarded; register it after Latchkey`
    ])
    rounds.add(await warnings({ after: (app) => app.register(middleware(name)) }), [])
  }
  t.strictSame(rounds.seen, rounds.expected)
  t.strictSame(await warnings({ before: (app) => app.register(middleware('@fastify/cors')) }), [])
})

t.test('routes that were registered before Latchkey are named at boot, with the fix', async (t) => {
  const early = (app: FastifyInstance) => {
    app.get('/', who)
    app.get('/devices', who)
    app.post('/devices', who)
    app.delete('/devices/:id', who)
    app.get('/f/*', { constraints: { version: '1.0.0' } }, who)
    app.options('*', who)
  }
  const warnings = async (setup: Setup) => (await guard(t, setup)).log.entries.map(({ msg }) => String(msg)).filter((msg) => msg.startsWith('registered before'))
  const warning = (routes: string) => [`registered before Latchkey, and not checked at boot: ${routes}. Those that declare nothing refuse everybody (ROUTE_UNDECLARED); write await app.register(latchkey, …) before your routes`]
  const reads = (method: string) => method === 'GET' || method === 'HEAD' ? [] : undefined
  const rounds = collectRounds()
  rounds.add(await warnings({ before: early }), warning('GET, HEAD /; GET, HEAD, POST /devices; DELETE /devices/:id; GET, HEAD /f/*'))
  rounds.add(await warnings({ before: early, context: { byMethod: reads } }), warning('POST /devices; DELETE /devices/:id'))
  rounds.add(await warnings({ before: early, context: { undeclared: 'authenticate' } }), [])
  rounds.add(await warnings({ before: (app) => app.options('*', who) }), [])
  rounds.add(await warnings({}), [])
  for (const [prefix, expected] of [['/v1', warning('GET, HEAD /v1/early')], ['', []]] as const) {
    const log = keepLines()
    const app = Fastify({ logger: { stream: log.stream } })
    t.teardown(() => app.close())
    app.get('/outside', who)
    app.register(async (child) => {
      child.register(accessContext)
      child.get('/early', who)
    }, { prefix })
    await app.ready()
    rounds.add(log.entries.map(({ msg }) => String(msg)).filter((msg) => msg.startsWith('registered before')), expected, prefix)
  }
  t.strictSame(rounds.seen, rounds.expected)
})

t.test('registered in a child context, Latchkey guards that context and no other', async (t) => {
  const app = Fastify()
  t.teardown(() => app.close())
  app.get('/outside', who)
  await app.register(async (child) => {
    await child.register(accessContext)
    await child.register(auth, options())
    child.get('/inside', secured, who)
    child.register(async (grandchild) => { grandchild.get('/deeper', secured, who) })
  }, { prefix: '/v1' })
  await app.register(async (sibling) => { sibling.get('/sibling', async (request) => ({ principal: request.principal ?? null })) })
  t.strictSame(await statuses(app, { url: '/outside' }), [200, 200, 200])
  t.strictSame(await statuses(app, { url: '/sibling' }), [200, 200, 200])
  t.strictSame(await statuses(app, { url: '/v1/inside' }), [401, 401, 200])
  t.strictSame(await statuses(app, { url: '/v1/deeper' }), [401, 401, 200])
  t.notOk(app.hasDecorator('authenticate'))
})

t.test('two sibling contexts are guarded separately, each by its own resolvers', async (t) => {
  const app = Fastify()
  t.teardown(() => app.close())
  for (const name of ['a', 'b']) {
    await app.register(async (child) => {
      await child.register(accessContext, { realm: name })
      await child.register(auth, { ...options(), resolvers: [resolverOf((token) => token === name ? principal({ id: name }) : undefined)] })
      child.get('/', secured, who)
    }, { prefix: `/${name}` })
  }
  t.strictSame((await app.inject({ url: '/a', headers: { authorization: 'Bearer a' } })).json(), { id: 'a' })
  isRefusal(t, await app.inject({ url: '/b', headers: { authorization: 'Bearer a' } }), 'CREDENTIAL_INVALID', { realm: 'b' })
  isRefusal(t, await app.inject({ url: '/a' }), 'CREDENTIAL_MISSING', { realm: 'a' })
})

t.test('a context can be guarded once only, from within or from outside', async (t) => {
  const app = Fastify()
  await app.register(accessContext)
  await t.rejects(async () => { await app.register(accessContext) }, { name: 'OptionError', message: /guarded already; register Latchkey once, in the outermost context/ })

  const inner = Fastify()
  await inner.register(accessContext)
  await t.rejects(async () => { await inner.register(async (child) => { await child.register(accessContext) }) }, { message: /this context is guarded already/ })

  const outer = Fastify()
  await outer.register(async (child) => { await child.register(accessContext) })
  await t.rejects(async () => { await outer.register(accessContext) }, { message: /a context inside this one is guarded already/ })
})
