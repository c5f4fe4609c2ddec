import type { IncomingMessage } from 'node:http'
import fc from 'fast-check'
import type { FastifyInstance } from 'fastify'
import t from 'tap'
import { collectRounds } from '../helpers/collect.js'
import { scopes, platform } from '../helpers/platform.js'
import { exchange, listen, request } from '../helpers/doors.js'
import '../helpers/seed.js'

const METHODS = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS', 'TRACE'] as const

/** Guarded routes of every shape; each answers 200 to whom it lets in. */
const PATHS = ['/', '/devices', '/devices/1', '/v1', '/v1/', '/v1/deep/er', '/wild/a/b', '/all', '/several', '/optional/', '/versioned', '/CaSe']
const secure = scopes.secure('devices:manage')

function shapes (app: FastifyInstance): void {
  const answer = async () => ({ let: 'in' })
  app.get('/', { schema: secure }, answer)
  app.get('/devices', { schema: secure }, answer)
  app.route({ method: ['GET', 'POST', 'DELETE'], url: '/devices/:id', schema: secure, handler: answer })
  app.register(async (child) => {
    child.get('/', { schema: secure }, answer)
    child.register(async (deep) => { deep.put('/er', { schema: secure }, answer) }, { prefix: '/deep' })
  }, { prefix: '/v1' })
  app.get('/wild/*', { schema: secure }, answer)
  app.all('/all', { schema: secure }, answer)
  app.route({ method: ['GET', 'OPTIONS'], url: '/several', schema: secure, handler: answer })
  app.get('/optional/:name?', { schema: secure }, answer)
  app.get('/versioned', { schema: secure, constraints: { version: '1.2.0' } }, answer)
  app.get('/CaSe', { schema: secure }, answer)
}

const settings = { routes: shapes, limits: false, failures: false } as const
const loose = { caseSensitive: false, ignoreTrailingSlash: true, ignoreDuplicateSlashes: true, useSemicolonDelimiter: true }

/** `inject` would tidy a target up, or refuse it: the real one comes in a header. */
const rewriteUrl = ({ headers: { 'x-target': target }, url = '/' }: IncomingMessage) => typeof target === 'string' ? target : url
const hosts = await Promise.all([platform(t, { ...settings, fastify: { rewriteUrl } }), platform(t, { ...settings, fastify: { rewriteUrl, routerOptions: loose } })])
await Promise.all(hosts.map(({ app }) => app.ready()))
const strict = fc.boolean()
const [exact, lenient] = hosts

/** Spellings of a path that a router, a proxy or a cache may take for the same. */
const spelling = fc.tuple(fc.constantFrom(...PATHS), fc.array(fc.tuple(fc.nat(40), fc.constantFrom('encode', 'Encode', 'case', '/', '//', '/./', '/x/../', '?', '#', ';', '%2f', '%00', '%25', '\\', ' ', '%', '*', '.')), { maxLength: 4 })).map(([path, edits]) => {
  let text = path
  for (const [at, edit] of edits) {
    const i = at % (text.length + 1)
    const here = text.charAt(i)
    const code = here.charCodeAt(0).toString(16)
    if (edit === 'encode' || edit === 'Encode') text = here === '' ? text : `${text.slice(0, i)}%${edit === 'Encode' ? code.toUpperCase() : code}${text.slice(i + 1)}`
    else if (edit === 'case') text = text.slice(0, i) + (here === here.toUpperCase() ? here.toLowerCase() : here.toUpperCase()) + text.slice(i + 1)
    else text = text.slice(0, i) + edit + text.slice(i)
  }
  return text.startsWith('/') ? text : `/${text}`
})

const printable = fc.stringMatching(/^[\x21-\x7e]{0,20}$/)
const header = fc.oneof(
  fc.tuple(fc.constantFrom('Origin', 'Access-Control-Request-Method', 'X-HTTP-Method-Override', 'X-Original-URL', 'X-Rewrite-URL', 'X-Forwarded-Proto', 'X-Forwarded-For', 'X-Forwarded-Prefix', 'Accept-Version', 'Upgrade-Insecure-Requests', 'Proxy-Authorization', 'Cookie', 'X-Api-Key', 'Content-Type', 'Expect'), fc.constantFrom('GET', 'OPTIONS', '/health', 'https', '127.0.0.1', '1.2.0', '1.x', 'application/json', 'https://app.example.com', 'Bearer x')),
  fc.tuple(fc.constantFrom('__proto__', 'constructor', 'toString', 'principal'), printable)
)

/** Nearly a key: an edit or two away from one that would be let in, or a good key that lacks the scope. */
const nearly = fc.oneof(
  fc.tuple(fc.nat(200), fc.nat(200), printable).map(([at, cut, insert]) => (text: string) => {
    const i = at % (text.length + 1)
    const mutated = text.slice(0, i) + insert + text.slice(i + (cut % 3))
    return mutated === text ? text.slice(1) : mutated
  }),
  fc.constantFrom<(text: string) => string>(
    (text) => text.toUpperCase(), (text) => text.toLowerCase(), (text) => text.split('').reverse().join(''), (text) => `${text}=`, (text) => `${text}${text}`,
  (text) => text.replace('live', 'test'), (text) => text.slice(0, -1), (text) => text.slice(0, -6), () => '', () => 'undefined', () => 'null', () => '[object Object]', () => '*'
  )
)

/** What a caller without a sufficient credential may put into Authorization; undefined for nothing. */
const presented = fc.oneof(
  fc.constant(() => undefined),
  fc.tuple(fc.constantFrom('Bearer ', 'bearer  ', 'Basic ', 'Bearer\t', 'Bearer', ''), nearly).map(([scheme, mutate]) => (key: string) => scheme + mutate(key)),
  fc.constantFrom<(key: string) => string>((key) => `Basic ${Buffer.from(`${key}:`).toString('base64')}`, (key) => `Bearer ${key},${key}`, (key) => `Bearer token=${key}`, (key) => key)
)
const insufficient = fc.constantFrom('reader', 'other', 'sandbox', 'expired')

t.test('no spelling of a path gets anything without a credential', async (t) => {
  let found = 0
  await fc.assert(fc.asyncProperty(strict, fc.constantFrom(...METHODS), spelling, fc.array(header, { maxLength: 3 }), async (strict, method, url, headers) => {
    const { app } = strict ? exact : lenient
    const { statusCode } = await app.inject({ method, url: '/', headers: { ...Object.fromEntries(headers), 'x-target': url } })
    found += statusCode === 401 ? 1 : 0
    return statusCode >= 400
  }), { numRuns: 1500 })
  t.ok(found > 1000, `${found} were 401`)
})

t.test('no request without a sufficient credential is let in, whatever it looks like', async (t) => {
  const query = fc.oneof(fc.constant(''), fc.webQueryParameters({ size: 'small' }).map((text) => `?${text}`), fc.constantFrom('?access_token=KEY', '?api_key=KEY', '?__proto__[principal]=x', '?constructor.prototype.principal=1', ';access_token=KEY'))
  await fc.assert(fc.asyncProperty(strict, fc.constantFrom(...METHODS), fc.oneof(fc.constantFrom(...PATHS), spelling), query, fc.array(header, { maxLength: 3 }), presented, async (strict, method, url, query, headers, present) => {
    const { app, texts } = strict ? exact : lenient
    const authorization = present(texts.manager)
    const answer = await app.inject({ method, url: '/', headers: { ...Object.fromEntries(headers), 'x-target': url + query.replace('KEY', texts.manager), ...authorization !== undefined && { authorization } } })
    return answer.statusCode >= 400 && !answer.body.includes('let') && !answer.body.includes(texts.manager)
  }), { numRuns: 2500 })
  t.pass()
})

t.test('no key that lacks the scope, the environment or the time is let in', async (t) => {
  await fc.assert(fc.asyncProperty(strict, fc.constantFrom(...METHODS), fc.oneof(fc.constantFrom(...PATHS), spelling), fc.array(header, { maxLength: 3 }), insufficient, async (strict, method, url, headers, name) => {
    const { app, bearer } = strict ? exact : lenient
    const { statusCode, body } = await app.inject({ method, url: '/', headers: { ...Object.fromEntries(headers), 'x-target': url, ...bearer(name) } })
    return statusCode >= 400 && !body.includes('let')
  }), { numRuns: 1500 })
  t.pass()
})

t.test('the same paths do let in who has the scope, so that the properties say something', async (t) => {
  const rounds = collectRounds()
  for (const { app, bearer } of hosts) {
    for (const path of PATHS) {
      const method = path === '/v1/deep/er' ? 'PUT' : 'GET'
      const { statusCode } = await app.inject({ method, url: path, headers: { ...bearer('manager'), ...path === '/versioned' && { 'accept-version': '1.x' } } })
      rounds.add(statusCode, 200, path)
    }
  }
  t.strictSame(rounds.seen, rounds.expected)
})

t.test('over a socket, no octets get in without a credential', async (t) => {
  const { app, texts } = await platform(t, settings)
  const port = await listen(app)
  const octet = fc.integer({ min: 1, max: 255 }).filter((code) => code !== 10 && code !== 13).map((code) => String.fromCharCode(code))
  const line = fc.oneof(fc.string({ unit: octet, maxLength: 30 }), fc.tuple(fc.constantFrom('Authorization', 'authorization', 'AUTHORIZATION '), fc.constantFrom(':', ': ', ':\t'), presented).map(([name, colon, present]) => `${name}${colon}${present(texts.manager) ?? ''}`))
  await fc.assert(fc.asyncProperty(fc.constantFrom(...METHODS), fc.oneof(fc.constantFrom(...PATHS), spelling), fc.constantFrom('HTTP/1.1', 'HTTP/1.0'), fc.array(line, { maxLength: 3 }), async (method, target, version, lines) => {
    const { status, text } = await exchange(port, request(`${method} ${target} ${version}`, 'Host: x', 'Connection: close', ...lines))
    return (status >= 400 || text === '') && !text.includes('"let"')
  }), { numRuns: 300 })
  t.pass()
})
