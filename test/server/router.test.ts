import type { IncomingMessage } from 'node:http'
import Fastify from 'fastify'
import t, { type Test } from 'tap'
import latchkey, { allowPlainHttp, defineScopes, notFound, type LatchkeyOptions } from 'fastify-latchkey'
import { serverOptions } from 'fastify-latchkey/server'
import { collectRounds } from '../helpers/collect.js'
import { exchange, keepLines, listen, request, type Answer } from '../helpers/doors.js'

const scopes = defineScopes({ resources: { devices: ['read'] } })
const get = (target: string, ...fields: string[]) => request(`GET ${target} HTTP/1.1`, 'Host: a', ...fields, 'Connection: close')

/** One that answers later and may fail; the types of the router know none. */
const failingConstraint = {
  name: 'owner',
  storage: () => ({ get: () => null, set: () => {} }),
  deriveConstraint ({ headers }: IncomingMessage, _context: unknown, done: (error: Error | null) => void) {
    done(headers['x-fail'] === undefined ? null : new Error('secret'))
  }
}

type Guard = Pick<LatchkeyOptions, 'errors'> | 'child' | undefined

async function start (t: Test, guard: Guard) {
  const log = keepLines()
  const app = Fastify(serverOptions({ logger: { level: 'trace', stream: log.stream }, routerOptions: { maxParamLength: 20 } }))
  app.setNotFoundHandler(notFound)
  Reflect.apply(app.addConstraintStrategy, app, [failingConstraint])
  const options = { scopes, environment: 'production', keys: { prefix: 'acme' }, transport: allowPlainHttp } satisfies LatchkeyOptions
  if (guard === 'child') await app.register(async (child) => { await child.register(latchkey, options) })
  else if (guard !== undefined) await app.register(latchkey, { ...options, ...guard })
  app.get('/devices/:id', { schema: scopes.secure('devices:read') }, async () => ({}))
  app.get('/owned', { schema: scopes.public(), constraints: { owner: 'me' } }, async () => ({}))
  const port = await listen(app)
  t.teardown(() => app.close())
  return { port, log, app }
}

function isProblem (t: Test, answer: Answer, status: number, title: string, code: string, detail: string): void {
  t.equal(answer.status, status)
  t.equal(answer.headers['content-type'], 'application/problem+json; charset=utf-8')
  t.equal(answer.headers['cache-control'], 'no-store')
  t.strictSame(JSON.parse(answer.body), { type: 'about:blank', title, status, detail, code })
}

for (const guard of [undefined, 'child', {}] satisfies Guard[]) {
  t.test(`malformed URLs are answered as problems without the URL, ${JSON.stringify(guard) ?? 'unguarded'}`, async (t) => {
    const { port, log } = await start(t, guard)
    for (const target of ['/%zz?k=secret', '/x%zz', '/devices/%E0%A4%A?k=secret', '/%', '/%zz#secret', '//%zz?secret']) {
      isProblem(t, await exchange(port, get(target)), 400, 'Bad Request', 'BAD_REQUEST', 'The request could not be read.')
    }
    isProblem(t, await exchange(port, get(`/devices/${'s'.repeat(21)}?k=secret`)), 414, 'URI Too Long', 'URI_TOO_LONG', 'A part of the path is too long.')
    isProblem(t, await exchange(port, get('/devices/1?k=secret', 'X-Fail: 1')), 500, 'Internal Server Error', 'SERVER_FAULT', 'The server failed to handle the request.')
    t.notMatch(log.text, 'secret')
  })
}

t.test('an unknown path is a problem without the URL, also where nothing is guarded', async (t) => {
  const { port, log } = await start(t, undefined)
  const patterns = collectRounds()
  for (const method of ['GET', 'HEAD', 'POST', 'OPTIONS']) {
    const answer = await exchange(port, request(`${method} /nowhere?k=secret HTTP/1.1`, 'Host: a', 'Content-Length: 0', 'Connection: close'))
    if (method === 'HEAD') patterns.add(answer, { status: 404, body: '', headers: { 'content-type': 'application/problem+json; charset=utf-8', 'cache-control': 'no-store' } })
    else isProblem(t, answer, 404, 'Not Found', 'NOT_FOUND', 'There is nothing here.')
  }
  t.match(patterns.seen, patterns.expected)
  t.notMatch(log.text, 'secret')
})

t.test('in a guarded context refusals have its format, and without a key there is no 404', async (t) => {
  const { port, log, app } = await start(t, { errors: 'error' })
  const { secret: text } = await app.latchkey.keys.issue({ workspace: 'w', scopes: ['devices:read'], environment: 'production' })

  t.match(await exchange(port, get('/nowhere?k=secret')), { status: 401, body: '{"error":"CREDENTIAL_MISSING"}' })
  const answer = await exchange(port, get('/nowhere?k=secret', `Authorization: Bearer ${text}`))
  t.match(answer, { status: 404, body: '{"error":"NOT_FOUND"}', headers: { 'cache-control': 'no-store', 'content-type': 'application/json; charset=utf-8' } })
  t.match(await exchange(port, get('/%zz?k=secret')), { status: 400, body: '{"error":"BAD_REQUEST"}', headers: { 'cache-control': 'no-store' } })
  t.match(log.entries.filter(({ msg }) => msg === 'access refused').map(({ code, reason }) => ({ code, reason })), [
    { code: 'CREDENTIAL_MISSING' },
    { code: 'NOT_FOUND' },
    { code: 'BAD_REQUEST', reason: 'FST_ERR_BAD_URL' }
  ])
  t.notMatch(log.text, 'secret')
})

t.test('with errors: \'throw\', the host\'s error handler gets the 404, and Fastify\'s own the malformed URL', async (t) => {
  const { port, log, app } = await start(t, { errors: 'throw' })
  const { secret: text } = await app.latchkey.keys.issue({ workspace: 'w', scopes: [], environment: 'production' })
  const missing = await exchange(port, get('/nowhere?k=secret', `Authorization: Bearer ${text}`))
  t.match(missing, { status: 404, headers: { 'cache-control': 'no-store' } })
  t.match(JSON.parse(missing.body), { code: 'NOT_FOUND', message: 'There is nothing here.' })
  const malformed = await exchange(port, get('/%zz?k=secret'))
  t.match(malformed, { status: 400, headers: { 'cache-control': 'no-store' } })
  t.match(JSON.parse(malformed.body), { code: 'BAD_REQUEST' })
  t.notMatch(log.text, 'secret')
})
