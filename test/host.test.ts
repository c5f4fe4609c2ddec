import { FastifyOtelInstrumentation } from '@fastify/otel'
import fastifyJwt from '@fastify/jwt'
import { trace } from '@opentelemetry/api'
import { BasicTracerProvider, InMemorySpanExporter, SimpleSpanProcessor } from '@opentelemetry/sdk-trace-base'
import Fastify, { type FastifyReply, type FastifyRequest } from 'fastify'
import latchkey, { allowPlainHttp, defineScopes } from 'fastify-latchkey'
import t from 'tap'
import { traceDecisions } from '../examples/tracing.js'

declare module 'fastify' {
  interface FastifyInstance {
    authenticate (request: FastifyRequest, reply: FastifyReply): Promise<void>
    keys: ReadonlyMap<string, string>
    events: readonly string[]
  }
}

const scopes = defineScopes({ resources: { devices: ['read', 'write'] } })
const options = { scopes, environment: 'production', keys: { prefix: 'acme' }, transport: allowPlainHttp } as const

t.test('a server that has authenticate, keys and events of its own registers Latchkey without a conflict', async (t) => {
  const app = Fastify()
  t.teardown(() => app.close())
  await app.register(fastifyJwt, { secret: 'a secret of the host, long enough' })
  app.decorate('authenticate', async (request: FastifyRequest) => { await request.jwtVerify() })
  app.decorate('keys', new Map([['theirs', 'k']]))
  app.decorate('events', ['theirs'])
  await app.register(latchkey, options)
  app.get('/api', { schema: scopes.secure('devices:read') }, async ({ principal }) => principal?.workspace)
  app.get('/admin', { schema: scopes.public(), onRequest: app.authenticate }, async ({ user }) => user)

  const { secret } = await app.latchkey.keys.issue({ workspace: 'w1', scopes: ['devices:read'] })
  const jwt = app.jwt.sign({ sub: 'u1' })
  const ask = async (url: string, token: string) => (await app.inject({ url, headers: { authorization: `Bearer ${token}` } })).statusCode
  t.strictSame([await ask('/api', secret), await ask('/api', jwt)], [200, 401])
  t.strictSame([await ask('/admin', secret), await ask('/admin', jwt)], [401, 200])
  t.strictSame([app.keys.get('theirs'), app.events], ['k', ['theirs']])
})

t.test('sibling contexts guard their routes by catalogues of their own', async (t) => {
  const app = Fastify()
  t.teardown(() => app.close())
  const reports = defineScopes({ resources: { reports: ['read'] } })
  await app.register(async function devicesApi (devices) {
    await devices.register(latchkey, options)
    devices.get('/devices', { schema: scopes.secure('devices:read') }, async () => 'devices')
    const { secret } = await devices.latchkey.keys.issue({ workspace: 'w1', scopes: ['devices:read'] })
    devices.get('/secret-of-devices', { schema: scopes.public() }, async () => secret)
  })
  await app.register(async function reportsApi (child) {
    await child.register(latchkey, { ...options, scopes: reports, keys: { prefix: 'rep' } })
    child.get('/reports', { schema: reports.secure('reports:read') }, async () => 'reports')
    const { secret } = await child.latchkey.keys.issue({ workspace: 'w1', scopes: ['reports:read'] })
    child.get('/secret-of-reports', { schema: reports.public() }, async () => secret)
  })
  const [devices, other] = [(await app.inject('/secret-of-devices')).body, (await app.inject('/secret-of-reports')).body]
  const ask = async (url: string, token: string) => (await app.inject({ url, headers: { authorization: `Bearer ${token}` } })).statusCode
  t.strictSame([await ask('/devices', devices), await ask('/devices', other)], [200, 401])
  t.strictSame([await ask('/reports', devices), await ask('/reports', other)], [401, 200])
})

t.test('a traced request shows one span of Latchkey, and the spans of the host keep their names', async (t) => {
  const exporter = new InMemorySpanExporter()
  const provider = new BasicTracerProvider({ spanProcessors: [new SimpleSpanProcessor(exporter)] })
  trace.setGlobalTracerProvider(provider)
  t.teardown(() => provider.shutdown())
  const otel = new FastifyOtelInstrumentation()
  otel.setTracerProvider(provider)

  const app = Fastify()
  t.teardown(() => app.close())
  await app.register(otel.plugin())
  await app.register(latchkey, options)
  app.addHook('preHandler', async function hostHook () {})
  app.get('/devices', { schema: scopes.secure('devices:read') }, async function listDevices () { return [] })
  await app.ready()
  t.equal(app.pluginName.split('fastify-latchkey').length - 1, 1, app.pluginName)
  t.notMatch(app.pluginName, /latchkey-/)

  const { secret } = await app.latchkey.keys.issue({ workspace: 'w1', scopes: ['devices:read'] })
  t.equal((await app.inject({ url: '/devices', headers: { authorization: `Bearer ${secret}` } })).statusCode, 200)
  const names = exporter.getFinishedSpans().map(({ name }) => name)
  t.equal(names.filter((name) => /latchkey/.test(name)).length, 1, names.join('\n'))
  const attributesOf = (wanted: string) => exporter.getFinishedSpans().filter(({ attributes }) => wanted in attributes).map(({ attributes }) =>
    Object.fromEntries(Object.entries(attributes).filter(([name]) => name.startsWith('latchkey.'))))
  t.same(attributesOf('latchkey.decision'), [], 'spans say nothing of it by themselves')

  t.teardown(traceDecisions())
  const { id } = (await app.latchkey.keys.list('w1')).keys[0] ?? {}
  exporter.reset()
  await app.inject({ url: '/devices', headers: { authorization: `Bearer ${secret}` } })
  await app.inject('/devices')
  t.same(attributesOf('latchkey.decision'), [
    { 'latchkey.decision': 'admitted', 'latchkey.policy': ['production'], 'latchkey.principal': id, 'latchkey.workspace': 'w1' },
    { 'latchkey.decision': 'CREDENTIAL_MISSING', 'latchkey.policy': [] }
  ])
  t.match(names.join('\n'), /hostHook/)
  t.match(names.join('\n'), /listDevices/)
})
