import { connect, type Socket } from 'node:net'
import Fastify from 'fastify'
import fc from 'fast-check'
import t from 'tap'
import { allowPlainHttp, auth } from 'fastify-latchkey/auth'
import { accessContext } from 'fastify-latchkey'
import { routeUpgrades, serverOptions, upgradeOf } from 'fastify-latchkey/server'
import { exchange, listen, request } from '../helpers/doors.js'
import { GOOD, goodResolver, publicRoute, secured } from '../helpers/guard.js'
import '../helpers/seed.js'

const ticks = async (count: number) => { for (let i = 0; i < count; i++) await new Promise(setImmediate) }

let guardedRuns = 0
const app = Fastify(serverOptions({ logger: false, http: { connectionsCheckingInterval: 50 }, requestTimeout: 2_000 }))
await app.register(accessContext)
await app.register(auth, { resolvers: [goodResolver()], environment: 'production', transport: allowPlainHttp, failures: false })
app.all('/public', publicRoute, async () => 'public')
app.get('/slow', publicRoute, async () => { await ticks(5); return 'slow' })
app.post('/body', publicRoute, async ({ body }) => ({ body }))
app.all('/guarded', secured, async () => { guardedRuns++; return 'guarded' })
for (const [url, options] of [['/socket', secured], ['/public-socket', publicRoute]] as const) {
  app.get(url, options, (request, reply) => {
    if (url === '/socket') guardedRuns++
    const upgrade = upgradeOf(request)
    if (upgrade === undefined) {
      reply.code(426).send()
      return
    }
    reply.hijack()
    upgrade.socket.write('HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n')
    upgrade.socket.write(upgrade.head)
    upgrade.socket.pipe(upgrade.socket)
  })
}
routeUpgrades(app)
const port = await listen(app)
t.teardown(() => app.close())

const target = fc.constantFrom('/public', '/slow', '/body', '/guarded', '/socket', '/public-socket', '/unknown', '/%zz', '*', '')
const method = fc.constantFrom('GET', 'GET', 'POST', 'HEAD', 'OPTIONS', 'CONNECT', 'PURGE')
const fields = fc.subarray([
  ['Connection: upgrade', 'Upgrade: x'], ['Connection: close'], ['Connection: keep-alive, Upgrade', 'Upgrade: websocket'],
  [`Authorization: Bearer ${GOOD}`], ['Authorization: Bearer wrong'], ['Expect: 100-continue'], ['Content-Type: application/json']
])
const body = fc.constantFrom<[field: string, content: string]>(
  ['', ''], ['', ''], ['Content-Length: 2', '{}'], ['Content-Length: 9', '{'], ['Content-Length: 2', '{}more'],
  ['Transfer-Encoding: chunked', '2\r\n{}\r\n0\r\n\r\n'], ['Transfer-Encoding: chunked', '2\r\n{'], ['Transfer-Encoding: chunked', 'zz\r\n']
)
const message = fc.tuple(method, target, fields, body).map(([method, target, fields, [field, content]]) =>
  request(`${method} ${target} HTTP/1.1`, 'Host: a', ...fields.flat(), ...field === '' ? [] : [field]) + content)
const piece = fc.oneof(
  { weight: 8, arbitrary: message },
  { weight: 1, arbitrary: message.chain((text) => fc.nat(text.length).map((end) => text.slice(0, end))) },
  { weight: 1, arbitrary: fc.constantFrom('\r\n', '\0', 'GET', '\x81\x02hi', 'HTTP/1.1 200 OK\r\n\r\n') }
)
const connection = fc.record({
  pieces: fc.array(piece, { minLength: 1, maxLength: 5 }),
  cuts: fc.array(fc.record({ at: fc.double({ min: 0, max: 1, noNaN: true }), wait: fc.nat(4) }), { maxLength: 3 }),
  wait: fc.nat(12),
  end: fc.constantFrom('half-close', 'close', 'reset')
})

async function send (socket: Socket, bytes: string, cuts: ReadonlyArray<{ at: number, wait: number }>): Promise<void> {
  let sent = 0
  for (const { at, wait } of cuts.toSorted((a, b) => a.at - b.at)) {
    const end = Math.floor(at * bytes.length)
    socket.write(bytes.slice(sent, end), 'latin1')
    sent = end
    await ticks(wait)
  }
  socket.write(bytes.slice(sent), 'latin1')
}

t.test('no sequence of requests, upgrades and ends of a connection ends the server or gets past the guard', async (t) => {
  await fc.assert(fc.asyncProperty(connection, async ({ pieces, cuts, wait, end }) => {
    const bytes = pieces.join('')
    const before = guardedRuns
    let stuck = false
    const socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true })
    const closed = new Promise((resolve) => socket.once('close', resolve))
    socket.on('error', () => {}).resume()
    await send(socket, bytes, cuts)
    await ticks(wait)
    if (end === 'half-close') socket.end()
    else if (end === 'reset') socket.resetAndDestroy()
    else if (end === 'close') socket.destroy()
    const open = setTimeout(() => socket.destroy(new Error('open')), 4_000)
    socket.once('error', (error) => { if (error.message === 'open') stuck = true })
    await closed
    clearTimeout(open)
    if (stuck) throw new Error('the server did not close a connection that its client had closed')
    await ticks(4)
    if (!bytes.includes(GOOD) && guardedRuns !== before) throw new Error('a guarded handler ran without the credential')
  }), { numRuns: Number(process.env.FUZZ_RUNS ?? 600) })
  const answer = await exchange(port, request('GET /public HTTP/1.1', 'Host: a', 'Connection: close'))
  t.equal(answer.body, 'public', 'the server goes on')
  while (await new Promise<number>((resolve) => app.server.getConnections((_error, open) => resolve(open))) > 0) await ticks(1)
})
