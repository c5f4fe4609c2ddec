import t, { type Test } from 'tap'
import { InvalidCredential, type AuthOptions, type Exposure } from '../../lib/auth/index.js'
import { deferred, exchange, listen, request } from '../helpers/doors.js'
import { BEARER, GOOD, guard, isRefusal, open, optional, principal, resolverOf, secured } from '../helpers/guard.js'

const known = () => resolverOf((token) => {
  if (token.startsWith('acme_')) throw new InvalidCredential('unknown key')
  return token === GOOD ? principal() : undefined
})

/** A guard that reports to a list. */
async function watched (t: Test, auth: Partial<AuthOptions> = {}) {
  const exposed: Exposure[] = []
  const resolver = known()
  const made = await guard(t, {
    auth: { resolvers: [resolver], onExposed: (exposure) => { exposed.push(exposure) }, ...auth },
    after (app) {
      app.get('/guarded', secured, async () => ({}))
      app.get('/maybe', optional, async () => ({}))
      app.get('/open', open, async () => ({}))
    }
  })
  return { ...made, resolver, exposed, settled: () => new Promise(setImmediate) }
}

t.test('a real key sent over plain HTTP is reported, in the header or in the query', async (t) => {
  const { app, exposed, settled } = await watched(t, { transport: undefined })
  isRefusal(t, await app.inject({ url: '/guarded', headers: BEARER, remoteAddress: '192.0.2.7' }), 'INSECURE_TRANSPORT')
  isRefusal(t, await app.inject({ url: `/open?key=${GOOD}`, remoteAddress: '192.0.2.8' }), 'INSECURE_TRANSPORT')
  await settled()
  t.strictSame(exposed, [
    { principal: principal(), where: 'plain-http', ip: '192.0.2.7' },
    { principal: principal(), where: 'plain-http', ip: '192.0.2.8' }
  ])
})

t.test('a real key in the query is reported, whatever the parameter is called', async (t) => {
  const { app, exposed, settled, log } = await watched(t)
  for (const url of [`/guarded?access_token=${GOOD}`, `/guarded?api_key=${GOOD}`, `/guarded?a=1&b=${GOOD}`, `/guarded?k=x&k=${GOOD}`, `/nowhere?${GOOD}=${GOOD}`]) {
    const answer = await app.inject({ url })
    isRefusal(t, answer, 'CREDENTIAL_MISSING')
    t.notMatch(answer.body + JSON.stringify(answer.headers), GOOD)
  }
  isRefusal(t, await app.inject({ url: `/guarded?access_token=${GOOD}`, headers: { authorization: 'Bearer other' } }), 'CREDENTIAL_MALFORMED')
  isRefusal(t, await app.inject({ url: `/guarded?x=${GOOD}`, headers: { authorization: 'Bearer' } }), 'CREDENTIAL_MALFORMED')
  t.equal((await app.inject({ url: `/maybe?api_key=${GOOD}` })).statusCode, 200)
  await settled()
  t.equal(exposed.length, 8)
  for (const one of exposed) t.strictSame(one, { principal: principal(), where: 'query', ip: '127.0.0.1' })
  t.notMatch(log.entries.filter(({ msg }) => msg === 'access refused').map((entry) => JSON.stringify(entry)).join(''), GOOD)
})

t.test('text that is no credential, and credentials that are not real, are not reported', async (t) => {
  const { app, resolver, exposed, settled } = await watched(t)
  for (const url of ['/guarded', '/guarded?q=hello', '/guarded?q=', '/guarded?q=two%20words', '/guarded?q=%F0%9F%94%91', '/guarded?api_key=acme_live_unknown', `/guarded?q=${'a'.repeat(300)}`]) await app.inject({ url })
  isRefusal(t, await app.inject({ url: '/guarded?q=hello', headers: { authorization: 'Bearer acme_live_unknown' } }), 'CREDENTIAL_INVALID')
  await settled()
  t.strictSame(exposed, [])
  t.strictSame(resolver.asked, ['hello', 'acme_live_unknown', 'acme_live_unknown'])
})

t.test('a query that is no object is not looked at', async (t) => {
  for (const query of ['null', '"x"']) {
    const { app } = await guard(t, { fastify: { routerOptions: { querystringParser: () => JSON.parse(query) } }, auth: { onExposed: () => { t.fail('nothing was exposed') } } })
    isRefusal(t, await app.inject({ url: `/guarded?k=${GOOD}` }), 'CREDENTIAL_MISSING')
  }
})

t.test('values of a query that are no text are passed over', async (t) => {
  const told = deferred<Exposure>()
  const { app } = await guard(t, {
    fastify: { routerOptions: { querystringParser: () => ({ deep: { key: GOOD }, number: 5, list: [null, GOOD] }) } },
    auth: { onExposed: told.resolve }
  })
  isRefusal(t, await app.inject({ url: '/guarded?x' }), 'CREDENTIAL_MISSING')
  t.match(await told.promise, { where: 'query' })
})

t.test('only the first eight values of a query are looked at', async (t) => {
  const { app, resolver, exposed, settled } = await watched(t)
  await app.inject({ url: `/guarded?${Array.from({ length: 50 }, (_, i) => `p${i}=v${i}`).join('&')}&k=${GOOD}` })
  await settled()
  t.equal(resolver.asked.length, 8)
  t.strictSame(exposed, [])
})

t.test('a report never delays the answer, nor outlives it where it hangs', async (t) => {
  const told = deferred<void>()
  const { app } = await watched(t, { transport: undefined, onExposed: () => { told.resolve(); return new Promise(() => {}) } })
  isRefusal(t, await app.inject({ url: '/guarded', headers: BEARER }), 'INSECURE_TRANSPORT')
  await told.promise

  const slow = await watched(t, { transport: undefined, deadline: 0.01, resolvers: [resolverOf(() => new Promise(() => {}))] })
  isRefusal(t, await slow.app.inject({ url: '/guarded', headers: BEARER }), 'INSECURE_TRANSPORT')
  await new Promise((resolve) => setTimeout(resolve, 30))
  t.match(slow.log.entries.find(({ msg }) => msg === 'an exposed credential was not reported'), { level: 50, reason: 'DeadlineExceeded' })
})

t.test('an onExposed or a resolver that fails is logged, and only that', async (t) => {
  for (const [failing, reason] of [
    [{ onExposed: () => { throw new Error(`secret ${GOOD}`) } }, 'Error'],
    [{ onExposed: async () => { throw new TypeError(`secret ${GOOD}`) } }, 'TypeError'],
    [{ onExposed: async () => { throw new InvalidCredential('gone meanwhile') } }, 'InvalidCredential'],
    [{ resolvers: [resolverOf(() => { throw new RangeError(`secret ${GOOD}`) })] }, 'RangeError']
  ] as const) {
    const { app, log, settled } = await watched(t, { transport: undefined, ...failing })
    isRefusal(t, await app.inject({ url: '/guarded', headers: BEARER }), 'INSECURE_TRANSPORT')
    await settled()
    t.match(log.entries.find(({ msg }) => msg === 'an exposed credential was not reported'), { level: 50, reason })
    t.notMatch(log.text, GOOD)
  }
})

t.test('without onExposed nobody is asked', async (t) => {
  const resolver = known()
  const { app } = await guard(t, { auth: { resolvers: [resolver], transport: undefined } })
  isRefusal(t, await app.inject({ url: '/guarded', headers: BEARER }), 'INSECURE_TRANSPORT')
  t.strictSame(resolver.asked, [])
})

t.test('credentials that are not real are metered here too, and looked up no more once that is used up', async (t) => {
  const { app, resolver, exposed, settled } = await watched(t, { transport: undefined, failures: { quota: 2, window: 60 } })
  const send = async (token: string) => {
    isRefusal(t, await app.inject({ url: '/guarded', headers: { authorization: `Bearer ${token}` } }), 'INSECURE_TRANSPORT')
    await settled()
  }
  for (const token of ['acme_1', 'harmless', 'acme_2', 'acme_3', GOOD]) await send(token)
  t.strictSame(resolver.asked, ['acme_1', 'harmless', 'acme_2'])
  t.strictSame(exposed, [])
})

t.test('where failures are not metered, all of them are looked up', async (t) => {
  const { app, resolver, settled } = await watched(t, { transport: undefined, failures: false })
  for (let i = 0; i < 3; i++) await app.inject({ url: '/guarded', headers: { authorization: `Bearer acme_${i}` } })
  await settled()
  t.equal(resolver.asked.length, 3)
})

t.test('the address is the one that sent it, also when that is gone by the time of the report', async (t) => {
  const asked = deferred<void>()
  const answer = deferred<ReturnType<typeof principal>>()
  const reported = deferred<Exposure>()
  const { app } = await watched(t, {
    transport: undefined,
    resolvers: [resolverOf(() => { asked.resolve(); return answer.promise })],
    onExposed: reported.resolve
  })
  const port = await listen(app)
  isRefusal(t, await exchange(port, request('GET /guarded HTTP/1.1', 'Host: x', `Authorization: Bearer ${GOOD}`, 'Connection: close')), 'INSECURE_TRANSPORT')
  await asked.promise
  answer.resolve(principal())
  t.strictSame(await reported.promise, { principal: principal(), where: 'plain-http', ip: '127.0.0.1' })
})
