import type { Server } from 'node:http'
import { connect as connectHttp2, constants } from 'node:http2'
import { get as getHttps } from 'node:https'
import { text } from 'node:stream/consumers'
import Fastify, { type FastifyHttpOptions, type FastifyInstance } from 'fastify'
import t from 'tap'
import { allowPlainHttp, auth } from '../../lib/auth/index.js'
import { accessContext } from '../../lib/core/access-context.js'
import { collectRounds } from '../helpers/collect.js'
import { exchange, listen, request } from '../helpers/doors.js'
import { BEARER, GOOD, goodResolver, guard, isRefusal, optional, publicRoute, secured } from '../helpers/guard.js'
import { selfSigned } from '../helpers/tls.js'

const strict = { transport: undefined }
const certificate = selfSigned()

/** Also what the types of Fastify refuse: plain JavaScript does not. */
function trusting (trustProxy: unknown): FastifyHttpOptions<Server> {
  return Object.assign<FastifyHttpOptions<Server>, object>({}, trustProxy === undefined ? {} : { trustProxy })
}

/** A guarded route, for servers of any kind. */
async function api (app: FastifyInstance): Promise<void> {
  await app.register(accessContext)
  await app.register(auth, { resolvers: [goodResolver()], environment: 'production' })
  app.get('/guarded', secured, async ({ principal }) => ({ id: principal?.id }))
}

t.test('plain HTTP is refused on every route but public ones, whatever is presented, without a redirect', async (t) => {
  const { app, resolver } = await guard(t, {
    auth: strict,
    after (app) {
      app.get('/guarded', secured, async () => ({}))
      app.get('/maybe', optional, async () => ({}))
    }
  })
  const port = await listen(app)
  for (const target of ['/guarded', '/maybe', '/nowhere', '/guarded?api_key=x', 'https://localhost/guarded']) {
    for (const lines of [[], [`Authorization: Bearer ${GOOD}`], ['Upgrade-Insecure-Requests: 1'], ['X-Forwarded-Proto: https'], ['Forwarded: proto=https'], ['X-Forwarded-Ssl: on']]) {
      isRefusal(t, await exchange(port, request(`GET ${target} HTTP/1.1`, 'Host: x', 'Connection: close', ...lines)), 'INSECURE_TRANSPORT')
    }
  }
  isRefusal(t, await app.inject({ method: 'HEAD', url: '/guarded' }), 'INSECURE_TRANSPORT', { head: true })
  isRefusal(t, await app.inject({ method: 'OPTIONS', url: '/guarded', headers: { origin: 'x', 'access-control-request-method': 'GET' } }), 'INSECURE_TRANSPORT')
  t.strictSame(resolver.asked, [])
})

t.test('a public route is served over plain HTTP, and no credential is read for it', async (t) => {
  const { app, resolver } = await guard(t, {
    auth: strict,
    before: (app) => app.get('/early', publicRoute, async () => 'served'),
    after (app) {
      app.get('/public', publicRoute, async ({ principal }) => ({ principal }))
      app.options('/public', publicRoute, async () => 'served')
    }
  })
  const port = await listen(app)
  const rounds = collectRounds()
  for (const lines of [[], [`Authorization: Bearer ${GOOD}`], ['Authorization: Bearer']]) {
    const answer = await exchange(port, request('GET /public HTTP/1.1', 'Host: x', 'Connection: close', ...lines))
    rounds.add([answer.status, answer.body], [200, '{"principal":null}'])
  }
  t.strictSame(rounds.seen, rounds.expected)
  t.equal((await app.inject('/early')).body, 'served')
  t.equal((await app.inject({ method: 'HEAD', url: '/public' })).statusCode, 200)
  t.equal((await app.inject({ method: 'OPTIONS', url: '/public' })).body, 'served')
  t.strictSame(resolver.asked, [])
})

t.test('X-Forwarded-Proto counts only from a trusted proxy, and only as https', async (t) => {
  const trusts = [true, '127.0.0.1', ['10.0.0.0/8', '127.0.0.1'], 'loopback', (address: string) => address === '127.0.0.1']
  const suspicious = [false, undefined, '10.0.0.1', ['10.0.0.0/8'], 1, 5, () => false]
  const values: ReadonlyArray<readonly [string | string[] | undefined, boolean]> = [
    ['https', true], ['http, https', true], ['http', false], ['https, http', false], ['javascript', false], ['', false], [undefined, false],
    ['HTTPS', false], ['https;', false], ['"https"', false], ['https,', false], [['https', 'http'], false], ['wss', false], ['https\thttp', false]
  ]
  const rounds = collectRounds()
  for (const [list, trusted] of [[trusts, true], [suspicious, false]] as const) {
    for (const trustProxy of list) {
      const { app } = await guard(t, { auth: strict, fastify: trusting(trustProxy) })
      for (const [value, secure] of values) {
        const answer = await app.inject({ url: '/guarded', remoteAddress: '127.0.0.1', headers: { ...BEARER, ...value !== undefined && { 'x-forwarded-proto': value } } })
        const name = `trustProxy ${String(trustProxy)}: ${String(value)}`
        if (trusted && secure) rounds.add(answer.statusCode, 200, name)
        else { t.comment(name); isRefusal(t, answer, 'INSECURE_TRANSPORT') }
      }
    }
  }
  t.strictSame(rounds.seen, rounds.expected)
})

t.test('a peer that is not the trusted proxy can\'t claim https', async (t) => {
  const { app } = await guard(t, { auth: strict, fastify: { trustProxy: ['10.0.0.1'] } })
  const headers = { ...BEARER, 'x-forwarded-proto': 'https', 'x-forwarded-for': '10.0.0.1' }
  isRefusal(t, await app.inject({ url: '/guarded', headers, remoteAddress: '10.0.0.2' }), 'INSECURE_TRANSPORT')
  t.equal((await app.inject({ url: '/guarded', headers, remoteAddress: '10.0.0.1' })).statusCode, 200)
})

t.test('allowPlainHttp is warned of at boot', async (t) => {
  const warnings = async (transport: typeof allowPlainHttp | undefined) => {
    const { log } = await guard(t, { auth: { transport } })
    return log.entries.filter(({ level }) => level === 40).map(({ msg }) => msg)
  }
  t.match(await warnings(allowPlainHttp), [/^allowPlainHttp: .* never let this run in production$/])
  t.strictSame(await warnings(undefined), [])
})

t.test('over TLS the credential is read', async (t) => {
  const app = Fastify({ https: certificate })
  t.teardown(() => app.close())
  await app.register(api)
  const port = await listen(app)
  const get = (headers: Record<string, string>) => new Promise<{ status: number | undefined, headers: object, body: string }>((resolve, reject) => {
    getHttps({ port, host: '127.0.0.1', path: '/guarded', headers, ca: certificate.cert, servername: 'localhost', agent: false }, (response) => {
      text(response).then((body) => resolve({ status: response.statusCode, headers: response.headers, body }), reject)
    }).on('error', reject)
  })
  t.match(await get(BEARER), { status: 200, body: '{"id":"key-1"}' })
  t.match(await get({}), { status: 401, headers: { 'www-authenticate': 'Bearer realm="api"' } })
  t.match(await get({ ...BEARER, 'x-forwarded-proto': 'http' }), { status: 200 }, 'an untrusted header can\'t take TLS away either')
  t.match((await exchange(port, request('GET /guarded HTTP/1.1', 'Host: x'))).text, /^$/, 'plain text on a TLS port gets nothing')
})

t.test('over HTTP/2, with TLS and without, the rules are the same', async (t) => {
  const ask = async (origin: string, headers: Record<string, string | string[]>) => {
    const session = connectHttp2(origin, { ca: certificate.cert, servername: 'localhost' })
    try {
      const stream = session.request({ [constants.HTTP2_HEADER_PATH]: '/guarded', ...headers })
      const status = await new Promise((resolve, reject) => stream.once('error', reject).once('response', (headers) => resolve([headers[':status'], headers['www-authenticate']])))
      stream.resume()
      return status
    } finally {
      session.close()
    }
  }
  const secure = Fastify({ http2: true, https: certificate })
  const plain = Fastify({ http2: true })
  t.teardown(() => Promise.all([secure.close(), plain.close()]))
  await secure.register(api)
  await plain.register(api)
  const loopback = { port: 0, host: '127.0.0.1' }
  const rounds = collectRounds()
  for (const [origin, encrypted] of [[await secure.listen(loopback), true], [await plain.listen(loopback), false]] as const) {
    const expected = (secure: unknown[]) => encrypted ? secure : [403, undefined]
    rounds.add(await ask(origin, BEARER), expected([200, undefined]))
    rounds.add(await ask(origin, {}), expected([401, 'Bearer realm="api"']))
    rounds.add(await ask(origin, { authorization: 'bearer wrong' }), expected([401, 'Bearer realm="api", error="invalid_token"']))
    rounds.add(await ask(origin, { authorization: `Bearer\t${GOOD}` }), expected([400, 'Bearer realm="api", error="invalid_request"']))
    rounds.add(await ask(origin, { ...BEARER, ':authority': 'evil.example.com' }), expected([200, undefined]))
  }
  t.strictSame(rounds.seen, rounds.expected)
})

t.test('the first refusal of plain HTTP logs both fixes, and later ones do not', async (t) => {
  const { app, log } = await guard(t, { auth: { transport: undefined } })
  for (let i = 0; i < 3; i++) isRefusal(t, await app.inject('/guarded'), 'INSECURE_TRANSPORT')
  const lines = log.entries.filter(({ msg }) => String(msg).startsWith('plain HTTP is refused'))
  t.match(lines, [{ level: 40, msg: /^plain HTTP is refused: behind a proxy that ends TLS, set trustProxy of Fastify to its address; .* write transport: allowPlainHttp/ }])
  t.equal(lines.length, 1)
})
