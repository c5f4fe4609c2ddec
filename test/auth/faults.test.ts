import t, { type Test } from 'tap'
import type { Principal } from '../../lib/core/principal.js'
import Fastify, { type FastifyBaseLogger } from 'fastify'
import { accessContext, allowPlainHttp, auth, InvalidCredential, type Resolver } from '../../lib/auth/index.js'
import { collectRounds } from '../helpers/collect.js'
import { BEARER, GOOD, guard, isRefusal, principal, resolverOf, secured, type Setup } from '../helpers/guard.js'
import { untyped } from '../helpers/limits.js'
import { until } from '../helpers/until.js'

const unavailable = { headers: { 'retry-after': '1' } }

/** A guarded route that says whether its handler ran. */
async function watched (t: Test, auth: Setup['auth'], rest: Omit<Setup, 'auth'> = {}) {
  let ran = false
  const made = await guard(t, {
    ...rest,
    ...auth !== undefined && { auth },
    after: (app) => app.get('/guarded', secured, async () => { ran = true; return {} })
  })
  return { ...made, ran: () => ran }
}

/** Turns anything into what a resolver in plain JavaScript might answer. */
function answering (answer: () => unknown): Resolver {
  const resolver = resolverOf(() => undefined)
  return Object.assign(resolver, { resolve: answer })
}

const revoked = Proxy.revocable({}, {})
revoked.revoke()

t.test('what throws while a look-up is on its way refuses the request, and leaves no rejection behind', async (t) => {
  const unhandled: unknown[] = []
  const collect = (fault: unknown) => { unhandled.push(fault) }
  process.on('unhandledRejection', collect)
  t.teardown(() => process.off('unhandledRejection', collect))
  const later = async () => { throw new InvalidCredential('not good') }
  const trusting = await watched(t, { resolvers: [answering(later)] }, { fastify: { disableRequestLogging: true, trustProxy () { throw new Error('secret') } } })
  isRefusal(t, await trusting.app.inject({ url: '/guarded', headers: { ...BEARER, 'x-forwarded-for': '192.0.2.1' } }), 'AUTHENTICATION_UNAVAILABLE', unavailable)
  const broken = await watched(t, { resolvers: [Object.assign(answering(later), { isCached () { throw new Error('secret') } })] })
  isRefusal(t, await broken.app.inject({ url: '/guarded', headers: BEARER }), 'AUTHENTICATION_UNAVAILABLE', unavailable)
  await new Promise((resolve) => setTimeout(resolve, 20))
  t.same([unhandled, trusting.ran(), broken.ran()], [[], false, false])
})

t.test('a log that throws changes no answer: its line becomes a warning of the process', async (t) => {
  const warnings: Error[] = []
  const collect = (warning: Error) => { warnings.push(warning) }
  process.on('warning', collect)
  t.teardown(() => process.off('warning', collect))
  const fail = (_entry: unknown, message?: string) => { if (message === 'access refused') throw new TypeError('hunter2') }
  const loggerInstance = { level: 'info', info: fail, error: fail, warn () {}, debug () {}, trace () {}, fatal () {}, silent () {}, child: () => loggerInstance }
  for (const resolve of [() => { throw new InvalidCredential('not good') }, async () => { throw new InvalidCredential('not good') }]) {
    const app = Fastify({ loggerInstance: untyped<FastifyBaseLogger>(loggerInstance) })
    t.teardown(() => app.close())
    await app.register(accessContext)
    await app.register(auth, { resolvers: [answering(resolve)], environment: 'production', transport: allowPlainHttp })
    app.get('/guarded', secured, async () => t.fail('it runs'))
    isRefusal(t, await app.inject({ url: '/guarded', headers: BEARER }), 'CREDENTIAL_INVALID')
  }
  await until(() => warnings.length === 2)
  const rounds = collectRounds()
  for (const { name, message } of warnings) rounds.add([name, message], ['LatchkeyWarning', 'access refused {"log":"TypeError"}'])
  t.strictSame(rounds.seen, rounds.expected)
})

t.test('a resolver that throws or rejects anything but InvalidCredential is an outage, and the handler never runs', async (t) => {
  const faults = [new Error('connect ECONNREFUSED secret'), new TypeError('secret'), 'secret', undefined, null, 0, Symbol('secret'), { message: 'secret' }, Object.create(null), revoked.proxy,
    new Proxy(new Error('secret'), { get () { throw new Error('secret') } })]
  const rounds = collectRounds()
  for (const fault of faults) {
    for (const resolve of [
      () => { throw fault },
      async () => { throw fault },
      () => ({ then () { throw fault } }),
      () => ({ then (_: unknown, reject: (fault: unknown) => void) { reject(fault) } })
    ]) {
      const { app, ran, log } = await watched(t, { resolvers: [answering(resolve)] })
      const answer = await app.inject({ url: '/guarded', headers: BEARER })
      isRefusal(t, answer, 'AUTHENTICATION_UNAVAILABLE', unavailable)
      rounds.add(Boolean(ran()), false)
      rounds.add(String(answer.body + log.text).includes('secret'), false)
    }
  }
  t.strictSame(rounds.seen, rounds.expected)
})

t.test('a resolver that answers anything but a principal lets nobody in', async (t) => {
  const good = principal()
  const garbage: unknown[] = [
    null, true, false, 0, '', 'principal', Symbol('x'), [], {}, new Map(), () => good, new Date(),
    { ...good, kind: 'session' }, { ...good, kind: 'access-token' }, { ...good, id: '' }, { ...good, id: 5 },
    { ...good, workspace: undefined }, { ...good, environment: null }, { ...good, scopes: 'devices:read' },
    { ...good, scopes: [5] }, { ...good, scopes: [Symbol('x')] }, { ...good, scopes: undefined }, { ...good, scopes: null },
    Object.freeze({ ...good, scopes: Object.freeze([null]) }), Object.freeze({ ...good, scopes: undefined }),
    Object.create(good), { id: good.id, scopes: good.scopes }, new Error('x'), revoked.proxy
  ]
  const rounds = collectRounds()
  for (const [i, answer] of garbage.entries()) {
    for (const resolve of [() => answer, async () => answer]) {
      const { app, ran } = await watched(t, { resolvers: [answering(resolve)] })
      t.comment(`garbage ${i}`)
      isRefusal(t, await app.inject({ url: '/guarded', headers: BEARER }), 'AUTHENTICATION_UNAVAILABLE', unavailable)
      rounds.add(Boolean(ran()), false)
    }
  }
  t.strictSame(rounds.seen, rounds.expected)
})

t.test('a resolver that does not settle gets a time-out at the deadline, and its late answer changes nothing', async (t) => {
  let late: (principal: Principal) => void = () => {}
  const resolver = resolverOf(() => new Promise((resolve) => { late = resolve }))
  const { app, ran, log } = await watched(t, { resolvers: [resolver], deadline: 0.02 })
  const started = performance.now()
  isRefusal(t, await app.inject({ url: '/guarded', headers: BEARER }), 'AUTHENTICATION_UNAVAILABLE', unavailable)
  t.ok(performance.now() - started < 1000)
  t.match(log.entries.find(({ msg }) => msg === 'access refused'), { level: 50, code: 'AUTHENTICATION_UNAVAILABLE', reason: 'DeadlineExceeded' })
  late(principal())
  await new Promise(setImmediate)
  t.notOk(ran())
})

t.test('a resolver that rejects after the deadline does not end the process', async (t) => {
  let late: (fault: unknown) => void = () => {}
  const resolver = resolverOf(() => new Promise((_resolve, reject) => { late = reject }))
  const { app } = await watched(t, { resolvers: [resolver], deadline: 0.02 })
  isRefusal(t, await app.inject({ url: '/guarded', headers: BEARER }), 'AUTHENTICATION_UNAVAILABLE', unavailable)
  late(new Error('late'))
  await new Promise(setImmediate)
})

t.test('resolvers are asked in order, synchronous or not, until one knows the credential', async (t) => {
  const none = resolverOf(() => undefined)
  const later = resolverOf(async () => undefined)
  const good = resolverOf((token) => token === GOOD ? principal({ id: 'third' }) : undefined)
  const never = resolverOf(() => { throw new Error('asked too late') })
  const rounds = collectRounds()
  const patterns = collectRounds()
  for (const resolvers of [[none, good, never], [later, good, never], [none, later, good, never], [later, none, good, never], [later, later, good]]) {
    const { app, ran } = await watched(t, { resolvers })
    rounds.add((await app.inject({ url: '/guarded', headers: BEARER })).statusCode, 200)
    rounds.add(Boolean(ran()), true)
  }
  for (const resolvers of [[none], [later], [none, later], [later, none]]) {
    const { app, log } = await watched(t, { resolvers })
    isRefusal(t, await app.inject({ url: '/guarded', headers: BEARER }), 'CREDENTIAL_INVALID')
    patterns.add(log.text, /no resolver knows a credential of this form/)
  }
  t.strictSame(rounds.seen, rounds.expected)
  t.match(patterns.seen, patterns.expected)
})

t.test('the first resolver that knows a credential decides', async (t) => {
  const bad = resolverOf(() => { throw new InvalidCredential('revoked') })
  const badLater = resolverOf(async () => { throw new InvalidCredential('revoked') })
  const good = resolverOf(() => principal())
  const rounds = collectRounds()
  for (const resolvers of [[bad, good], [badLater, good]]) {
    const { app, ran } = await watched(t, { resolvers })
    isRefusal(t, await app.inject({ url: '/guarded', headers: BEARER }), 'CREDENTIAL_INVALID')
    rounds.add(Boolean(ran()), false)
    rounds.add(good.asked, [])
  }
  t.strictSame(rounds.seen, rounds.expected)
})

t.test('a resolver gets the time of the injected clock; a clock that fails is an outage', async (t) => {
  let seen = 0
  const resolver = resolverOf((_token, now) => { seen = now; return principal() })
  const { app } = await watched(t, { resolvers: [resolver] }, { context: { clock: () => 1234 } })
  await app.inject({ url: '/guarded', headers: BEARER })
  t.equal(seen, 1234)
  const broken = await watched(t, { resolvers: [resolver] }, { context: { clock: () => { throw new Error('no time') } } })
  isRefusal(t, await broken.app.inject({ url: '/guarded', headers: BEARER }), 'AUTHENTICATION_UNAVAILABLE', unavailable)
})

t.test('a resolver\'s reason goes to the log, its detail to the caller, the credential to neither', async (t) => {
  const resolver = resolverOf((token) => { throw new InvalidCredential(`key ${token} has expired`, `The key ${token} has expired.`) })
  const { app, log } = await watched(t, { resolvers: [resolver] })
  const answer = await app.inject({ url: '/guarded', headers: BEARER })
  isRefusal(t, answer, 'CREDENTIAL_INVALID', { detail: 'The key … has expired.' })
  t.match(log.entries.find(({ msg }) => msg === 'access refused'), { level: 30, code: 'CREDENTIAL_INVALID', reason: 'key … has expired' })
  t.notMatch(answer.body + log.text, GOOD)
})

t.test('InvalidCredential and allowPlainHttp of another copy of the package are known', async (t) => {
  const copyOf = (file: string) => import(`../../lib/auth/${file}.js?another-copy`)
  const other: typeof import('../../lib/auth/resolver.js') = await copyOf('resolver')
  const transport: typeof import('../../lib/auth/transport.js') = await copyOf('transport')
  t.not(other.InvalidCredential, InvalidCredential)
  const resolver = resolverOf(() => { throw new other.InvalidCredential('revoked', 'The key was revoked.') })
  const { app, log } = await watched(t, { resolvers: [resolver], transport: transport.allowPlainHttp, failures: { quota: 1, window: 60 } })
  isRefusal(t, await app.inject({ url: '/guarded', headers: BEARER }), 'CREDENTIAL_INVALID', { detail: 'The key was revoked.' })
  t.match(log.entries.find(({ msg }) => msg === 'access refused'), { reason: 'revoked' })
  t.equal((await app.inject({ url: '/guarded', headers: BEARER })).statusCode, 429, 'and counts as a failed attempt')
})

t.test('a refusal whose own message can\'t be read is an outage', async (t) => {
  const odd = Object.defineProperty(new InvalidCredential('x'), 'message', { get () { throw new Error('secret') } })
  const rounds = collectRounds()
  for (const resolve of [() => { throw odd }, async () => { throw odd }]) {
    const { app, ran } = await watched(t, { resolvers: [answering(resolve)] })
    isRefusal(t, await app.inject({ url: '/guarded', headers: BEARER }), 'AUTHENTICATION_UNAVAILABLE', unavailable)
    rounds.add(Boolean(ran()), false)
  }
  t.strictSame(rounds.seen, rounds.expected)
})

t.test('requests share a frozen principal; otherwise each gets a frozen copy', async (t) => {
  const shared = principal()
  const loose = { ...shared, scopes: ['devices:read'] }
  const half = Object.freeze({ ...shared, scopes: ['devices:read'] })
  const seen: Array<Principal | null> = []
  const { app } = await guard(t, {
    auth: { resolvers: [resolverOf((token) => token === 'shared' ? shared : token === 'half' ? half : loose)] },
    after: (app) => app.get('/guarded', secured, async ({ principal }) => { seen.push(principal) })
  })
  for (const token of ['shared', 'loose', 'half', 'shared']) await app.inject({ url: '/guarded', headers: { authorization: `Bearer ${token}` } })
  loose.scopes.push('devices:manage')
  half.scopes.push('devices:manage')
  t.equal(seen[3], seen[0], 'one object for all requests of a frozen principal')
  t.strictSame(seen[0], { ...shared, scheme: 'apiKey' })
  const rounds = collectRounds()
  for (const principal of seen) {
    rounds.add(Object.isFrozen(principal) && Object.isFrozen(principal?.scopes), true)
    rounds.add(principal?.scopes, ['devices:read'])
  }
  t.strictSame(rounds.seen, rounds.expected)
})
