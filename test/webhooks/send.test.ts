import { createServer } from 'node:http'
import { once } from 'node:events'
import t from 'tap'
import { createSend, type SendDeps } from '../../lib/webhooks/send.js'
import { collectRounds } from '../helpers/collect.js'
import { startReceiver } from '../helpers/receiver.js'

const receiver = await startReceiver(t)
const message = { headers: { 'webhook-id': 'evt_1' }, body: '{"ä":1}' }
const sender = (terms: Partial<SendDeps> = {}) => createSend({ signal: new AbortController().signal, anywhere: true, resolve: async () => ['127.0.0.1'], deadline: 10, ca: receiver.cert, ...terms })
const impatient = sender({ deadline: 0.3 })

t.test('a request is what was given, as a POST on a connection of its own', async (t) => {
  t.strictSame(await sender()({ url: receiver.url('/ok?a=1'), ...message }), { status: 204, retryAfter: undefined })
  t.match(receiver.received, [{ path: '/ok?a=1', body: message.body, headers: { 'webhook-id': 'evt_1', connection: 'close', 'content-length': '8' } }])
})

t.test('receivers that misbehave', async (t) => {
  const rounds = collectRounds()
  for (const [path, answer] of Object.entries({
    '/redirect': { status: 302, retryAfter: undefined },
    '/gone': { status: 410, retryAfter: undefined },
    '/busy': { status: 429, retryAfter: '700' },
    '/broken': { status: 500, retryAfter: undefined },
    '/huge-headers': { failure: 'unreachable' },
    '/reset': { failure: 'unreachable' },
    '/upgrade': { status: 101 },
    '/endless': { status: 200, retryAfter: undefined },
    '/endless-500': { status: 500, retryAfter: undefined },
    '/cut': { status: 200, retryAfter: undefined }
  })) rounds.add(await sender()({ url: receiver.url(path), ...message }), answer, path)
  t.equal(receiver.received.filter(({ path }) => path === '/ok').length, 0, 'redirects are not followed')
  for (const [path, answer] of Object.entries({
    '/silent': { failure: 'timeout' },
    '/slow-headers': { failure: 'timeout' },
    '/stalls': { status: 200, retryAfter: undefined }
  })) rounds.add(await impatient({ url: receiver.url(path), ...message }), answer, path)
  t.strictSame(rounds.seen, rounds.expected)
  const hangs = sender({ deadline: 0.1, resolve: () => new Promise<never>(() => {}) })
  t.strictSame(await hangs({ url: receiver.url(), ...message }), { failure: 'timeout' }, 'a name that nobody answers for')
})

t.test('an attempt that begins while the server closes is not made', async (t) => {
  const before = receiver.received.length
  t.equal(await sender({ signal: AbortSignal.abort() })({ url: receiver.url(), ...message }), undefined)
  t.equal(receiver.received.length, before)
})

t.test('an endless response is cut long before the deadline', async (t) => {
  const began = performance.now()
  t.match(await sender({ deadline: 60 })({ url: receiver.url('/endless'), ...message }), { status: 200 })
  t.ok(performance.now() - began < 30_000)
})

t.test('certificates must be valid', async (t) => {
  t.strictSame(await sender({ ca: undefined })({ url: receiver.url(), ...message }), { failure: 'insecure' })
  t.strictSame(await sender()({ url: receiver.url().replace('localhost', 'example.com'), ...message }), { failure: 'insecure' }, 'of another name')
  const plain = createServer().listen(0, '127.0.0.1')
  t.teardown(() => plain.close())
  await once(plain, 'listening')
  const address = plain.address()
  const port = typeof address === 'object' ? address?.port : 0
  t.strictSame(await sender()({ url: `https://localhost:${port}/`, ...message }), { failure: 'insecure' }, 'no TLS at all')
  plain.on('request', (_request, response) => response.end())
  t.strictSame(await sender()({ url: `http://localhost:${port}/`, ...message }), { status: 200, retryAfter: undefined }, 'plain HTTP where everything is allowed')
})

t.test('the address is checked when it is used', async (t) => {
  const strict = (...addresses: string[]) => createSend({ signal: new AbortController().signal, anywhere: false, resolve: async () => addresses, deadline: 10 })
  const forbidden = { failure: 'forbidden-address' }
  const rounds = collectRounds()
  for (const address of ['127.0.0.1', '10.0.0.1', '169.254.169.254', '::1', '::ffff:127.0.0.1', '64:ff9b::7f00:1', 'fe80::1']) {
    rounds.add(await strict(address)({ url: 'https://example.com/', ...message }), forbidden, address)
    rounds.add(await strict('8.8.8.8', address)({ url: 'https://example.com/', ...message }), forbidden, `8.8.8.8 and ${address}`)
  }
  t.strictSame(await strict()({ url: 'https://example.com/', ...message }), forbidden, 'none')
  for (const url of ['https://127.0.0.1/', 'https://2130706433/', 'https://[::ffff:7f00:1]/', 'http://example.com/', 'https://example.com:8443/']) rounds.add(await strict('8.8.8.8')({ url, ...message }), forbidden, url)
  t.strictSame(rounds.seen, rounds.expected)
  t.strictSame(await createSend({ signal: new AbortController().signal, anywhere: false, resolve: async () => { throw Object.assign(new Error('no'), { code: 'ENOTFOUND' }) }, deadline: 10 })({ url: 'https://example.com/', ...message }), { failure: 'unreachable' })
})
