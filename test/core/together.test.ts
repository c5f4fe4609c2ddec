import { AsyncLocalStorage } from 'node:async_hooks'
import { connect, type Socket } from 'node:net'
import { PassThrough, Writable } from 'node:stream'
import { setImmediate as turn } from 'node:timers/promises'
import Fastify, { type FastifyReply } from 'fastify'
import latchkey, { allowPlainHttp, defineScopes } from 'fastify-latchkey'
import { createRedisLimitStore } from 'fastify-latchkey/limits/redis'
import t from 'tap'
import { createCohort } from '../../lib/cohort.js'
import { createTogether } from '../../lib/together.js'
import { listen, request } from '../helpers/doors.js'
import { withEnding } from '../helpers/ending.js'
import { startRedis } from '../helpers/redis-server.js'
import { until } from '../helpers/until.js'

const before = new Set(process.listeners('exit'))
const added = () => process.listeners('exit').filter((listener) => !before.has(listener))
t.beforeEach(() => { for (const listener of process.listeners('exit')) before.add(listener) })
t.afterEach(() => { for (const listener of added()) process.removeListener('exit', listener) })

/** A connection that notes in `left` what it has sent. */
function connectionOf (name: string, left: string[]): Writable {
  return new Writable({ write (chunk, _encoding, done) { left.push(`${name}: ${chunk}`); done() } })
}

/** Ends an answer as Node does. */
function answer (connection: Writable, text: string): void {
  connection.cork()
  connection.write(text)
  connection.uncork()
}

/** Requests go on, of which one connection is answered; the time is `clock.now`, in ms. */
async function goOn () {
  const clock = { now: 5 }
  const together = createTogether(() => clock.now)
  const left: string[] = []
  const connection = connectionOf('a', left)
  together.watch(connection)
  await Promise.resolve()
  together.begin()
  return { clock, together, left, answer: (text: string) => answer(connection, text) }
}

t.test('what is answered while requests go on leaves when they have', async (t) => {
  const together = createTogether(() => 0)
  const left: string[] = []
  const [a, b, other] = [connectionOf('a', left), connectionOf('b', left), connectionOf('c', left)] as const
  for (const connection of [a, b]) together.watch(connection)

  answer(a, 'alone')
  t.same(left.splice(0), ['a: alone'], 'nothing is held while none go on together')

  await Promise.resolve()
  together.begin()
  together.begin()
  answer(b, 'first')
  answer(a, 'second')
  answer(b, 'third')
  answer(other, 'is not watched')
  await Promise.resolve()
  t.same(left.splice(0), ['c: is not watched'])
  await new Promise((resolve) => process.nextTick(resolve))
  t.same(left.splice(0), ['a: second', 'b: first', 'b: third'], 'each connection once it is uncorked as often as it was corked')

  answer(a, 'again')
  t.same(left, ['a: again'])
})

t.test('nothing is held for longer than a millisecond and what one handler takes', async (t) => {
  const { clock, left, answer } = await goOn()
  answer('1')
  clock.now += 0.9
  answer('2')
  t.same(left, [])
  clock.now += 0.1
  answer('3')
  t.same(left, ['a: 1', 'a: 2', 'a: 3'])
  clock.now += 0.9
  answer('4')
  t.same(left.length, 3, 'held anew')
  clock.now += 7
  answer('5')
  t.same(left.length, 5)
})

t.test('who goes on without answering keeps nobody waiting who was answered a millisecond ago', async (t) => {
  const { clock, together, left, answer } = await goOn()
  together.next()
  answer('1')
  clock.now += 10
  together.next()
  t.same(left, [], 'whoever is answered looks at the time')
  together.next()
  t.same(left, ['a: 1'])
  answer('2')
  together.next()
  clock.now += 0.9
  together.next()
  t.same(left, ['a: 1'])
  clock.now += 0.1
  together.next()
  t.same(left, ['a: 1', 'a: 2'])
  clock.now += 10
  together.next()
})

t.test('what is held is written before its connection is destroyed', async (t) => {
  const together = createTogether(() => 0)
  const left: string[] = []
  const [a, b] = [connectionOf('a', left), connectionOf('b', left)] as const
  for (const connection of [a, b]) together.watch(connection)
  await Promise.resolve()
  together.begin()
  answer(b, 'waits')
  answer(a, 'first')
  const fault = new Error('of the host')
  const heard = new Promise((resolve) => a.once('error', resolve))
  t.equal(a.destroy(fault), a)
  t.same(left, ['a: first'])
  t.equal(await heard, fault)
  t.same(left, ['a: first', 'b: waits'])
  b.destroy()
  t.equal(b.destroyed, true)
})

t.test('an answer that was held ends in the context of its request', async (t) => {
  const together = createTogether(() => 0)
  const context = new AsyncLocalStorage<string>()
  const ended: string[] = []
  const connections = ['a', 'b', 'c'].map((name) => ({ name, connection: connectionOf(name, []) }))
  for (const { connection } of connections) together.watch(connection)
  await Promise.resolve()
  context.run('nobody', () => together.begin())
  for (const { name, connection } of connections) {
    context.run(name, () => {
      connection.cork()
      connection.write(name, () => ended.push(`${name} in ${context.getStore()}`))
      connection.uncork()
    })
  }
  context.run('nobody', () => connections[2]?.connection.destroy())
  await turn()
  t.same(ended.sort(), ['a in a', 'b in b', 'c in c'])
})

t.test('a connection that is uncorked twice for one answer, as Node 24 does, is held once', async (t) => {
  const together = createTogether(() => 0)
  const left: string[] = []
  const connection = connectionOf('a', left)
  together.watch(connection)
  await Promise.resolve()
  together.begin()
  answer(connection, 'first')
  connection.uncork()
  answer(connection, 'second')
  t.same(left, [])
  await turn()
  t.same(left, ['a: first', 'a: second'])
  t.equal(connection.writableCorked, 0)
})

t.test('what is held leaves when the process ends', async (t) => {
  const together = createTogether(() => 0)
  const left: string[] = []
  const connection = connectionOf('a', left)
  together.watch(connection)
  together.watch(connectionOf('b', left))
  const [exit, ...others] = added()
  t.same(others, [], 'one listener for all connections')
  await Promise.resolve()
  together.begin()
  answer(connection, 'last')
  t.same(left, [])
  exit?.call(process, 0)
  t.same(left, ['a: last'])
})

t.test('a request without a connection goes on like any other', async (t) => {
  const join = createCohort()
  t.equal(await new Promise((resolve) => join(null, () => resolve('gone'))), 'gone')
  await turn()
})

t.test('a connection with an uncork of its own keeps it', async (t) => {
  const together = createTogether()
  const left: string[] = []
  const connection = connectionOf('a', left)
  const own = function (this: Writable): void { Writable.prototype.uncork.call(this) }
  connection.uncork = own
  together.watch(connection)
  t.equal(connection.uncork, own)
  const watched = new PassThrough()
  together.watch(watched)
  const { uncork } = watched
  createTogether().watch(watched)
  t.equal(watched.uncork, uncork, 'watched once')
})

for (const thrown of [new Error('of the host'), 'a text']) {
  t.test(`a connection that throws ${typeof thrown === 'string' ? thrown : 'an error'} when it is written to keeps no other waiting`, async (t) => {
    const together = createTogether(() => 0)
    const left: string[] = []
    const broken = new Writable({ write () { throw thrown } })
    const good = connectionOf('b', left)
    const faults: unknown[] = []
    broken.on('error', (fault) => faults.push(fault))
    for (const connection of [broken, good]) together.watch(connection)
    await Promise.resolve()
    together.begin()
    for (const connection of [broken, good]) answer(connection, 'answer')
    await turn()
    t.same(left, ['b: answer'])
    t.equal(broken.destroyed, true)
    t.same(faults, thrown instanceof Error ? [thrown] : [])
  })
}

t.test('acts once the requests that go on have, or once the loop has read what it can', async (t) => {
  const together = createTogether()
  const steps: string[] = []
  const act = (name: string) => { steps.push(name) }
  await Promise.resolve()
  together.begin()
  together.after(act, 'after these')
  await Promise.resolve()
  t.same(steps, [])
  await new Promise((resolve) => process.nextTick(resolve))
  t.same(steps.splice(0), ['after these'])
  together.after(act, 'in a turn')
  await new Promise((resolve) => process.nextTick(resolve))
  t.same(steps, [])
  await turn()
  t.same(steps, ['in a turn'])
})

for (const shared of [false, true]) {
  t.test(`answers of a tick are ended, and leave together: counters in ${shared ? 'Redis' : 'memory'}`, (t) => withEnding(async (ending) => {
    const scopes = defineScopes({ resources: { devices: ['read'] } })
    const store = shared ? createRedisLimitStore({ url: `redis://127.0.0.1:${(await startRedis(ending)).port}`, deadline: 5 }) : undefined
    const app = Fastify()
    ending.teardown(() => app.close())
    app.addHook('onClose', () => store?.close())
    const context = new AsyncLocalStorage<string>()
    app.addHook('onRequest', (request, _reply, done) => context.run(request.url, done))
    await app.register(latchkey, { scopes, environment: 'production', keys: { prefix: 'acme' }, transport: allowPlainHttp, limits: { store } })

    const most = { held: 0, ended: 0 }
    const replies: FastifyReply[] = []
    const strangers: string[] = []
    const responded: unknown[] = []
    app.addHook('onResponse', async (request) => { responded.push(context.getStore() === request.url) })
    app.get<{ Params: { n: string } }>('/devices/:n', { schema: { ...scopes.secure('devices:read') } }, (request, reply) => {
      if (context.getStore() !== request.url) strangers.push(request.url)
      most.held = Math.max(most.held, replies.filter(({ raw }) => (raw.socket?.writableLength ?? 0) > 0).length)
      most.ended = Math.max(most.ended, replies.filter(({ sent, raw }) => sent && (raw.socket?.writableLength ?? 0) > 0).length)
      replies.push(reply)
      reply.send({ n: request.params.n })
    })
    const port = await listen(app)
    const { secret: text } = await app.latchkey.keys.issue({ workspace: 'w1', environment: 'production', scopes: ['devices:read'] })

    const sockets: Socket[] = []
    for (let n = 0; n < 20; n++) {
      const socket = connect(port, '127.0.0.1')
      ending.teardown(() => socket.destroy())
      await new Promise((resolve) => socket.once('connect', resolve))
      sockets.push(socket)
    }
    const answers = sockets.map(() => '')
    sockets.forEach((socket, n) => socket.on('data', (chunk) => { answers[n] += chunk.toString('latin1') }))
    for (let round = 0; round < 3; round++) {
      sockets.forEach((socket, n) => socket.write(request(`GET /devices/${n} HTTP/1.1`, 'Host: x', `Authorization: Bearer ${text}`)))
      await until(() => answers.every((answer, n) => answer.split(`{"n":"${n}"}`).length === round + 2), 'all are answered')
    }
    t.equal(answers.every((answer) => answer.split('HTTP/1.1 200 OK').length === 4), true)
    t.same(responded, replies.map(() => true), 'and has responded there')
    t.same(strangers, [], 'each goes on in its own asynchronous context')
    t.ok(most.held > 1, `${most.held} answers were held while another was made`)
    t.equal(most.ended, most.held, 'whose replies were sent for all that look at them')
    t.equal(replies.every(({ raw }) => raw.writableFinished), true)
  }))
}

t.test('an option leaves requests and connections as they are', (t) => withEnding(async (ending) => {
  const scopes = defineScopes({ resources: { devices: ['read'] } })
  const app = Fastify()
  ending.teardown(() => app.close())
  await app.register(latchkey, { scopes, environment: 'production', keys: { prefix: 'acme' }, transport: allowPlainHttp, together: false })
  app.get('/devices', { schema: { ...scopes.secure('devices:read') } }, async ({ raw }) => ({ plain: raw.socket.uncork === Writable.prototype.uncork }))
  const port = await listen(app)
  const { secret: text } = await app.latchkey.keys.issue({ workspace: 'w1', environment: 'production', scopes: ['devices:read'] })
  const response = await fetch(`http://127.0.0.1:${port}/devices`, { headers: { authorization: `Bearer ${text}` } })
  t.equal(response.status, 200)
  t.same(await response.json(), { plain: true })
  const wrong: object = { together: 1 }
  await t.rejects(Promise.resolve(Fastify().register(latchkey, { scopes, environment: 'production', keys: { prefix: 'acme' }, ...wrong })), /option together must be true or false/)
}))

t.test('answers reach their clients although a handler closes, destroys or ends in the same tick', () => withEnding(async (ending) => {
  const scopes = defineScopes({ resources: { devices: ['read'] } })
  const app = Fastify()
  ending.teardown(() => app.close())
  await app.register(latchkey, { scopes, environment: 'production', keys: { prefix: 'acme' }, transport: allowPlainHttp, limits: false })
  let rude = false
  app.get<{ Params: { n: string } }>('/devices/:n', { schema: { ...scopes.secure('devices:read') } }, (request, reply) => {
    reply.send({ n: request.params.n })
    if (!rude) return
    if (request.params.n === '19') app.server.closeIdleConnections()
    else if (Number(request.params.n) % 2 === 0) request.raw.destroy()
  })
  const port = await listen(app)
  const { secret: text } = await app.latchkey.keys.issue({ workspace: 'w1', environment: 'production', scopes: ['devices:read'] })
  const answers = Array.from({ length: 20 }, () => '')
  const sockets: Socket[] = []
  for (let n = 0; n < 20; n++) {
    const socket = connect(port, '127.0.0.1')
    ending.teardown(() => socket.destroy())
    socket.on('data', (chunk) => { answers[n] += chunk.toString('latin1') })
    await new Promise((resolve) => socket.once('connect', resolve))
    sockets.push(socket)
  }
  for (let round = 0; round < 2; round++) {
    rude = round === 1
    sockets.forEach((socket, n) => socket.write(request(`GET /devices/${n} HTTP/1.1`, 'Host: x', `Authorization: Bearer ${text}`)))
    await until(() => answers.every((answer, n) => answer.split(`{"n":"${n}"}`).length === round + 2), 'all are answered')
  }
}))
