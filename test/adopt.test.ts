import Fastify from 'fastify'
import latchkey, { adopt, allowPlainHttp, defineScopes, OptionError } from 'fastify-latchkey'
import { testPrincipals } from 'fastify-latchkey/testing'
import t from 'tap'
import { bootError, untyped } from './helpers/limits.js'

const scopes = defineScopes({ resources: { devices: ['read'] } })

t.test('a server that adopts Latchkey step by step starts as it is, and keeps its own 404', async (t) => {
  const app = Fastify()
  t.teardown(() => app.close())
  const as = testPrincipals()
  app.setNotFoundHandler((_request, reply) => reply.code(404).send({ own: 'nothing here' }))
  app.get('/before', async () => 'before')
  await app.register(latchkey, { ...adopt, scopes, environment: 'production', keys: false, resolvers: [as.resolver], transport: allowPlainHttp })
  app.get('/old', async () => 'old')
  app.get('/new', { schema: scopes.secure('devices:read') }, async () => 'new')

  const statuses = async (url: string, scopes: Array<'devices:read'>) =>
    [await app.inject(url), await app.inject({ url, headers: { authorization: 'Bearer unknown' } }), await as.inject(app, { scopes }, url)].map(({ statusCode }) => statusCode)
  t.same(await statuses('/before', []), [401, 401, 200])
  t.same(await statuses('/old', []), [401, 401, 200])
  t.same(await statuses('/new', []), [401, 401, 403])
  t.same(await statuses('/nothing', []), [404, 404, 404])
  const unknown = await app.inject({ method: 'POST', url: '/old' })
  t.same([unknown.statusCode, unknown.json()], [404, { own: 'nothing here' }])
  const { headers } = await as.inject(app, { scopes: ['devices:read'] }, '/new')
  t.match(headers, { ratelimit: /^"production";r=\d+;t=60$/, 'x-ratelimit-limit': '100', 'x-ratelimit-remaining': /^\d+$/, 'x-ratelimit-reset': '60' })
})

t.test('without it each undeclared path is named once, with the advice once at the end', async (t) => {
  const app = Fastify()
  t.teardown(() => app.close())
  await app.register(latchkey, { scopes, environment: 'production', keys: { prefix: 'acme' }, transport: allowPlainHttp })
  for (let i = 0; i < 31; i++) app.get(`/old/${i}`, async () => i)
  app.post('/old/0', async () => 0)
  const fault: unknown = await app.ready().then(() => undefined, (fault: unknown) => fault)
  const lines = fault instanceof OptionError ? fault.message.split('\n') : []
  t.equal(lines.length, 32)
  t.match(lines[0], /GET, HEAD, POST \/old\/0 declares nothing$/)
  t.match(lines[31], /^add schema\.security to routes that declare nothing/)
})

t.test('unknownPaths is one of two', async (t) => {
  t.match(await bootError(t, untyped({ unknownPaths: 'refuse' })), /option unknownPaths must be 'authenticate' or 'public', not "refuse"/)
})
