import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import { inspect } from 'node:util'
import { allowPlainHttp, DecisionMessage, LookupMessage } from 'fastify-latchkey'
import { createMemoryKeyStore } from 'fastify-latchkey/keys'
import { createMemoryLimitStore, type LimitStore } from 'fastify-latchkey/limits'
import { createIntrospectionResolver } from 'fastify-latchkey/oauth'
import t, { type Test } from 'tap'
import { guarded, scopes } from './helpers/limits.js'
import { slowStore } from './helpers/slow-keys.js'

/** All messages of a channel until the test ends. */
function collect (t: Test, name: string): unknown[] {
  const messages: unknown[] = []
  const listener = (message: unknown): void => { messages.push(message) }
  subscribe(name, listener)
  t.teardown(() => { unsubscribe(name, listener) })
  return messages
}

/** What is waited for, and whether it failed. */
const lookupsOf = (messages: readonly unknown[]): string[] => messages.map((message) => {
  if (!(message instanceof LookupMessage)) return inspect(message)
  const isTime = message.seconds >= 0 && message.seconds < 30
  return `${message.target} ${message.failed ? 'failed' : 'answered'}${isTime ? '' : ` in ${message.seconds} s`}`
})

const minute = [{ name: 'minute', quota: 1, window: 60 }]

t.test('every guarded request is published with what was decided, by whom and where; refusals also on their own channel', async (t) => {
  const decisions = collect(t, 'latchkey:decision')
  const refusals = collect(t, 'latchkey:refusal')
  const { app, as } = await guarded(t, { limits: { environments: { production: minute, sandbox: [] } } }, (app) => {
    app.get('/devices/:id', { schema: scopes.secure('devices:read') }, async () => 'in')
    app.get('/health', { schema: scopes.public() }, async () => 'well')
  })
  const ada = { id: 'ada', scopes: ['devices:read'] }
  for (const url of ['/devices/7', '/devices/8']) await as.inject(app, ada, url)
  await as.inject(app, { id: 'bob', scopes: [], environment: 'sandbox' }, '/devices/7')
  for (const url of ['/devices/7', '/nowhere', '/health']) await app.inject(url)

  const seen = decisions.map((message) => message instanceof DecisionMessage &&
    [message.decision, message.code, message.statusCode, `${message.method} ${message.url}`, message.principal?.id, message.policies, message.request.method])
  const counted = { name: 'minute', remaining: 0, reset: 60 }
  t.same(seen, [
    ['admitted', undefined, undefined, 'GET /devices/:id', 'ada', [{ ...counted, admitted: true }], 'GET'],
    ['refused', 'RATE_LIMITED', 429, 'GET /devices/:id', 'ada', [{ ...counted, admitted: false }], 'GET'],
    ['refused', 'INSUFFICIENT_SCOPE', 403, 'GET /devices/:id', 'bob', [], 'GET'],
    ['refused', 'CREDENTIAL_MISSING', 401, 'GET /devices/:id', undefined, [], 'GET'],
    ['refused', 'CREDENTIAL_MISSING', 401, '* *', undefined, [], 'GET'],
    ['admitted', undefined, undefined, 'GET /health', undefined, [], 'GET']
  ])
  t.strictSame(refusals, decisions.slice(1, 5))
})

t.test('who listens to refusals alone gets no others', async (t) => {
  const refusals = collect(t, 'latchkey:refusal')
  const { app, as } = await guarded(t, { limits: { environments: { production: minute, sandbox: [] } } })
  for (let n = 0; n < 2; n++) await as.inject(app, { id: 'ada', scopes: [] }, '/')
  t.match(refusals, [{ code: 'RATE_LIMITED', policies: [{ name: 'minute', admitted: false }] }])
})

t.test('a message that is logged shows no credential', async (t) => {
  const decisions = collect(t, 'latchkey:decision')
  const { app } = await guarded(t, { keys: { prefix: 'acme', store: createMemoryKeyStore() }, resolvers: undefined })
  const { secret } = await app.latchkey.keys.issue({ workspace: 'w1', scopes: [] })
  t.equal((await app.inject({ url: '/', headers: { authorization: `Bearer ${secret}` } })).statusCode, 200)
  const [message] = decisions
  t.match(message, { decision: 'admitted' })
  t.notMatch(inspect(message, { depth: 9, showHidden: true, getters: false }) + JSON.stringify(message), secret)
})

t.test('a subscriber that throws fails no request: Node raises it afterwards', async (t) => {
  const raised: unknown[] = []
  process.setUncaughtExceptionCaptureCallback((fault) => { raised.push(fault) })
  t.teardown(() => process.setUncaughtExceptionCaptureCallback(null))
  const fault = new Error('the subscriber\'s')
  const fail = (): void => { throw fault }
  subscribe('latchkey:decision', fail)
  t.teardown(() => { unsubscribe('latchkey:decision', fail) })
  const { app, as } = await guarded(t)
  t.equal((await as.inject(app, { id: 'ada', scopes: [] }, '/')).statusCode, 200)
  t.same(raised, [fault])
})

t.test('look-ups that are waited for are published: of keys, permissions, counters and issuers', async (t) => {
  const lookups = collect(t, 'latchkey:lookup')
  const store = slowStore()
  const counters = createMemoryLimitStore()
  const take: LimitStore['take'] = async (one) => await counters.take(one)
  const { app } = await guarded(t, { resolvers: undefined, keys: { prefix: 'acme', store, permissionsOf: async () => ['devices:read'] }, limits: { store: { take } } })
  const { secret } = await app.latchkey.keys.issue({ workspace: 'w1', owner: 'ada', scopes: ['devices:read'] })
  lookups.length = 0
  const ask = async (): Promise<number> => (await app.inject({ url: '/', headers: { authorization: `Bearer ${secret}` } })).statusCode
  t.equal(await ask(), 200)
  t.same(lookupsOf(lookups), ['keys answered', 'permissions answered', 'limits answered'])
  store.pause = async () => { throw new Error('down') }
  t.equal(await ask(), 503)
  t.equal(lookupsOf(lookups).at(-1), 'keys failed')

  const issuer = 'http://127.0.0.1:9'
  const oauth = createIntrospectionResolver({ issuer, endpoint: issuer, client: { id: 'a', secret: 'b' }, audience: 'api', transport: allowPlainHttp })
  const other = await guarded(t, { resolvers: [oauth] }, (app) => { app.get('/', { schema: { security: [{ oauth: [] }] } }, async () => 'in') })
  t.equal((await other.app.inject({ url: '/', headers: { authorization: 'Bearer opaque' } })).statusCode, 503)
  t.equal(lookupsOf(lookups).at(-1), 'issuer failed')
})

t.test('a batch of counters is one look-up, and so is what a record cache asks; what memory answers is none', async (t) => {
  const lookups = collect(t, 'latchkey:lookup')
  const counters = createMemoryLimitStore()
  const takeBatch: LimitStore['takeBatch'] = async (takes) => await Promise.all(takes.map((one) => counters.take(one)))
  const store = slowStore()
  const limits = { store: { take: counters.take.bind(counters), takeBatch, publishVersion: async () => {} } }
  const { app } = await guarded(t, { resolvers: undefined, keys: { prefix: 'acme', store, cache: {} }, limits })
  const { secret } = await app.latchkey.keys.issue({ workspace: 'w1', scopes: [] })
  lookups.length = 0
  await Promise.all([1, 2].map(() => app.inject({ url: '/', headers: { authorization: `Bearer ${secret}` } })))
  t.equal(lookupsOf(lookups)[0], 'keys answered')
  t.equal(lookupsOf(lookups)[1], 'limits answered')

  const local = await guarded(t)
  lookups.length = 0
  await local.as.inject(local.app, { id: 'ada', scopes: [] }, '/')
  t.same(lookups, [])
})
