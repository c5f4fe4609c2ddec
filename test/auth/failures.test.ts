import { mkdtemp, rm } from 'node:fs/promises'
import http from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import rateLimit from '@fastify/rate-limit'
import type { FastifyInstance } from 'fastify'
import t, { type Test } from 'tap'
import { InvalidCredential } from '../../lib/auth/index.js'
import { fakeClock } from '../../lib/testing/index.js'
import { collectRounds } from '../helpers/collect.js'
import { deferred, listen, request, openConnection } from '../helpers/doors.js'
import { BEARER, GOOD, goodResolver, guard, isRefusal, publicRoute, optional, principal, resolverOf, secured, type Setup } from '../helpers/guard.js'

const EXHAUSTED = {
  headers: {
    'retry-after': /^[1-9]\d*$/,
    ratelimit: /^"failed-authentication";r=0;t=[1-9]\d*$/,
    'ratelimit-policy': '"failed-authentication";q=3;w=60'
  }
}

const wrong = { authorization: 'Bearer wrong' }

/** A guard with three attempts a minute. */
async function three (t: Test, { auth, ...setup }: Setup = {}) {
  const made = await guard(t, { auth: { failures: { quota: 3, window: 60 }, ...auth }, ...setup })
  return {
    ...made,
    try: (headers: Record<string, string | string[]>, remoteAddress = '192.0.2.1', url = '/guarded') => made.app.inject({ url, headers, remoteAddress })
  }
}

t.test('after its quota of failures an address gets 429, and no resolver is asked, not even about the good credential', async (t) => {
  const { try: attempt, resolver } = await three(t)
  for (let i = 0; i < 3; i++) isRefusal(t, await attempt(wrong), 'CREDENTIAL_INVALID')
  for (const headers of [wrong, BEARER, { authorization: 'Bearer' }, { authorization: `Bearer ${'a'.repeat(300)}` }]) isRefusal(t, await attempt(headers), 'TOO_MANY_FAILURES', EXHAUSTED)
  t.strictSame(resolver.asked, ['wrong', 'wrong', 'wrong'])
})

t.test('every kind of failed attempt counts, a missing credential does not', async (t) => {
  const { try: attempt } = await three(t)
  for (let i = 0; i < 10; i++) isRefusal(t, await attempt({}), 'CREDENTIAL_MISSING')
  for (let i = 0; i < 10; i++) isRefusal(t, await attempt({ authorization: 'Basic dTpw' }), 'CREDENTIAL_MISSING')
  isRefusal(t, await attempt({ authorization: 'Bearer a,b' }), 'CREDENTIAL_MALFORMED')
  isRefusal(t, await attempt({ authorization: `Bearer ${'a'.repeat(300)}` }), 'CREDENTIAL_INVALID')
  isRefusal(t, await attempt(BEARER, '192.0.2.1', '/guarded?access_token=x'), 'CREDENTIAL_MALFORMED', { detail: /access_token of the query/ })
  isRefusal(t, await attempt(BEARER), 'TOO_MANY_FAILURES', EXHAUSTED)
})

t.test('an address that is locked out still learns that a credential is missing, and still reaches public routes', async (t) => {
  const { try: attempt } = await three(t, {
    after (app) {
      app.get('/guarded', secured, async () => ({}))
      app.get('/public', publicRoute, async () => ({}))
      app.get('/maybe', optional, async () => ({}))
    }
  })
  for (let i = 0; i < 3; i++) await attempt(wrong)
  isRefusal(t, await attempt({}), 'CREDENTIAL_MISSING')
  t.equal((await attempt(wrong, '192.0.2.1', '/public')).statusCode, 200)
  t.equal((await attempt({}, '192.0.2.1', '/maybe')).statusCode, 200)
  isRefusal(t, await attempt(BEARER, '192.0.2.1', '/maybe'), 'TOO_MANY_FAILURES', EXHAUSTED)
  isRefusal(t, await attempt(wrong, '192.0.2.1', '/nowhere'), 'TOO_MANY_FAILURES', EXHAUSTED)
})

t.test('other addresses are not affected', async (t) => {
  const { try: attempt } = await three(t)
  for (let i = 0; i < 3; i++) await attempt(wrong, '192.0.2.1')
  isRefusal(t, await attempt(BEARER, '192.0.2.1'), 'TOO_MANY_FAILURES', EXHAUSTED)
  t.equal((await attempt(BEARER, '192.0.2.2')).statusCode, 200)
  isRefusal(t, await attempt(wrong, '192.0.2.2'), 'CREDENTIAL_INVALID')
})

t.test('a /64 of IPv6 is one address, and an IPv4 address is the same when mapped', async (t) => {
  const { try: attempt } = await three(t)
  for (const ip of ['2001:db8:1:2::1', '2001:DB8:1:2:ffff::9', '2001:db8:1:2:3:4:5:6']) isRefusal(t, await attempt(wrong, ip), 'CREDENTIAL_INVALID')
  isRefusal(t, await attempt(BEARER, '2001:db8:1:2:aaaa::'), 'TOO_MANY_FAILURES', EXHAUSTED)
  t.equal((await attempt(BEARER, '2001:db8:1:3::1')).statusCode, 200)
  for (const ip of ['192.0.2.1', '::ffff:192.0.2.1', '::ffff:c000:201']) await attempt(wrong, ip)
  for (const ip of ['192.0.2.1', '::ffff:192.0.2.1']) isRefusal(t, await attempt(BEARER, ip), 'TOO_MANY_FAILURES', EXHAUSTED)
  for (const zone of ['eth0', 'eth1', 'x'.repeat(20)]) await attempt(wrong, `fe80::1%${zone}`)
  isRefusal(t, await attempt(BEARER, 'fe80::2%eth0'), 'TOO_MANY_FAILURES', EXHAUSTED)
})

t.test('X-Forwarded-For is read only where its sender is trusted', async (t) => {
  const direct = await three(t)
  for (let i = 0; i < 3; i++) await direct.try({ ...wrong, 'x-forwarded-for': `198.51.100.${i}` })
  isRefusal(t, await direct.try({ ...BEARER, 'x-forwarded-for': '198.51.100.9' }), 'TOO_MANY_FAILURES', EXHAUSTED)

  const proxied = await three(t, { fastify: { trustProxy: '192.0.2.1' } })
  for (let i = 0; i < 3; i++) await proxied.try({ ...wrong, 'x-forwarded-for': `203.0.113.${i}, 198.51.100.1` })
  isRefusal(t, await proxied.try({ ...BEARER, 'x-forwarded-for': '198.51.100.1' }), 'TOO_MANY_FAILURES', EXHAUSTED)
  t.equal((await proxied.try({ ...BEARER, 'x-forwarded-for': '198.51.100.2' })).statusCode, 200)
})

t.test('a port that a proxy writes into X-Forwarded-For is not part of the address', async (t) => {
  const rounds = collectRounds()
  for (const [forms, other] of [
    [['203.0.113.7:1', '203.0.113.7:65535', '203.0.113.7', '[203.0.113.7]:80'], '203.0.113.8:1'],
    [['[2001:db8::1]:443', '[2001:db8::1]', '2001:db8::2', '[2001:db8:0:0:9::]:1'], '[2001:db8:0:1::1]:443'],
    [['::ffff:203.0.113.7:80', '[::ffff:203.0.113.7]:81', '203.0.113.7:'], '::ffff:203.0.113.9:80']
  ] as const) {
    const { try: attempt } = await three(t, { fastify: { trustProxy: '192.0.2.1' } })
    for (let i = 0; i < 3; i++) isRefusal(t, await attempt({ ...wrong, 'x-forwarded-for': `${forms[i % forms.length]}` }), 'CREDENTIAL_INVALID')
    for (const form of forms) isRefusal(t, await attempt({ ...BEARER, 'x-forwarded-for': form }), 'TOO_MANY_FAILURES', EXHAUSTED)
    rounds.add((await attempt({ ...BEARER, 'x-forwarded-for': other })).statusCode, 200)
  }
  t.strictSame(rounds.seen, rounds.expected)
})

t.test('with trustProxy: true any text is taken for an address, and no more of it is kept than an address is long', async (t) => {
  const { try: attempt } = await three(t, { fastify: { trustProxy: true } })
  const long = 'x'.repeat(64)
  for (const rest of ['a', 'b', 'c'.repeat(4000)]) isRefusal(t, await attempt({ ...wrong, 'x-forwarded-for': long + rest }), 'CREDENTIAL_INVALID')
  isRefusal(t, await attempt({ ...BEARER, 'x-forwarded-for': long }), 'TOO_MANY_FAILURES', EXHAUSTED)
  const rounds = collectRounds()
  for (const odd of ['unknown', '_hidden', '[::1]:80', '192.0.2.1:80', '%', '__proto__', 'constructor']) rounds.add((await attempt({ ...BEARER, 'x-forwarded-for': odd })).statusCode, 200, odd)
  t.strictSame(rounds.seen, rounds.expected)
})

t.test('once the window is over, the address may try again', async (t) => {
  const clock = fakeClock()
  const { try: attempt } = await three(t, { context: { clock: clock.now } })
  for (let i = 0; i < 3; i++) await attempt(wrong)
  clock.advance(20)
  isRefusal(t, await attempt(BEARER), 'TOO_MANY_FAILURES', { headers: { ...EXHAUSTED.headers, 'retry-after': '40', ratelimit: '"failed-authentication";r=0;t=40' } })
  clock.advance(39.999)
  isRefusal(t, await attempt(BEARER), 'TOO_MANY_FAILURES', { headers: { ...EXHAUSTED.headers, 'retry-after': '1' } })
  clock.advance(0.001)
  t.equal((await attempt(BEARER)).statusCode, 200)
  isRefusal(t, await attempt(wrong), 'CREDENTIAL_INVALID')
  t.equal((await attempt(BEARER)).statusCode, 200)
})

t.test('a good credential whose environment can not be asked for counts as no attempt, and gives none back', async (t) => {
  const { try: attempt } = await three(t, {
    auth: {
      resolvers: [resolverOf(async (token) => { if (token !== GOOD) throw new InvalidCredential('wrong'); return principal() })],
      environment () { throw new Error('down') }
    }
  })
  for (let i = 0; i < 2; i++) isRefusal(t, await attempt(wrong), 'CREDENTIAL_INVALID')
  for (let i = 0; i < 2; i++) isRefusal(t, await attempt(BEARER), 'AUTHENTICATION_UNAVAILABLE', { headers: { 'retry-after': '1' } })
  isRefusal(t, await attempt(wrong), 'CREDENTIAL_INVALID')
  isRefusal(t, await attempt(BEARER), 'TOO_MANY_FAILURES', EXHAUSTED)
})

t.test('an address is locked out to the end of its own window, also where another one is locked out later and ends sooner', async (t) => {
  const clock = fakeClock()
  const { try: attempt } = await three(t, { context: { clock: clock.now } })
  const [first, second] = ['192.0.2.1', '192.0.2.2']
  for (let i = 0; i < 2; i++) await attempt(wrong, second)
  clock.advance(10)
  for (let i = 0; i < 3; i++) await attempt(wrong, first)
  clock.advance(10)
  await attempt(wrong, second)
  isRefusal(t, await attempt(BEARER, second), 'TOO_MANY_FAILURES', { headers: { ...EXHAUSTED.headers, 'retry-after': '40' } })
  clock.advance(40)
  t.equal((await attempt(BEARER, second)).statusCode, 200, 'the window of the second is over')
  isRefusal(t, await attempt(BEARER, first), 'TOO_MANY_FAILURES', { headers: { ...EXHAUSTED.headers, 'retry-after': '10' } })
  clock.advance(10)
  t.equal((await attempt(BEARER, first)).statusCode, 200)
})

t.test('300 failures a minute are the default', async (t) => {
  const { app } = await guard(t)
  for (let i = 0; i < 300; i++) {
    const { statusCode } = await app.inject({ url: '/guarded', headers: wrong })
    if (statusCode !== 401) t.fail(`attempt ${i} got ${statusCode}`)
  }
  isRefusal(t, await app.inject({ url: '/guarded', headers: BEARER }), 'TOO_MANY_FAILURES', { headers: { ...EXHAUSTED.headers, 'ratelimit-policy': '"failed-authentication";q=300;w=60' } })
})

t.test('failures: false counts nothing', async (t) => {
  const { app } = await guard(t, { auth: { failures: false } })
  for (let i = 0; i < 400; i++) await app.inject({ url: '/guarded', headers: wrong })
  t.equal((await app.inject({ url: '/guarded', headers: BEARER })).statusCode, 200)
})

t.test('the host\'s own @fastify/rate-limit has no influence, before or after, with any settings', async (t) => {
  const settings = { max: 1000, allowList: ['192.0.2.1', '127.0.0.1'], skipOnError: true, store: Unusable, keyGenerator: () => 'all the same', ban: 0, continueExceeding: true }
  const register = (app: FastifyInstance) => app.register(rateLimit, { ...settings, global: false })
  for (const before of [true, false]) {
    const { try: attempt, app } = await three(t, {
      before: (app) => before ? register(app) : undefined,
      async after (app) {
        if (!before) await register(app)
        for (const groupId of ['1', '2', '3', '4']) app.get(`/group/${groupId}`, { ...secured, config: { rateLimit: { groupId } } }, async () => ({}))
      }
    })
    if (typeof app.createRateLimit !== 'function') t.fail('@fastify/rate-limit is not registered')
    for (const group of [1, 2, 3]) isRefusal(t, await attempt(wrong, '192.0.2.1', `/group/${group}`), 'CREDENTIAL_INVALID')
    isRefusal(t, await attempt(BEARER, '192.0.2.1', '/group/4'), 'TOO_MANY_FAILURES', EXHAUSTED)
    isRefusal(t, await attempt(wrong, '192.0.2.11', '/group/1'), 'CREDENTIAL_INVALID')
  }
  const { app } = await three(t, { after () {} })
  t.notOk(app.hasDecorator('createRateLimit'), 'and without it, none appears')
})

/** A store that answers as no meter could use it. */
class Unusable {
  incr (_key: string, done: (error: Error | null, result?: { current: number, ttl: number }) => void): void {
    done(null, { current: 1, ttl: 1 })
  }

  child (): Unusable {
    return this
  }
}

t.test('a client that disconnects before the answer counts for its address', async (t) => {
  let asked = deferred<void>()
  let answer = deferred<undefined>()
  let closed = deferred<void>()
  const slow = resolverOf((token) => {
    if (token !== 'wrong') return principal()
    asked.resolve()
    return answer.promise
  })
  const { app } = await three(t, { fastify: { logger: false }, auth: { resolvers: [slow] }, before: (app) => app.addHook('onRequestAbort', async (_request) => closed.resolve()) })
  const port = await listen(app)
  for (let i = 0; i < 3; i++) {
    asked = deferred()
    answer = deferred()
    closed = deferred()
    const connection = openConnection(port, request('GET /guarded HTTP/1.1', 'Host: x', 'Authorization: Bearer wrong'))
    await asked.promise
    connection.socket.destroy()
    await closed.promise
    answer.resolve(undefined)
    await new Promise(setImmediate)
  }
  isRefusal(t, await app.inject({ url: '/guarded', headers: BEARER, remoteAddress: '127.0.0.1' }), 'TOO_MANY_FAILURES', EXHAUSTED)
  t.equal((await app.inject({ url: '/guarded', headers: BEARER, remoteAddress: '192.0.2.1' })).statusCode, 200)
})

t.test('where the address can\'t be read, the refusal does not say whether the credential is valid', async (t) => {
  const fastify = { disableRequestLogging: true, trustProxy: () => { throw new Error('secret') } }
  const { app, log } = await three(t, { fastify })
  const answer = await app.inject({ url: '/guarded', headers: { ...wrong, 'x-forwarded-for': '198.51.100.1' } })
  isRefusal(t, answer, 'AUTHENTICATION_UNAVAILABLE', { headers: { 'retry-after': '1' } })
  t.notMatch(answer.body + log.text, 'secret')
})

t.test('of many guesses at once, no more than the quota reaches a resolver', async (t) => {
  const answers: Array<() => void> = []
  const slow = resolverOf(() => new Promise((resolve) => answers.push(() => resolve(undefined))))
  const { try: attempt } = await three(t, { auth: { resolvers: [slow] } })
  const all = Promise.all(Array.from({ length: 50 }, (_, i) => attempt({ authorization: `Bearer guess-${i}` })))
  while (answers.length < 3) await new Promise(setImmediate)
  for (const answer of answers) answer()
  const codes = (await all).map((answer) => answer.json().code)
  t.equal(slow.asked.length, 3)
  t.strictSame([codes.filter((code) => code === 'CREDENTIAL_INVALID').length, codes.filter((code) => code === 'TOO_MANY_FAILURES').length], [3, 47])
})

t.test('good credentials that are looked up at once are all let in, and leave the budget as it was', async (t) => {
  const answers: Array<() => void> = []
  const slow = resolverOf((token) => new Promise((resolve) => answers.push(() => resolve(token === GOOD ? principal() : undefined))))
  const { try: attempt } = await three(t, { auth: { resolvers: [slow] } })
  const rounds = collectRounds()
  for (let round = 0; round < 3; round++) {
    const all = Promise.all(Array.from({ length: 20 }, () => attempt(BEARER)))
    while (answers.length < 20) await new Promise(setImmediate)
    for (const answer of answers.splice(0)) answer()
    rounds.add((await all).every(({ statusCode }) => statusCode === 200), true)
  }
  t.strictSame(rounds.seen, rounds.expected)
})

t.test('an outage of a resolver does not count as failed attempts', async (t) => {
  const broken = resolverOf(async () => { throw new Error('down') })
  const { try: attempt } = await three(t, { auth: { resolvers: [broken] } })
  const codes = []
  for (let i = 0; i < 10; i++) codes.push((await attempt(wrong)).json().code)
  t.ok(codes.every((code) => code === 'AUTHENTICATION_UNAVAILABLE'))
})

t.test('all clients of a Unix socket are one address, which no client of another can lock out', async (t) => {
  const { app } = await three(t)
  const folder = await mkdtemp(join(tmpdir(), 'latchkey-socket-'))
  t.teardown(() => rm(folder, { recursive: true }))
  const socketPath = join(folder, 's')
  await app.listen({ path: socketPath })
  const get = (headers: Record<string, string>) => new Promise<number | undefined>((resolve, reject) => {
    http.get({ socketPath, path: '/guarded', headers, agent: false }, (response) => { response.resume(); resolve(response.statusCode) }).on('error', reject)
  })
  t.strictSame([await get(wrong), await get(wrong), await get(wrong), await get(BEARER)], [401, 401, 401, 429])
  t.equal((await app.inject({ url: '/guarded', headers: BEARER, remoteAddress: '192.0.2.1' })).statusCode, 200)
})

t.test('a flood from many addresses takes bounded memory: the addresses seen last are kept', async (t) => {
  const { try: attempt } = await guardOne(t)
  for (let i = 0; i < 20_100; i++) await attempt(wrong, `10.${i >> 16}.${(i >> 8) & 255}.${i & 255}`)
  t.equal((await attempt(BEARER, '10.0.0.1')).statusCode, 200, 'the first is forgotten')
  const last = await attempt(BEARER, '10.0.78.100')
  t.match([last.statusCode, last.headers['retry-after']], [429, '3600'], 'the last is not')
})

async function guardOne (t: Test) {
  const { app } = await guard(t, { fastify: { logger: false }, auth: { resolvers: [goodResolver()], failures: { quota: 1, window: 3600 } }, context: { clock: () => 0 } })
  return { try: (headers: Record<string, string>, remoteAddress: string) => app.inject({ url: '/guarded', headers, remoteAddress }) }
}
