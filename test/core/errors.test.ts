import t from 'tap'
import { AccessError, describeFault, refusals, type RefusalCode } from '../../lib/core/errors.js'
import { headersOf, headerWriters, policyItem, type Allowance } from '../../lib/core/rate-limit-headers.js'
import { isRendererName, render, rendererOf, renderers } from '../../lib/core/error-formats.js'
import { contextOf } from '../../lib/core/access-context.js'
import { isPrincipal, principalOf } from '../../lib/core/principal.js'
import { DeadlineExceeded, isThenable, withTimeout } from '../../lib/core/clock.js'
import { collectRounds } from '../helpers/collect.js'
import { BEARER, guard, publicRoute, principal, secured } from '../helpers/guard.js'

const isCode = (code: string): code is RefusalCode => Object.hasOwn(refusals, code)
const codes = Object.keys(refusals).filter(isCode)

t.test('every refusal is an error with a constant message, no stack and headers that forbid to store it', async (t) => {
  const rounds = collectRounds()
  const patterns = collectRounds()
  for (const code of codes) {
    const error = new AccessError(code, { reason: 'for the log' })
    rounds.add(error instanceof Error, true)
    patterns.add(error, { name: 'AccessError', code, statusCode: refusals[code].statusCode, message: refusals[code].message, reason: 'for the log', detail: undefined, extensions: {} })
    rounds.add(error.headers['cache-control'], 'no-store')
    rounds.add(String(JSON.stringify(renderers.problem(error).body)).includes('for the log'), false)
  }
  t.strictSame(rounds.seen, rounds.expected)
  t.match(patterns.seen, patterns.expected)
})

t.test('401, 400 of a malformed credential and 403 of a scope carry a challenge, nothing else does', async (t) => {
  const challenged = codes.filter((code) => new AccessError(code).headers['www-authenticate'] !== undefined)
  t.strictSame(challenged, ['CREDENTIAL_MISSING', 'CREDENTIAL_MALFORMED', 'CREDENTIAL_INVALID', 'INSUFFICIENT_SCOPE'])
  const rounds = collectRounds()
  for (const code of codes) if (refusals[code].statusCode === 401) rounds.add(challenged.includes(code), true)
  t.strictSame(rounds.seen, rounds.expected)
})

t.test('a refusal takes further headers, which do not replace its own', async (t) => {
  const { headers } = new AccessError('RATE_LIMITED', { retryAfter: 0.2, headers: { ratelimit: 'x', 'retry-after': '99' } })
  t.strictSame(headers, { 'cache-control': 'no-store', ratelimit: 'x', 'retry-after': '1' })
  t.equal(new AccessError('CREDENTIAL_MISSING', { headers: { 'cache-control': 'public', 'www-authenticate': 'Basic' } }).headers['cache-control'], 'no-store')
  t.equal(new AccessError('CREDENTIAL_MISSING', { headers: { 'www-authenticate': 'Basic' } }).headers['www-authenticate'], 'Bearer realm="api"')
})

t.test('Retry-After is at least one whole second, whatever number it is made of', async (t) => {
  const rounds = collectRounds()
  for (const [seconds, text] of [[0, '1'], [-5, '1'], [0.001, '1'], [1.001, '2'], [60, '60'], [NaN, '1'], [Infinity, '1']] as const) {
    rounds.add(new AccessError('RATE_LIMITED', { retryAfter: seconds }).headers['retry-after'], text)
  }
  t.strictSame(rounds.seen, rounds.expected)
})

t.test('of a fault only its name and code are described', async (t) => {
  const fault = Object.assign(new Error('SET key secret'), { code: 'ECONNREFUSED', command: 'secret' })
  t.equal(describeFault(fault), 'Error ECONNREFUSED')
  t.equal(describeFault(new TypeError('secret')), 'TypeError')
  t.equal(describeFault(Object.assign(new Error('x'), { code: 42 })), 'Error')
  t.equal(describeFault(Object.assign(new Error('x'), { code: 'secret key, with spaces' })), 'Error')
  t.equal(describeFault(Object.assign(new Error('x'), { name: 'secret?key=1' })), 'Error')
  const rounds = collectRounds()
  for (const [thrown, said] of [[null, 'null'], [undefined, 'undefined'], ['secret', 'string'], [{ secret: 1 }, 'object'], [Symbol('secret'), 'symbol']] as const) rounds.add(describeFault(thrown), `a thrown ${said}`)
  t.strictSame(rounds.seen, rounds.expected)
})

t.test('each rendering is a pure function of the error', async (t) => {
  const error = new AccessError('INSUFFICIENT_SCOPE', { detail: 'needs a', extensions: { required: [['a']], granted: [] }, scope: ['a'], reason: 'secret' })
  t.strictSame(renderers.problem(error).body, { type: 'about:blank', title: 'Forbidden', status: 403, detail: 'needs a', code: 'INSUFFICIENT_SCOPE', required: [['a']], granted: [] })
  t.strictSame(renderers.error(error), { body: { error: 'INSUFFICIENT_SCOPE' } })
  t.strictSame(renderers.detail(error), { body: { detail: refusals.INSUFFICIENT_SCOPE.message } })
  t.strictSame(renderers['error-message'](error), { body: { error: 'insufficient_scope', message: refusals.INSUFFICIENT_SCOPE.message } })
  const rounds = collectRounds()
  for (const name of Object.keys(renderers)) rounds.add(Boolean(isRendererName(name)), true)
  for (const name of ['throw', '__proto__', 'constructor', 'toString', '']) rounds.add(Boolean(isRendererName(name)), false)
  t.strictSame(rounds.seen, rounds.expected)
  const own = () => ({ body: {} })
  t.strictSame([rendererOf('throw'), rendererOf('error'), rendererOf(own)], [undefined, renderers.error, own])
})

t.test('where not even the problem can be rendered, the code is sent', async (t) => {
  const error = new AccessError('NOT_FOUND', { extensions: { big: 1n } })
  t.strictSame(render(renderers.problem, error), { text: '{"code":"NOT_FOUND"}', type: 'application/json; charset=utf-8' })
})

const allowance = (name: string, quota: number, remaining: number, reset: number): Allowance => ({ policy: { name, quota, item: policyItem(name, quota, 60) }, remaining, reset })
const two = [allowance('minute', 100, 7, 30), allowance('burst', 10, 3, 2)]

t.test('the fields of the draft list all policies, the older ones show the tightest', async (t) => {
  t.strictSame(headersOf([headerWriters.draft], two), { ratelimit: '"minute";r=7;t=30, "burst";r=3;t=2', 'ratelimit-policy': '"minute";q=100;w=60, "burst";q=10;w=60' })
  t.strictSame(headersOf([headerWriters.trio], two), { 'ratelimit-limit': '10', 'ratelimit-remaining': '3', 'ratelimit-reset': '2' })
  t.strictSame(headersOf([headerWriters['x-ratelimit']], [...two].reverse()), { 'x-ratelimit-limit': '10', 'x-ratelimit-remaining': '3', 'x-ratelimit-reset': '2' })
  t.strictSame(headersOf([], two), {})
})

t.test('a reply has the fields that the host chose, and none where nothing is counted', async (t) => {
  const announced = async (rateLimitFields: 'draft' | 'trio' | false | Array<'draft' | 'trio' | 'x-ratelimit'> | undefined, allowances: Allowance[]) => {
    const { app } = await guard(t, {
      context: { rateLimitFields },
      after: (app) => app.get('/', publicRoute, async (_request, reply) => { contextOf(app).setRateLimitHeaders(reply, allowances); return contextOf(app).rateLimitHeaders(allowances) })
    })
    const answer = await app.inject('/')
    const fields = Object.keys(answer.headers).filter((name) => name.includes('ratelimit'))
    if (allowances.length > 0) t.strictSame(Object.keys(answer.json()), fields)
    return fields
  }
  t.strictSame(await announced(undefined, two), ['ratelimit', 'ratelimit-policy'])
  t.strictSame(await announced('trio', two), ['ratelimit-limit', 'ratelimit-remaining', 'ratelimit-reset'])
  t.equal((await announced(['draft', 'trio', 'x-ratelimit'], two)).length, 8)
  t.strictSame(await announced(false, two), [])
  t.strictSame(await announced(['draft', 'trio'], []), [])
})

t.test('principalOf returns the principal of a guarded request, and throws for any other', async (t) => {
  const { app } = await guard(t, {
    after (app) {
      app.get('/guarded', secured, async (request) => ({ workspace: principalOf(request).workspace }))
      app.get('/public', publicRoute, async (request) => ({ workspace: principalOf(request).workspace }))
      app.setNotFoundHandler(async (request) => { Object.assign(request, { principal: undefined }); principalOf(request) })
    }
  })
  t.strictSame((await app.inject({ url: '/guarded', headers: BEARER })).json(), { workspace: 'w1' })
  const answer = await app.inject({ url: '/public', headers: BEARER })
  t.strictSame([answer.statusCode, answer.json().message], [500, 'principalOf: GET /public was not authenticated; declare what it needs in schema.security'])
  t.match((await app.inject({ url: '/nowhere', headers: BEARER })).json(), { message: /principalOf: GET an unknown route was not authenticated/ })
})

t.test('a principal is recognised by its shape', async (t) => {
  t.ok(isPrincipal(principal()))
  t.ok(isPrincipal(principal({ kind: 'access-token', owner: 'o', tier: 't', scopes: [] })))
  const rounds = collectRounds()
  for (const other of [null, undefined, 'x', {}, { ...principal(), scopes: [1] }, { ...principal(), id: '' }]) rounds.add(Boolean(isPrincipal(other)), false)
  t.strictSame(rounds.seen, rounds.expected)
})

t.test('withTimeout settles with the work or at the deadline, whichever is first', async (t) => {
  t.equal(await withTimeout(Promise.resolve(5), 1, 'work'), 5)
  await t.rejects(withTimeout(Promise.reject(new TypeError('x')), 1, 'work'), { name: 'TypeError' })
  await t.rejects(withTimeout(new Promise(() => {}), 0.001, 'work'), DeadlineExceeded)
  await t.rejects(withTimeout(new Promise(() => {}), 0.001, 'work'), { message: 'work did not answer within 0.001 s' })
  t.strictSame([{ then () {} }, Promise.resolve(), {}, null, undefined, 'then', { then: true }].map((value: unknown) => isThenable(value)), [true, true, false, false, false, false, false])
})
