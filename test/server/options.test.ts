import Fastify, { LogController, type FastifyServerOptions } from 'fastify'
import { bearer, header } from 'fastify-latchkey'
import { pino } from 'pino'
import t from 'tap'
import { loggerOptions, serverOptions } from 'fastify-latchkey/server'
import { logControllerOption } from '../../lib/server/log-controller.js'
import { collectRounds } from '../helpers/collect.js'
import { exchange, keepLines, listen, request } from '../helpers/doors.js'

const get = (target: string) => request(`GET ${target} HTTP/1.1`, 'Host: api.example.com', 'Authorization: Bearer secret-credential', 'Cookie: session=secret-cookie', 'Connection: close')

t.test('the request log shows method, path, host and address, and neither query, fragment nor header', async (t) => {
  const log = keepLines()
  const app = Fastify(serverOptions({ logger: { level: 'trace', stream: log.stream } }))
  app.get('/devices', async () => ({}))
  const port = await listen(app)
  t.teardown(() => app.close())

  t.equal((await exchange(port, get('/devices?api_key=secret-query#secret-fragment'))).status, 200)
  const entry = log.entries.find(({ msg }) => msg === 'incoming request')
  t.strictSame(entry?.req, { method: 'GET', url: '/devices', host: 'api.example.com', remoteAddress: '127.0.0.1' })
  t.notMatch(log.text, 'secret')
})

t.test('the request log shows no port that a proxy writes into X-Forwarded-For', async (t) => {
  const log = keepLines()
  const app = Fastify(serverOptions({ logger: { stream: log.stream }, trustProxy: '127.0.0.1' }))
  t.teardown(() => app.close())
  await app.inject({ url: '/', remoteAddress: '127.0.0.1', headers: { 'x-forwarded-for': '203.0.113.7:1234' } })
  t.match(log.entries.find(({ msg }) => msg === 'incoming request')?.req, { remoteAddress: '203.0.113.7' })
})

t.test('a raw request that the host logs shows no more', async (t) => {
  const log = keepLines()
  const app = Fastify(serverOptions({ logger: { stream: log.stream } }))
  app.get('/devices', async ({ log, raw }) => { log.info(raw, 'raw') })
  const port = await listen(app)
  t.teardown(() => app.close())

  await exchange(port, get('/devices?api_key=secret-query'))
  app.log.info({ req: {} }, 'nothing')
  t.strictSame(log.entries.find(({ msg }) => msg === 'raw')?.req, { method: 'GET', url: '/devices' })
  t.strictSame(log.entries.find(({ msg }) => msg === 'nothing')?.req, { url: '' })
  t.notMatch(log.text, 'secret')
})

t.test('an error shows type, code, status, message and stack, and no other properties', async (t) => {
  const log = keepLines()
  const app = Fastify(serverOptions({ logger: { stream: log.stream } }))
  const fault = Object.assign(new TypeError('GET http://u:secret@upstream/x?key=secret failed', { cause: new Error('secret') }), {
    code: 'E_UPSTREAM',
    statusCode: 502,
    config: { headers: { authorization: 'Bearer secret-credential' } },
    rawPacket: Buffer.from('secret'),
    command: { name: 'set', args: ['secret'] }
  })
  app.log.error(fault)
  app.log.error({ err: fault }, 'second')
  app.log.error({ error: fault }, 'third')
  app.log.error({ err: { message: 'thrown /x?secret', headers: 'secret' } }, 'no error')
  app.log.error({ err: 'thrown /x?secret' }, 'a string')
  app.log.error({ err: null, error: Symbol('secret') }, 'neither')

  const shown = { type: 'TypeError', code: 'E_UPSTREAM', statusCode: 502, message: 'GET http://…@upstream/x?… failed' }
  const [first, second, third, thrown, text, neither] = log.entries
  t.match(first, { err: shown, msg: shown.message })
  t.match(second, { err: shown, msg: 'second' })
  t.match(third, { error: shown, msg: 'third' })
  t.strictSame(Object.keys(Object(second?.err)), ['type', 'code', 'statusCode', 'message', 'stack'])
  t.strictSame(thrown?.err, { message: 'thrown /x?…' })
  t.equal(text?.err, 'thrown /x?…')
  t.equal(neither?.error, undefined)
  t.notMatch(log.text, 'secret')
})

t.test('the error that a handler throws is logged with a redacted message, at the level of its status', async (t) => {
  const log = keepLines()
  const app = Fastify(serverOptions({ logger: { stream: log.stream } }))
  app.get('/broken', async () => { throw new Error('at /x?secret') })
  app.get('/teapot', async () => { throw Object.assign(new Error('short'), { statusCode: 418 }) })
  const nothing: unknown = null
  app.get('/nothing', async () => { throw nothing })
  const port = await listen(app)
  t.teardown(() => app.close())

  t.equal((await exchange(port, get('/nothing'))).status, 500)
  t.equal((await exchange(port, get('/broken'))).status, 500)
  t.equal((await exchange(port, get('/teapot'))).status, 418)
  t.match(log.entries.find(({ msg }) => msg === 'at /x?…'), { level: 50, req: { url: '/broken' }, res: { statusCode: 500 }, err: { message: 'at /x?…' } })
  t.match(log.entries.find(({ msg }) => msg === 'short'), { level: 30, res: { statusCode: 418 }, err: { message: 'short' } })
  t.notMatch(log.text, 'secret')
})

t.test('a route that is not found is logged by its path', async (t) => {
  const log = keepLines()
  const app = Fastify(serverOptions({ logger: { stream: log.stream } }))
  const port = await listen(app)
  t.teardown(() => app.close())

  await exchange(port, get('/nowhere;k=secret-parameter?k=secret'))
  t.ok(log.entries.some(({ msg }) => msg === 'Route GET:/nowhere not found'))
  t.notMatch(log.text, 'secret')
})

t.test('requests that the host does not log stay unlogged', async (t) => {
  const log = keepLines()
  const app = Fastify(serverOptions({ logger: { stream: log.stream }, disableRequestLogging: true }))
  app.get('/broken', async () => { throw new Error('unlogged') })
  const port = await listen(app)
  t.teardown(() => app.close())

  await exchange(port, get('/nowhere'))
  await exchange(port, get('/broken'))
  t.strictSame(log.entries.filter(({ msg }) => !String(msg).startsWith('Server listening')), [])
})

t.test('credentials in header objects that the host logs are redacted, with what the host redacts itself', async (t) => {
  const headers = { authorization: 'secret', cookie: 'secret', 'set-cookie': 'secret', 'proxy-authorization': 'secret', 'x-api-key': 'secret', 'api-key': 'secret', apikey: 'secret', 'x-acme': 'secret', accept: '*/*' }
  const credentials = [bearer(), header('X-Acme')]
  const rounds = collectRounds()
  const patterns = collectRounds()
  for (const redact of [undefined, ['password'], { paths: ['password'], remove: true }]) {
    const log = keepLines()
    const app = Fastify(serverOptions({ logger: { stream: log.stream, ...redact !== undefined && { redact } } }, { credentials }))
    app.log.info(headers)
    app.log.info({ headers, password: redact === undefined ? '' : 'secret' })
    app.log.info({ request: { headers } })
    app.log.info({ res: { headers } })
    rounds.add(String(log.text).includes('secret'), false)
    patterns.add(log.entries[1], { headers: { accept: '*/*' } })
  }
  t.strictSame(rounds.seen, rounds.expected)
  t.match(patterns.seen, patterns.expected)
})

t.test('secrets of another system, which were imported, are kept out of every line, which stays JSON', async (t) => {
  const secrets = ['oldsys_SecretNo1', 'old"$/SecretNo2', 'SecretNo3AbcdefghijAbcd', '/SecretNo4+abcde==', '8123456789012']
  const formats = {
    oldsys: { prefix: 'oldsys_' },
    quoted: { prefix: 'old"$/' },
    letters: { pattern: /^SecretNo3[a-z]{14}$/gi },
    base64: { pattern: /\/[\w+/]+==/ },
    digits: { pattern: /\d{13}/ },
    numbered: { prefix: '1234567' }
  }
  const log = keepLines()
  const app = Fastify(serverOptions({ logger: { stream: log.stream } }, { formats }))
  app.get('/d/:secret', async (request) => { request.log.info({ raw: ['x-key', ...secrets] }, `refused ${secrets.join(' and ')}`) })
  t.equal((await app.inject(`/d/${secrets[0]}`)).statusCode, 200)
  app.log.info({ ...secrets, nested: JSON.stringify({ secret: secrets[4] }), count: 1234567890123 }, 'oldsys and 812345678901')
  t.notMatch(log.text, /SecretNo|8123456789012/)
  t.match(log.entries, [
    { req: { url: '/d/…' } },
    { time: Number, raw: ['x-key', '…', '…', '…', '…', '…'], msg: 'refused … and … and … and … and …' },
    { msg: 'request completed' },
    { 0: '…', 4: '…', nested: '{"secret":"…"}', count: 1234567890123, msg: 'oldsys and 812345678901' }
  ])
})

t.test('the host\'s serializers replace those of the same name, and their output is redacted', async (t) => {
  const log = keepLines()
  const app = Fastify(serverOptions({
    logger: {
      stream: log.stream,
      serializers: {
        req: ({ url, headers }) => ({ url, agent: headers['user-agent'], headers }),
        res: ({ statusCode }) => ({ statusCode, mine: true })
      }
    }
  }))
  app.get('/devices', async () => ({}))
  const port = await listen(app)
  t.teardown(() => app.close())

  await exchange(port, get('/devices?api_key=secret-query'))
  t.match(log.entries.find(({ msg }) => msg === 'incoming request'), { req: { url: '/devices?…', headers: { authorization: '[Redacted]' } } })
  t.match(log.entries.find(({ msg }) => msg === 'request completed'), { res: { statusCode: 200, mine: true } })
  t.notMatch(log.text, 'secret')
})

t.test('the host\'s own streamWrite runs before the line is redacted', async (t) => {
  const log = keepLines()
  const app = Fastify(serverOptions({ logger: { stream: log.stream, hooks: { streamWrite: (line: string) => line.replace('"ping"', '"at /x?secret"') } } }))
  app.log.info('ping')
  t.equal(log.entries[0]?.msg, 'at /x?…')
})

t.test('a logger instance of the host gets the serializers; created with loggerOptions, its lines are redacted too', async (t) => {
  const rounds = collectRounds()
  const patterns = collectRounds()
  for (const own of [false, true]) {
    const log = keepLines()
    const options = own ? { level: 'trace' } : loggerOptions({ level: 'trace' })
    const app = Fastify(serverOptions({ loggerInstance: pino(options, log.stream) }))
    app.get('/broken', async () => { throw Object.assign(new Error('at /x?secret'), { command: 'secret' }) })
    const port = await listen(app)
    t.teardown(() => app.close())

    await exchange(port, get('/broken?k=secret'))
    await exchange(port, get('/nowhere?k=secret'))
    patterns.add(log.entries.find(({ msg }) => msg === 'incoming request'), { level: 30, req: { url: '/broken' } })
    rounds.add(log.entries.some(({ msg }) => msg === 'Route GET:/nowhere not found'), true)
    rounds.add(String(log.text).includes('secret'), false)
    app.log.info('and /y?secret')
    rounds.add(log.text.includes('secret'), own)
  }
  t.strictSame(rounds.seen, rounds.expected)
  t.match(patterns.seen, patterns.expected)
})

t.test('without a logger nothing is logged, and a wrong one is refused as Fastify refuses it', async (t) => {
  t.equal(serverOptions({ logger: false }).logger, false)
  t.notOk('logger' in serverOptions({}))
  // @ts-expect-error: a logger is not the options of one
  const wrong = serverOptions({ logger: pino() })
  t.throws(() => Fastify(wrong), { code: 'FST_ERR_LOG_INVALID_LOGGER_CONFIG' })
})

t.test('logger: true logs to standard output', async (t) => {
  const { logger } = serverOptions({ logger: true })
  t.match(logger, { serializers: Object, redact: Array, hooks: { streamWrite: Function } })
})

t.test('options of the host replace ours, and its options object is not changed', async (t) => {
  const frameworkErrors = () => {}
  const clientErrorHandler = () => {}
  const logController = new LogController()
  const options = Object.freeze({ logger: Object.freeze({ level: 'warn', redact: Object.freeze(['password']).slice() }), frameworkErrors, clientErrorHandler, logController, bodyLimit: 10 })
  const composed = serverOptions(options)
  t.match(composed, { frameworkErrors, clientErrorHandler, logController, bodyLimit: 10, logger: { level: 'warn' } })
  t.equal(composed.logController, logController)
})

t.test('the types fit every kind of server', async (t) => {
  const http = Fastify(serverOptions({ logger: false, genReqId: (req) => String(req.url?.length), trustProxy: '127.0.0.1' }))
  const https = Fastify(serverOptions({ https: {}, logger: false }))
  const http2 = Fastify(serverOptions({ http2: true, https: { allowHTTP1: true }, logger: false }))
  const instance = Fastify(serverOptions({ loggerInstance: pino({ level: 'silent' }) }))
  t.equal(typeof instance.log.info, 'function')
  for (const app of [http, https, http2, instance]) await app.close()
})

t.test('a Fastify without log controllers is given none', async (t) => {
  t.strictSame(logControllerOption(undefined, {}), {})
})

t.test('serverOptions warns of a trustProxy that trusts nobody, or everybody', async (t) => {
  const warnings: string[] = []
  const listen = ({ message }: Error): void => { warnings.push(message) }
  process.on('warning', listen)
  t.teardown(() => process.off('warning', listen))
  const trusting = (trustProxy: unknown) => Object.assign<FastifyServerOptions, object>({}, { trustProxy })
  for (const trustProxy of [false, '127.0.0.1', 1, true]) serverOptions(trusting(trustProxy))
  await new Promise(setImmediate)
  t.match(warnings, [/^trustProxy is a number, .* set it to the addresses of your proxies instead$/, /^trustProxy is true: any client /])
})
