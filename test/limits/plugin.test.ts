import type { FastifyInstance } from 'fastify'
import { OptionError, type LimitStore, type LatchkeyOptions } from 'fastify-latchkey'
import { createMemoryLimitStore } from 'fastify-latchkey/limits'
import t, { type Test } from 'tap'
import { collectRounds } from '../helpers/collect.js'
import { deferred } from '../helpers/doors.js'
import { bootError, guarded, refused, scopes, untyped } from '../helpers/limits.js'

const FIELDS = /ratelimit|retry-after/
const two = [{ name: 'minute', quota: 2, window: 60 }]
const environments = { production: two, sandbox: [] }

/** Rejections that nobody handled while the test ran; Node would have ended the process at the first. */
function unhandled (t: Test): unknown[] {
  const seen: unknown[] = []
  const note = (fault: unknown) => { seen.push(fault) }
  const others = process.listeners('unhandledRejection')
  process.removeAllListeners('unhandledRejection').on('unhandledRejection', note)
  t.teardown(() => {
    process.off('unhandledRejection', note)
    for (const other of others) process.on('unhandledRejection', other)
  })
  return seen
}

const settled = async () => { for (let i = 0; i < 3; i++) await new Promise(setImmediate) }

t.test('a 429 has the fields of a 200 in every format, and Retry-After in all of them', async (t) => {
  const spent: Array<[LatchkeyOptions['rateLimitFields'], object]> = [
    ['draft', { ratelimit: '"minute";r=0;t=60', 'ratelimit-policy': '"minute";q=2;w=60' }],
    ['trio', { 'ratelimit-limit': '2', 'ratelimit-remaining': '0', 'ratelimit-reset': '60' }],
    ['x-ratelimit', { 'x-ratelimit-limit': '2', 'x-ratelimit-remaining': '0', 'x-ratelimit-reset': '60' }],
    [['x-ratelimit', 'draft'], { 'x-ratelimit-limit': '2', 'x-ratelimit-remaining': '0', 'x-ratelimit-reset': '60', ratelimit: '"minute";r=0;t=60', 'ratelimit-policy': '"minute";q=2;w=60' }],
    [false, {}],
  ]
  const rounds = collectRounds()
  for (const [rateLimitFields, expected] of spent) {
    const { app, as } = await guarded(t, { rateLimitFields, limits: { environments } })
    for (let i = 0; i < 2; i++) rounds.add((await as.inject(app, { scopes: [] }, '/')).statusCode, 200)
    const response = await as.inject(app, { scopes: [] }, '/')
    refused(t, response, { status: 429, code: 'RATE_LIMITED', retryAfter: 60 })
    rounds.add(Object.fromEntries(Object.entries(response.headers).filter(([name]) => FIELDS.test(name))), { ...expected, 'retry-after': '60' })
  }
  t.strictSame(rounds.seen, rounds.expected)
})

t.test('several policies admit together or count nothing', async (t) => {
  const both = [{ name: 'burst', quota: 3, window: 10 }, { name: 'minute', quota: 5, window: 60 }]
  const { app, as, clock } = await guarded(t, { limits: { environments: { production: both, sandbox: [] } } }, (app) => {
    app.get('/', { schema: scopes.secure() }, async () => 'in')
    app.get('/three', { schema: scopes.secure({ cost: 3 }) }, async () => 'in')
  })
  const ask = (url: string) => as.inject(app, { scopes: [] }, url)
  t.equal((await ask('/three')).headers.ratelimit, '"burst";r=0;t=10, "minute";r=2;t=60')
  const rounds = collectRounds()
  for (let i = 0; i < 4; i++) {
    const response = await ask('/')
    refused(t, response, { status: 429, code: 'RATE_LIMITED', retryAfter: 10 })
    rounds.add(response.headers.ratelimit, '"burst";r=0;t=10, "minute";r=2;t=60', 'what one refused, the other has not counted')
  }
  t.strictSame(rounds.seen, rounds.expected)
  clock.advance(10)
  const response = await ask('/three')
  refused(t, response, { status: 429, code: 'RATE_LIMITED', retryAfter: 50 })
  t.equal(response.headers.ratelimit, '"burst";r=3;t=10, "minute";r=2;t=50', 'neither does it the other way around')
  t.equal((await ask('/')).headers.ratelimit, '"burst";r=2;t=10, "minute";r=1;t=50')
})

t.test('a cost of 0 passes any quota above 0, used up or not', async (t) => {
  const { app, as } = await guarded(t, { limits: { environments: { production: two, sandbox: [{ name: 'none', quota: 0, window: 60 }] } } }, (app) => {
    app.get('/', { schema: scopes.secure({ cost: 2 }) }, async () => 'in')
    app.get('/free', { schema: scopes.secure({ cost: 0 }) }, async () => 'in')
  })
  t.equal((await as.inject(app, { scopes: [] }, '/')).statusCode, 200)
  const rounds = collectRounds()
  for (let i = 0; i < 3; i++) rounds.add((await as.inject(app, { scopes: [] }, '/free')).headers.ratelimit, '"minute";r=0;t=60')
  t.strictSame(rounds.seen, rounds.expected)
  refused(t, await as.inject(app, { scopes: [] }, '/'), { status: 429, code: 'RATE_LIMITED', retryAfter: 60 })
})

t.test('an onDecision that throws, rejects or never settles changes no answer and does not end the process', async (t) => {
  const lost = unhandled(t)
  const hooks: Array<() => unknown> = [
    () => { throw new Error('x') },
    () => { throw untyped<Error>(null) },
    () => Promise.reject(new Error('x')),
    async () => { throw untyped<Error>(undefined) },
    async () => { await new Promise(setImmediate); throw new Error('late') },
    () => new Promise(() => {}),
    () => ({ then () { throw new Error('x') } }),
    () => ({ get then () { throw new Error('x') } }),
    () => 'an answer that nobody reads',
  ]
  const rounds = collectRounds()
  for (const hook of hooks) {
    const { app, as } = await guarded(t, { limits: { environments, onDecision: untyped(hook) } })
    const answers = []
    for (let i = 0; i < 3; i++) answers.push(await as.inject(app, { scopes: [] }, '/'))
    rounds.add(answers.map(({ statusCode }) => statusCode), [200, 200, 429], String(hook))
    rounds.add(answers.map(({ headers }) => headers.ratelimit), ['"minute";r=1;t=60', '"minute";r=0;t=60', '"minute";r=0;t=60'])
  }
  t.strictSame(rounds.seen, rounds.expected)
  await settled()
  t.same(lost, [])
})

t.test('an answer of a store after its deadline changes nothing, and is no unhandled rejection', async (t) => {
  const lost = unhandled(t)
  const rounds = collectRounds()
  for (const end of ['resolve', 'reject'] as const) {
    const late = deferred<Awaited<ReturnType<LimitStore['take']>>>()
    const memory = createMemoryLimitStore()
    let ran = 0
    const takes: Array<Parameters<LimitStore['take']>[0]> = []
    const store: LimitStore = { take (take) { takes.push(take); return late.promise } }
    const { app, as } = await guarded(t, { limits: { environments, store, deadline: 0.02 } }, (app: FastifyInstance) => {
      app.get('/', { schema: scopes.secure() }, async () => { ran++ })
    })
    const response = await as.inject(app, { scopes: [] }, '/')
    refused(t, response, { status: 503, code: 'LIMITER_UNAVAILABLE', retryAfter: 1 })
    rounds.add(Object.keys(response.headers).filter((name) => name.includes('ratelimit')), [])
    if (end === 'reject') late.reject(new Error('too late'))
    else for (const take of takes) late.resolve(await memory.take(take))
    await settled()
    rounds.add(ran, 0, 'the handler never runs')
  }
  t.strictSame(rounds.seen, rounds.expected)
  t.same(lost, [])
})

t.test('a dry run reports a limited request to onDecision, and nothing to its caller', async (t) => {
  const decisions: string[] = []
  const { app, as } = await guarded(t, { limits: { environments: { production: [{ name: 'none', quota: 0, window: 60 }], sandbox: [] }, dryRun: true, onDecision: ({ outcome, dryRun }) => { decisions.push(`${outcome} ${dryRun}`) } } })
  const { statusCode, body, headers } = await as.inject(app, { scopes: [] }, '/')
  t.same([statusCode, body, Object.keys(headers).filter((name) => FIELDS.test(name))], [200, 'in', []])
  t.same(decisions, ['limited true'])
})

t.test('workspaces of any name are counted separately, in each of their environments', async (t) => {
  const shared = [{ name: 'shared', quota: 1, window: 60, partition: 'workspace' as const }]
  const pairs = [['1', '2 3'], ['1 2', '3'], ['1 2 3', ' '], ['__proto__', 'w'], ['w', '__proto__'], ['w', 'w']] as const
  const served = Object.fromEntries(pairs.map(([environment]) => [environment, shared]))
  const { app, as } = await guarded(t, { environment: () => pairs.map(([environment]) => environment), limits: { environments: served } })
  const rounds = collectRounds()
  for (const [environment, workspace] of pairs) {
    rounds.add((await as.inject(app, { id: 'a', environment, workspace, scopes: [] }, '/')).statusCode, 200, `${environment}/${workspace} is new`)
    refused(t, await as.inject(app, { id: 'b', environment, workspace, scopes: [] }, '/'), { status: 429, code: 'RATE_LIMITED', retryAfter: 60 })
  }
  t.strictSame(rounds.seen, rounds.expected)
})

t.test('ready of a store is called once at boot, which fails where it rejects', async (t) => {
  let asked = 0
  const { app } = await guarded(t, { limits: { store: { ...createMemoryLimitStore(), async ready () { asked++ } } } })
  await app.ready()
  t.equal(asked, 1)
  const ready = (): Promise<void> => Promise.reject(new OptionError('grant it +eval'))
  t.match(await bootError(t, { limits: { store: { ...createMemoryLimitStore(), ready } } }), 'OptionError: fastify-latchkey: grant it +eval')
})
