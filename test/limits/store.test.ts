import Fastify from 'fastify'
import latchkey, { allowPlainHttp, type LimitStore } from 'fastify-latchkey'
import { createMemoryLimitStore, LimitStoreUnavailable, limits } from 'fastify-latchkey/limits'
import { fakeClock, testPrincipals } from 'fastify-latchkey/testing'
import t from 'tap'
import { collectRounds } from '../helpers/collect.js'
import { guarded, refused, scopes, untyped } from '../helpers/limits.js'

const SECRET = 'SET limits:secret-argument'
const store = (take: unknown): LimitStore => untyped({ take })

/** Answers like the memory store, changed. */
function altered (change: (outcome: Record<string, unknown>, policies: Array<Record<string, unknown>>) => unknown): LimitStore {
  const memory = createMemoryLimitStore()
  return store((take: Parameters<LimitStore['take']>[0]) => {
    const policies = [{}]
    const outcome = { policies }
    Object.assign(outcome, memory.take(take), { policies })
    Object.assign(policies[0] ?? {}, { policy: take.policies[0], admitted: true, remaining: 1, reset: 1 })
    return change(outcome, policies)
  })
}

const never = new Promise<never>(() => {})
const broken: Array<[string, LimitStore]> = [
  ['throws', store(() => { throw new Error(SECRET) })],
  ['throws what is no error', store(() => { throw untyped<Error>(SECRET) })],
  ['throws null', store(() => { throw untyped<Error>(null) })],
  ['rejects', store(() => Promise.reject(new Error(SECRET)))],
  ['rejects with nothing', store(() => Promise.reject(untyped<Error>(undefined)))],
  ['never settles', store(() => never)],
  ['is a thenable that throws', store(() => ({ then () { throw new Error(SECRET) } }))],
  ['answers nothing', store(() => {})],
  ['answers nothing later', store(async () => {})],
  ['answers null', store(() => null)],
  ['answers true', store(() => true)],
  ['answers {}', store(() => ({}))],
  ['answers an admission without policies', store(() => ({ admitted: true }))],
  ['answers an admission by no policy', store(() => ({ admitted: true, policies: [] }))],
  ['answers something that is no list', altered((outcome) => ({ ...outcome, policies: { length: 1 } }))],
  ['answers a hole', altered((outcome) => ({ ...outcome, policies: [undefined] }))],
  ['answers null for a policy', altered((outcome) => ({ ...outcome, policies: [null] }))],
  ['answers more policies than were asked', altered((outcome, [one]) => ({ ...outcome, policies: [one, one] }))],
  ['answers another policy', altered((outcome, [one]) => ({ ...outcome, policies: [{ ...one, policy: { name: 'x' } }] }))],
  ['answers a policy without a decision', altered((outcome, [one]) => ({ ...outcome, policies: [{ ...one, admitted: undefined }] }))],
  ['admits what its policies refuse', altered((outcome, [one]) => ({ ...outcome, policies: [{ ...one, admitted: false }] }))],
  ['refuses what its policies admit', altered((outcome) => ({ ...outcome, admitted: false }))],
  ['counts nothing and does not say so by true', altered((outcome) => ({ ...outcome, policies: [], uncounted: 'yes' }))],
  ['admits with a word', altered((outcome) => ({ ...outcome, admitted: 'yes' }))],
  ...[NaN, -1, 0.5, Infinity, '1', undefined].flatMap((value): Array<[string, LimitStore]> => [
    [`answers ${String(value)} remaining`, altered((outcome, [one]) => ({ ...outcome, policies: [{ ...one, remaining: value }] }))],
    [`answers a reset of ${String(value)}`, altered((outcome, [one]) => ({ ...outcome, policies: [{ ...one, reset: value }] }))],
  ]),
]

t.test('the store that the faulty ones are made from works', async (t) => {
  const { app, as } = await guarded(t, { limits: { store: altered((outcome) => outcome) } })
  t.equal((await as.inject(app, { scopes: [] }, '/')).statusCode, 200)
})

t.test('a store may answer that a request was not counted: no fields, and a decision that says so', async (t) => {
  const decisions: string[] = []
  const rounds = collectRounds()
  for (const store of [altered((outcome) => ({ ...outcome, policies: [], uncounted: true })), altered(async (outcome) => ({ ...outcome, policies: [], uncounted: true }))]) {
    const { app, as } = await guarded(t, { limits: { store, onDecision: ({ outcome }) => { decisions.push(outcome) } } })
    const response = await as.inject(app, { scopes: [] }, '/')
    rounds.add(response.statusCode, 200)
    rounds.add(Object.keys(response.headers).filter((name) => name.includes('ratelimit')), [])
  }
  t.strictSame(rounds.seen, rounds.expected)
  t.same(decisions, ['unavailable', 'unavailable'])
})

for (const [fault, limitStore] of broken) {
  t.test(`a store that ${fault} is 503 within the deadline, and the handler never runs`, async (t) => {
    let ran = false
    const { app, as } = await guarded(t, { limits: { store: limitStore, deadline: 0.02 } }, (app) => {
      app.get('/', { schema: scopes.secure() }, async () => { ran = true })
    })
    const response = await as.inject(app, { scopes: [] }, '/')
    refused(t, response, { status: 503, code: 'LIMITER_UNAVAILABLE', retryAfter: 1 })
    t.same(Object.keys(response.headers).filter((name) => name.includes('ratelimit')), [], 'no RateLimit fields')
    t.notMatch(response.body, 'secret-argument')
    t.equal(ran, false)
  })
}

t.test('the deadline is 0.1 s by default', async (t) => {
  const { app, as } = await guarded(t, { limits: { store: store(() => never) } })
  const started = process.hrtime.bigint()
  refused(t, await as.inject(app, { scopes: [] }, '/'), { status: 503, code: 'LIMITER_UNAVAILABLE', retryAfter: 1 })
  const waited = Number(process.hrtime.bigint() - started) / 1e6
  t.ok(waited >= 90 && waited < 600, `${waited} ms`)
})

t.test('the message of a store\'s error is not logged', async (t) => {
  const lines: string[] = []
  const app = Fastify({ logger: { level: 'trace', stream: { write: (line: string) => { lines.push(line) } } } })
  t.teardown(() => app.close())
  const as = testPrincipals()
  await app.register(latchkey, { scopes, environment: 'production', keys: false, resolvers: [as.resolver], transport: allowPlainHttp, limits: { store: store(() => { throw new TypeError(SECRET) }) } })
  app.get('/', { schema: scopes.secure() }, async () => 'in')
  await as.inject(app, { scopes: [] }, '/')
  t.match(lines.join(''), '"code":"LIMITER_UNAVAILABLE","reason":"TypeError"')
  t.notMatch(lines.join(''), 'secret-argument')
})

t.test('LimitStoreUnavailable says when to retry, also that of another copy of the package', async (t) => {
  const copyOf = (file: string) => import(`../../lib/limits/${file}.js?another-copy`)
  const other: typeof import('fastify-latchkey/limits') = await copyOf('store')
  t.not(other.LimitStoreUnavailable, LimitStoreUnavailable)
  for (const { LimitStoreUnavailable: Unavailable } of [other, { LimitStoreUnavailable }]) {
    const { app, as } = await guarded(t, { limits: { store: store(() => { throw new Unavailable(7, 'down') }) } })
    refused(t, await as.inject(app, { scopes: [] }, '/'), { status: 503, code: 'LIMITER_UNAVAILABLE', retryAfter: 7 })
  }
})

t.test('an asynchronous store decides like any other', async (t) => {
  const memory = createMemoryLimitStore()
  const { app, as } = await guarded(t, { limits: { store: { take: async (take) => memory.take(take) }, environments: { production: [{ name: 'p', quota: 1, window: 60 }], sandbox: [] } } })
  const first = await as.inject(app, { scopes: [] }, '/')
  t.equal(first.statusCode, 200)
  t.equal(first.headers.ratelimit, '"p";r=0;t=60')
  refused(t, await as.inject(app, { scopes: [] }, '/'), { status: 429, code: 'RATE_LIMITED', retryAfter: 60 })
})

t.test('a clock that returns no number is 503', async (t) => {
  for (const time of [NaN, Infinity, undefined, '0']) {
    const { app, as } = await guarded(t, { clock: () => untyped(time) })
    refused(t, await as.inject(app, { scopes: [] }, '/'), { status: 503, code: 'LIMITER_UNAVAILABLE', retryAfter: 1 })
  }
})

t.test('a full memory store is 503 for new callers, and goes on for others', async (t) => {
  const { app, as, clock } = await guarded(t, { limits: { maxPartitions: 1 } })
  const ask = (id: string) => as.inject(app, { id, scopes: [] }, '/')
  t.equal((await ask('a')).statusCode, 200)
  refused(t, await ask('b'), { status: 503, code: 'LIMITER_UNAVAILABLE', retryAfter: 1 })
  t.equal((await ask('a')).statusCode, 200)
  clock.advance(60)
  t.equal((await ask('b')).statusCode, 200)
})

t.test('the limits plugin without an access context is refused', async (t) => {
  const app = Fastify()
  t.teardown(() => app.close())
  await t.rejects(async () => { await app.register(limits, {}) }, /this server is not guarded/)
})

t.test('of a thousand requests at once over sockets exactly the quota passes', async (t) => {
  const { app } = await guarded(t, { keys: { prefix: 'acme' }, clock: fakeClock().now })
  const { secret: text } = await app.latchkey.keys.issue({ workspace: 'w1', scopes: [] })
  const url = await app.listen({ host: '127.0.0.1', port: 0 })
  const statuses = await Promise.all(Array.from({ length: 1000 }, async () => {
    const response = await fetch(url, { headers: { authorization: `Bearer ${text}` } })
    await response.arrayBuffer()
    return response.status
  }))
  t.equal(statuses.filter((status) => status === 200).length, 100)
  t.equal(statuses.filter((status) => status === 429).length, 900)
})
