import type { FastifyInstance } from 'fastify'
import t from 'tap'
import { AccessError } from '../../lib/core/errors.js'
import type { ErrorFormat } from '../../lib/core/error-formats.js'
import { collectRounds } from '../helpers/collect.js'
import { BEARER, guard, isRefusal, resolverOf, secured } from '../helpers/guard.js'

const CHALLENGE = 'Bearer realm="api"'
const bodies: ReadonlyArray<readonly [ErrorFormat | undefined, unknown, string]> = [
  [undefined, { type: 'about:blank', title: 'Unauthorized', status: 401, detail: 'Authentication credentials were not provided.', code: 'CREDENTIAL_MISSING' }, 'application/problem+json; charset=utf-8'],
  ['problem', { type: 'about:blank', title: 'Unauthorized', status: 401, detail: 'Authentication credentials were not provided.', code: 'CREDENTIAL_MISSING' }, 'application/problem+json; charset=utf-8'],
  ['error', { error: 'CREDENTIAL_MISSING' }, 'application/json; charset=utf-8'],
  ['detail', { detail: 'Authentication credentials were not provided.' }, 'application/json; charset=utf-8'],
  ['error-message', { error: 'credential_missing', message: 'Authentication credentials were not provided.' }, 'application/json; charset=utf-8'],
  [({ code, statusCode }) => ({ body: { code, statusCode }, type: 'application/vnd.acme+json' }), { code: 'CREDENTIAL_MISSING', statusCode: 401 }, 'application/vnd.acme+json'],
  ['throw', { statusCode: 401, code: 'CREDENTIAL_MISSING', error: 'Unauthorized', message: 'Authentication credentials were not provided.' }, 'application/json; charset=utf-8']
]

t.test('every format has the same status, challenge and no-store, on routes and on unknown paths', async (t) => {
  const rounds = collectRounds()
  const patterns = collectRounds()
  for (const [errors, body, type] of bodies) {
    const { app } = await guard(t, { context: { ...errors !== undefined && { errors } } })
    for (const url of ['/guarded', '/nowhere']) {
      const answer = await app.inject({ url })
      rounds.add(answer.statusCode, 401)
      patterns.add(answer.headers, { 'www-authenticate': CHALLENGE, 'cache-control': 'no-store', 'content-type': type })
      rounds.add(answer.json(), body)
    }
  }
  t.strictSame(rounds.seen, rounds.expected)
  t.match(patterns.seen, patterns.expected)
})

t.test('a HEAD request gets the same headers and no body', async (t) => {
  const rounds = collectRounds()
  for (const [errors] of bodies) {
    const { app } = await guard(t, { context: { ...errors !== undefined && { errors } } })
    const get = await app.inject({ url: '/guarded' })
    const head = await app.inject({ method: 'HEAD', url: '/guarded' })
    rounds.add(head.statusCode, 401)
    rounds.add(head.body, '')
    for (const name of ['www-authenticate', 'cache-control', 'content-type', 'content-length']) rounds.add(head.headers[name], get.headers[name], name)
  }
  t.strictSame(rounds.seen, rounds.expected)
})

const lossy = { type: 'object', properties: { nothing: { type: 'null' } }, additionalProperties: false }

t.test('response schemas, serializers and hooks of the host do not change the body of a refusal', async (t) => {
  const rounds = collectRounds()
  for (const [errors, body] of bodies.filter(([errors]) => errors !== 'throw')) {
    const { app } = await guard(t, {
      context: { ...errors !== undefined && { errors } },
      before (app) {
        app.setReplySerializer(() => 'serialized')
        app.setErrorHandler(async () => ({ handled: true }))
        app.addHook('preSerialization', async () => ({ replaced: true }))
      },
      after: (app) => app.get('/guarded', { schema: { ...secured.schema, response: { '2xx': lossy, '4xx': lossy, 401: lossy, default: lossy } } }, async () => ({}))
    })
    const answer = await app.inject({ url: '/guarded' })
    rounds.add(answer.statusCode, 401)
    rounds.add(answer.json(), body)
    rounds.add(answer.headers['www-authenticate'], CHALLENGE)
  }
  t.strictSame(rounds.seen, rounds.expected)
})

t.test('with errors: \'throw\', the host\'s error handler gets the refusal, with status and headers set', async (t) => {
  const seen: unknown[] = []
  const { app } = await guard(t, {
    context: { errors: 'throw' },
    before: (app) => app.setErrorHandler((error, _request, reply) => {
      seen.push(error)
      return reply.send({ oops: true })
    })
  })
  const rounds = collectRounds()
  const patterns = collectRounds()
  for (const url of ['/guarded', '/nowhere']) {
    const answer = await app.inject({ url })
    rounds.add(answer.statusCode, 401)
    patterns.add(answer.headers, { 'www-authenticate': CHALLENGE, 'cache-control': 'no-store', 'content-type': 'application/json; charset=utf-8' })
    rounds.add(answer.json(), { oops: true })
  }
  t.strictSame(rounds.seen, rounds.expected)
  t.match(patterns.seen, patterns.expected)
  const [error] = seen
  t.ok(error instanceof AccessError)
  t.match(error, { name: 'AccessError', code: 'CREDENTIAL_MISSING', statusCode: 401, headers: { 'www-authenticate': CHALLENGE }, reason: undefined })
})

t.test('with errors: \'throw\', an error handler that fails itself changes only the body', async (t) => {
  const { app } = await guard(t, {
    context: { errors: 'throw' },
    before: (app) => app.setErrorHandler(async (error) => { throw error })
  })
  const answer = await app.inject({ url: '/guarded' })
  t.equal(answer.statusCode, 401)
  t.equal(answer.headers['www-authenticate'], CHALLENGE)
})

t.test('an error handler of the host still gets the host\'s own errors, wherever it is set', async (t) => {
  const fail = (app: FastifyInstance) => app.get('/guarded', secured, async () => { throw new Error('the host\'s') })
  const handle = (app: FastifyInstance) => app.setErrorHandler(async (error, _request, reply) => {
    reply.code(418)
    return { handled: String(error) }
  })
  const rounds = collectRounds()
  for (const setup of [{ before: handle, after: fail }, { after (app: FastifyInstance) { handle(app); fail(app) } }]) {
    const { app } = await guard(t, setup)
    const answer = await app.inject({ url: '/guarded', headers: BEARER })
    rounds.add([answer.statusCode, answer.json()], [418, { handled: 'Error: the host\'s' }])
    isRefusal(t, await app.inject({ url: '/guarded' }), 'CREDENTIAL_MISSING')
  }
  t.strictSame(rounds.seen, rounds.expected)
})

t.test('where a hook of the host fails before the guard, the handler does not run', async (t) => {
  const nothing: unknown = null
  const rounds = collectRounds()
  for (const [hook, status] of [
    [async () => { throw new Error('x') }, 500],
    [async () => { throw nothing }, 500],
    [() => { throw new Error('x') }, 500]
  ] as const) {
    let ran = false
    const { app } = await guard(t, {
      before: (app) => app.addHook('onRequest', hook),
      after: (app) => app.get('/guarded', secured, async () => { ran = true })
    })
    rounds.add((await app.inject({ url: '/guarded', headers: BEARER })).statusCode, status)
    rounds.add(Boolean(ran), false)
  }
  t.strictSame(rounds.seen, rounds.expected)
})

t.test('a reply that the host has sent or hijacked meanwhile is left alone', async (t) => {
  const rounds = collectRounds()
  const patterns = collectRounds()
  for (const answered of [true, false]) {
    let ran = false
    let asked = () => {}
    let answer: (value: undefined) => void = () => {}
    const arrived = new Promise<void>((resolve) => { asked = resolve })
    const { app, log } = await guard(t, {
      auth: { resolvers: [resolverOf(() => { asked(); return new Promise((resolve) => { answer = resolve }) })] },
      before: (app) => app.addHook('onRequest', (_request, reply, done) => {
        arrived.then(() => {
          if (answered) return reply.code(503).send('busy')
          reply.hijack()
          return reply.raw.writeHead(503).end('taken')
        }).then(() => answer(undefined))
        done()
      }),
      after: (app) => app.get('/guarded', secured, async () => { ran = true })
    })
    const { statusCode, body } = await app.inject({ url: '/guarded', headers: BEARER })
    await new Promise(setImmediate)
    rounds.add([statusCode, body], [503, answered ? 'busy' : 'taken'])
    rounds.add(Boolean(ran), false)
    patterns.add(log.text, /CREDENTIAL_INVALID/)
    rounds.add(/FST_ERR_REP_ALREADY_SENT/.test(String(log.text)), false)
  }
  t.strictSame(rounds.seen, rounds.expected)
  t.match(patterns.seen, patterns.expected)
})

t.test('a renderer of the host that fails is replaced, and the refusal stands', async (t) => {
  const circular: Record<string, unknown> = {}
  circular.circular = circular
  const broken: Array<() => unknown> = [
    () => { throw new Error('x') }, () => undefined, () => null, () => 'text', () => ({}), () => ({ body: undefined }), () => ({ body: circular }), () => ({ body: 1n }),
    () => ({ body: Symbol('x') }), () => ({ body: { toJSON () { throw new Error('x') } } }), () => ({ body: {}, type: 5 }), () => ({ body: {}, type: '' }),
    () => ({ body: {}, type: 'text/plain\r\nset-cookie: a=b' }), async () => ({ body: {} }), async () => { throw new Error('x') }
  ]
  for (const renderer of broken) {
    const { app } = await guard(t, { context: { errors: new Proxy(() => ({ body: {} }), { apply: renderer }) } })
    isRefusal(t, await app.inject({ url: '/guarded' }), 'CREDENTIAL_MISSING')
  }
})

t.test('a renderer\'s string with a type is sent as it is, and without one as JSON', async (t) => {
  const plain = await guard(t, { context: { errors: ({ message }) => ({ body: message, type: 'text/plain; charset=utf-8' }) } })
  const answer = await plain.app.inject({ url: '/guarded' })
  t.strictSame([answer.statusCode, answer.headers['content-type'], answer.body], [401, 'text/plain; charset=utf-8', 'Authentication credentials were not provided.'])
  const json = await guard(t, { context: { errors: ({ code }) => ({ body: code }) } })
  t.strictSame((await json.app.inject({ url: '/guarded' })).json(), 'CREDENTIAL_MISSING')
})
