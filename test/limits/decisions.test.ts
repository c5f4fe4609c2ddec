import Fastify from 'fastify'
import latchkey, { allowPlainHttp, type Decision, type LimitStore } from 'fastify-latchkey'
import { fakeClock, testPrincipals } from 'fastify-latchkey/testing'
import t from 'tap'
import { collectRounds } from '../helpers/collect.js'
import { guarded, scopes, untyped } from '../helpers/limits.js'

const environments = { production: [{ name: 'p', quota: 2, window: 60 }], sandbox: [] }
const failing: LimitStore = { take () { throw new Error('down') } }

const short = ({ outcome, cost, policies, dryRun, principal }: Decision) => ({ outcome, cost, dryRun, id: principal?.id, left: policies.map(({ policy, remaining }) => `${policy.name} ${remaining}`) })

t.test('onDecision gets every decision', async (t) => {
  const decisions: Array<ReturnType<typeof short>> = []
  const urls: string[] = []
  const { app, as } = await guarded(t, {
    limits: {
      environments,
      onDecision (decision, request) {
        decisions.push(short(decision))
        urls.push(request.url)
      },
    },
  }, (app) => {
    app.get('/', { schema: scopes.secure() }, async () => 'in')
    app.get('/dear', { schema: scopes.secure({ cost: 3 }) }, async () => 'in')
    app.get('/public', { schema: scopes.public() }, async () => 'in')
  })
  const ask = async (url: string, environment = 'production') => { await as.inject(app, { id: 'ada', environment, scopes: [] }, url) }
  for (const url of ['/', '/dear', '/public', '/', '/']) await ask(url)
  await ask('/', 'sandbox')
  const decision = { cost: 1, dryRun: false, id: 'ada' }
  t.same(decisions, [
    { outcome: 'admitted', ...decision, left: ['p 1'] },
    { outcome: 'too-costly', ...decision, cost: 3, left: [] },
    { outcome: 'admitted', ...decision, left: ['p 0'] },
    { outcome: 'limited', ...decision, left: ['p 0'] },
    { outcome: 'admitted', ...decision, left: [] },
  ])
  t.same(urls, ['/', '/dear', '/', '/', '/'])
})

t.test('onDecision gets the failure of a store', async (t) => {
  const decisions: string[] = []
  const { app, as } = await guarded(t, { limits: { store: failing, onDecision: ({ outcome }) => { decisions.push(outcome) } } })
  t.equal((await as.inject(app, { scopes: [] }, '/')).statusCode, 503)
  t.same(decisions, ['unavailable'])
})

t.test('an onDecision that throws or rejects is logged without its message, and changes nothing', async (t) => {
  const hooks: Array<() => void | Promise<void>> = [
    () => { throw new RangeError('secret-argument') },
    async () => { throw new RangeError('secret-argument') },
    () => untyped<Promise<void>>({ then (_: unknown, reject: (fault: Error) => void) { reject(new RangeError('secret-argument')) } }),
  ]
  const rounds = collectRounds()
  const patterns = collectRounds()
  for (const onDecision of hooks) {
    const lines: string[] = []
    const app = Fastify({ logger: { level: 'error', stream: { write: (line: string) => { lines.push(line) } } } })
    t.teardown(() => app.close())
    const as = testPrincipals()
    await app.register(latchkey, { scopes, environment: 'production', keys: false, resolvers: [as.resolver], transport: allowPlainHttp, clock: fakeClock().now, limits: { onDecision } })
    app.get('/', { schema: scopes.secure() }, async () => 'in')
    const response = await as.inject(app, { scopes: [] }, '/')
    rounds.add(response.statusCode, 200)
    rounds.add(response.headers.ratelimit, '"production";r=99;t=60')
    await new Promise(setImmediate)
    rounds.add(lines.length, 1)
    patterns.add(lines[0], /"reason":"RangeError".*limits\.onDecision failed/)
    rounds.add(String(lines[0]).includes('secret-argument'), false)
  }
  t.strictSame(rounds.seen, rounds.expected)
  t.match(patterns.seen, patterns.expected)
})

t.test('a dry run decides, reports, and refuses nobody', async (t) => {
  const decisions: Array<ReturnType<typeof short>> = []
  const { app, as, clock } = await guarded(t, { limits: { environments, dryRun: true, onDecision: (decision) => { decisions.push(short(decision)) } } }, (app) => {
    app.get('/', { schema: scopes.secure() }, async () => 'in')
    app.get('/dear', { schema: scopes.secure({ cost: 3 }) }, async () => 'in')
  })
  const rounds = collectRounds()
  for (const url of ['/', '/', '/', '/dear']) {
    const { statusCode, headers } = await as.inject(app, { scopes: [] }, url)
    rounds.add(statusCode, 200)
    rounds.add(Object.keys(headers).filter((name) => /ratelimit|retry-after/.test(name)), [])
  }
  t.strictSame(rounds.seen, rounds.expected)
  clock.advance(60)
  await as.inject(app, { scopes: [] }, '/')
  t.same(decisions.map(({ outcome }) => outcome), ['admitted', 'admitted', 'limited', 'too-costly', 'admitted'])
  t.ok(decisions.every(({ dryRun }) => dryRun))
})

t.test('a dry run refuses nobody where the store fails', async (t) => {
  const decisions: string[] = []
  const { app, as } = await guarded(t, { limits: { store: failing, dryRun: true, onDecision: ({ outcome }) => { decisions.push(outcome) } } })
  t.equal((await as.inject(app, { scopes: [] }, '/')).statusCode, 200)
  t.same(decisions, ['unavailable'])
})

t.test('without limits nothing is counted', async (t) => {
  const { app, as } = await guarded(t, { limits: false })
  const { statusCode, headers } = await as.inject(app, { scopes: [] }, '/')
  t.equal(statusCode, 200)
  t.equal(headers.ratelimit, undefined)
})
