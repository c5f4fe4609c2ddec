import { basic, bearer, header } from 'fastify-latchkey'
import t, { type Test } from 'tap'
import { InvalidCredential, type AuthOptions } from '../../lib/auth/index.js'
import { createEvents, type AccessEvent } from '../../lib/events/index.js'
import { collectRounds } from '../helpers/collect.js'
import { deferred, exchange, listen, request } from '../helpers/doors.js'
import { BEARER, GOOD, guard, isRefusal, publicRoute, optional, principal, resolverOf, secured } from '../helpers/guard.js'

const START = Date.UTC(2026, 0, 1)
const report = 'an exposed credential could not be reported'

/** Knows `GOOD`, and each text that begins with it as a key of its own; refuses what else begins like a key. */
const known = () => resolverOf((token) => {
  if (token.startsWith('acme_')) throw new InvalidCredential('unknown key')
  return token.startsWith(GOOD) ? principal({ id: `key-${token.length}` }) : undefined
})

const events = () => createEvents({}, { log () {}, inform () {} })

/** A guard whose events go to a list. */
async function watched (t: Test, auth: Partial<AuthOptions> = {}, clock = () => START) {
  const exposed: AccessEvent[] = []
  const resolver = known()
  const emitter = events()
  emitter.on('*', (event) => { exposed.push(event) })
  const made = await guard(t, {
    context: { clock },
    auth: { resolvers: [resolver], events: emitter, ...auth },
    after (app) {
      app.get('/guarded', secured, async () => ({}))
      app.get('/maybe', optional, async () => ({}))
      app.get('/public', publicRoute, async () => ({}))
    }
  })
  async function settled (): Promise<void> {
    await new Promise(setImmediate)
    await emitter.idle()
    await new Promise(setImmediate)
  }
  return { ...made, resolver, exposed, settled }
}

t.test('a real key sent over plain HTTP is an event, in the header or in the query', async (t) => {
  const { app, exposed, settled } = await watched(t, { transport: undefined })
  isRefusal(t, await app.inject({ url: '/guarded', headers: BEARER }), 'INSECURE_TRANSPORT')
  isRefusal(t, await app.inject({ url: `/guarded?key=${GOOD}2` }), 'INSECURE_TRANSPORT')
  t.equal((await app.inject({ url: `/public?key=${GOOD}33` })).statusCode, 200, 'a public route is served all the same')
  t.equal((await app.inject({ url: '/public', headers: { authorization: `Bearer ${GOOD}444` } })).statusCode, 200)
  await settled()
  t.match(exposed, [
    { type: 'key.exposed', at: new Date(START), workspace: 'w1', data: { key: { id: `key-${GOOD.length}`, environment: 'production' } } },
    { type: 'key.exposed', at: new Date(START), workspace: 'w1', data: { key: { id: `key-${GOOD.length + 1}`, environment: 'production' } } },
    { type: 'key.exposed', data: { key: { id: `key-${GOOD.length + 2}` } } },
    { type: 'key.exposed', data: { key: { id: `key-${GOOD.length + 3}` } } }
  ])
})

t.test('an access token that was exposed is an event of its own kind', async (t) => {
  const token = { ...resolverOf(() => principal({ kind: 'access-token', owner: 'o1' })), kind: 'access-token' as const }
  const { app, exposed, settled } = await watched(t, { transport: undefined, resolvers: [token] })
  await app.inject({ url: '/guarded', headers: BEARER })
  await settled()
  t.match(exposed, [{ type: 'token.exposed', workspace: 'w1', data: { principal: { kind: 'access-token', id: 'key-1', owner: 'o1' }, environment: 'production' } }])
})

t.test('a real key in the query is an event, whatever the parameter is called', async (t) => {
  const { app, exposed, settled, log } = await watched(t)
  const urls = ['/guarded?access_token=KEY1', '/guarded?api_key=KEY22', '/guarded?a=1&b=KEY333', '/guarded?k=x&k=KEY4444', '/nowhere?KEY=KEY55555'].map((url) => url.replaceAll('KEY', GOOD))
  const rounds = collectRounds()
  for (const url of urls) {
    const answer = await app.inject({ url })
    isRefusal(t, answer, 'CREDENTIAL_MISSING')
    rounds.add(String(answer.body + JSON.stringify(answer.headers)).includes(GOOD), false)
  }
  t.strictSame(rounds.seen, rounds.expected)
  isRefusal(t, await app.inject({ url: `/guarded?access_token=${GOOD}666666`, headers: { authorization: 'Bearer other' } }), 'CREDENTIAL_MALFORMED', { detail: /access_token of the query/ })
  isRefusal(t, await app.inject({ url: `/guarded?x=${GOOD}7777777`, headers: { authorization: 'Bearer' } }), 'CREDENTIAL_MALFORMED')
  t.equal((await app.inject({ url: `/maybe?api_key=${GOOD}88888888` })).statusCode, 200)
  await settled()
  t.strictSame(exposed.map(({ type }) => type), Array.from({ length: 8 }, () => 'key.exposed'))
  t.notMatch(log.entries.filter(({ msg }) => msg === 'access refused').map((entry) => JSON.stringify(entry)).join(''), GOOD)
})

t.test('one key that is exposed again and again is one event a day', async (t) => {
  const { app, exposed, settled } = await watched(t)
  for (let i = 0; i < 5; i++) await app.inject({ url: `/guarded?key=${GOOD}` })
  await settled()
  t.equal(exposed.length, 1)
})

t.test('all processes give the exposure of one key on one day the same event id, so that consumers drop repetitions', async (t) => {
  let now = START
  const [one, other] = [await watched(t, {}, () => now), await watched(t, {}, () => now + 3_600_000)]
  for (const { app } of [one, other]) await app.inject({ url: `/guarded?key=${GOOD}` })
  for (const seconds of [86_399, 1]) {
    now += seconds * 1000
    await one.app.inject({ url: `/guarded?key=${GOOD}` })
  }
  for (const { settled } of [one, other]) await settled()
  const [today, tomorrow, ...more] = one.exposed.map(({ id, at }) => ({ id, at }))
  t.equal(other.exposed[0]?.id, today?.id)
  t.match([today, tomorrow], [{ at: new Date(START) }, { at: new Date(START + 86_400_000) }])
  t.not(tomorrow?.id, today?.id)
  t.same(more, [])
})

t.test('text that is no credential, and unknown credentials, are no events', async (t) => {
  const { app, resolver, exposed, settled } = await watched(t)
  for (const url of ['/guarded', '/guarded?q=hello', '/guarded?q=', '/guarded?q=two%20words', '/guarded?q=%F0%9F%94%91', '/guarded?api_key=acme_live_unknown', `/guarded?q=${'a'.repeat(300)}`]) await app.inject({ url })
  isRefusal(t, await app.inject({ url: '/guarded?q=hello', headers: { authorization: 'Bearer acme_live_unknown' } }), 'CREDENTIAL_INVALID')
  await settled()
  t.strictSame(exposed, [])
  t.strictSame(resolver.asked, ['hello', 'acme_live_unknown', 'acme_live_unknown'])
})

t.test('a query that is no object is not read', async (t) => {
  const rounds = collectRounds()
  for (const query of ['null', '"x"']) {
    const exposed: AccessEvent[] = []
    const emitter = events()
    emitter.on('*', (event) => { exposed.push(event) })
    const { app, log } = await guard(t, { fastify: { routerOptions: { querystringParser: () => JSON.parse(query) } }, auth: { events: emitter } })
    isRefusal(t, await app.inject({ url: `/guarded?k=${GOOD}` }), 'CREDENTIAL_MISSING')
    await emitter.idle()
    rounds.add([exposed, log.text.includes(report)], [[], false])
  }
  t.strictSame(rounds.seen, rounds.expected)
})

t.test('values of a query that are no strings are skipped', async (t) => {
  const emitted = deferred<AccessEvent>()
  const emitter = events()
  emitter.on('key.exposed', emitted.resolve)
  const { app } = await guard(t, {
    fastify: { routerOptions: { querystringParser: () => ({ deep: { key: GOOD }, number: 5, list: [null, GOOD] }) } },
    auth: { events: emitter }
  })
  isRefusal(t, await app.inject({ url: '/guarded?x' }), 'CREDENTIAL_MISSING')
  t.match(await emitted.promise, { type: 'key.exposed' })
})

t.test('only the first eight values of a query are read', async (t) => {
  const { app, resolver, exposed, settled } = await watched(t)
  await app.inject({ url: `/guarded?${Array.from({ length: 50 }, (_, i) => `p${i}=v${i}`).join('&')}&k=${GOOD}` })
  await settled()
  t.equal(resolver.asked.length, 8)
  t.strictSame(exposed, [])
})

t.test('a report does not delay the answer, and ends where a resolver does not answer', async (t) => {
  const slow = await watched(t, { transport: undefined, deadline: 0.01, resolvers: [resolverOf(() => new Promise(() => {}))] })
  isRefusal(t, await slow.app.inject({ url: '/guarded', headers: BEARER }), 'INSECURE_TRANSPORT')
  while (!slow.log.entries.some(({ msg }) => msg === report)) await new Promise(setImmediate)
  t.match(slow.log.entries.find(({ msg }) => msg === report), { level: 50, reason: 'DeadlineExceeded' })
})

t.test('a resolver that fails is logged, without its message', async (t) => {
  const { app, log, settled } = await watched(t, { transport: undefined, resolvers: [resolverOf(() => { throw new RangeError(`secret ${GOOD}`) })] })
  isRefusal(t, await app.inject({ url: '/guarded', headers: BEARER }), 'INSECURE_TRANSPORT')
  await settled()
  t.match(log.entries.find(({ msg }) => msg === report), { level: 50, reason: 'RangeError' })
  t.notMatch(log.text, GOOD)
})

t.test('without events, and while nothing listens to them, no resolver is asked', async (t) => {
  const rounds = collectRounds()
  for (const emitter of [undefined, events()]) {
    const resolver = known()
    const { app } = await guard(t, { auth: { resolvers: [resolver], transport: undefined, events: emitter } })
    isRefusal(t, await app.inject({ url: '/guarded', headers: BEARER }), 'INSECURE_TRANSPORT')
    rounds.add(resolver.asked, [])
  }
  t.strictSame(rounds.seen, rounds.expected)
})

t.test('unknown credentials count as failed attempts here too, and are not looked up beyond the quota', async (t) => {
  const { app, resolver, exposed, settled } = await watched(t, { transport: undefined, failures: { quota: 2, window: 60 } })
  const send = async (token: string) => {
    isRefusal(t, await app.inject({ url: '/guarded', headers: { authorization: `Bearer ${token}` } }), 'INSECURE_TRANSPORT')
    await settled()
  }
  for (const token of ['acme_1', 'harmless', 'acme_2', 'acme_3', GOOD]) await send(token)
  t.strictSame(resolver.asked, ['acme_1', 'harmless', 'acme_2'])
  t.strictSame(exposed, [])
})

t.test('an outage while an exposed credential is looked up counts for nobody', async (t) => {
  const state = { down: true }
  const resolver = resolverOf((token) => {
    if (state.down) throw new Error('down')
    return token === GOOD ? principal() : undefined
  })
  const { app, settled } = await watched(t, { resolvers: [resolver], failures: { quota: 2, window: 60 } })
  for (let i = 0; i < 3; i++) {
    isRefusal(t, await app.inject({ url: `/guarded?k=${GOOD}` }), 'CREDENTIAL_MISSING')
    await settled()
  }
  state.down = false
  t.equal((await app.inject({ url: '/guarded', headers: BEARER })).statusCode, 200)
})

t.test('with failures: false all of them are looked up', async (t) => {
  const { app, resolver, settled } = await watched(t, { transport: undefined, failures: false })
  for (let i = 0; i < 3; i++) await app.inject({ url: '/guarded', headers: { authorization: `Bearer acme_${i}` } })
  await settled()
  t.equal(resolver.asked.length, 3)
})

t.test('a credential is reported also where its client has disconnected', async (t) => {
  const asked = deferred<void>()
  const answer = deferred<ReturnType<typeof principal>>()
  const { app, exposed, settled } = await watched(t, {
    transport: undefined,
    resolvers: [resolverOf(() => { asked.resolve(); return answer.promise })]
  })
  const port = await listen(app)
  isRefusal(t, await exchange(port, request('GET /guarded HTTP/1.1', 'Host: x', `Authorization: Bearer ${GOOD}`, 'Connection: close')), 'INSECURE_TRANSPORT')
  await asked.promise
  answer.resolve(principal())
  await settled()
  t.match(exposed, [{ type: 'key.exposed' }])
})

t.test('over plain HTTP every real key is an event: in any place that is read, in common places that are not, and where there are several', async (t) => {
  const basicOf = (token: string) => `Basic ${Buffer.from(`${token}:`).toString('base64')}`
  const rounds = collectRounds()
  for (const credentials of [undefined, [header('x-acme')], [bearer(), basic(), header('x-acme'), header('x-api-key')]]) {
    const { app, exposed, settled } = await watched(t, { transport: undefined, credentials })
    const port = await listen(app)
    const lines = ['Authorization: Bearer KEY1', `Authorization: ${basicOf(`${GOOD}22`)}`, 'X-Api-Key: KEY333', 'api-key: KEY4444', 'ApiKey: KEY55555', ...credentials === undefined ? [] : ['X-Acme: KEY666666']]
    const answer = await exchange(port, request('GET /guarded HTTP/1.1', 'Host: x', 'Connection: close', 'X-Other: KEY7777777', 'X-Api-Key: not one', ...lines).replaceAll('KEY', GOOD))
    rounds.add(answer.status, 403)
    await settled()
    rounds.add(exposed.length, lines.length)
  }
  t.strictSame(rounds.seen, rounds.expected)
})

t.test('a resolver that takes any text is sent only what came in its place', async (t) => {
  const any = { ...resolverOf(() => undefined), scheme: 'oauth', kind: 'access-token' as const, anyForm: true }
  const { app, settled } = await watched(t, { transport: undefined, resolvers: [known(), any], credentials: [bearer(), header('x-api-key')] })
  await app.inject({ url: '/guarded?q=inQuery', headers: { authorization: 'Bearer inBearer', 'x-api-key': 'inField', 'api-key': 'inOther' } })
  await settled()
  t.strictSame(any.asked, ['inBearer'])
})
