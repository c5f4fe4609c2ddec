import { setTimeout as pause } from 'node:timers/promises'
import Fastify, { type FastifyServerOptions } from 'fastify'
import t, { type Test } from 'tap'
import latchkey, { allowPlainHttp, defineScopes, InvalidCredential, type LatchkeyOptions, type Resolver } from 'fastify-latchkey'
import { createMemoryLimitStore } from 'fastify-latchkey/limits'
import { serverOptions } from 'fastify-latchkey/server'
import { collectRounds } from '../helpers/collect.js'
import { abandon, deferred, exchange, keepLines, listen, request } from '../helpers/doors.js'
import { heapUsed, leastGrowth } from '../helpers/heap.js'

const scopes = defineScopes({ resources: { devices: ['read'] } })
const principal = Object.freeze({ kind: 'api-key', id: 'p', workspace: 'w', environment: 'production', scopes: Object.freeze(['devices:read']) } as const)
const get = request('GET /devices HTTP/1.1', 'Host: a', 'Authorization: Bearer token', 'Connection: close')

/** Answers when the test says so. */
function slowResolver () {
  const asked = deferred<undefined>()
  const answer = deferred<typeof principal | undefined>()
  const resolver: Resolver = {
    scheme: 'apiKey',
    kind: 'api-key',
    description: {},
    resolve () {
      asked.resolve(undefined)
      return answer.promise
    }
  }
  return { asked: asked.promise, answer, resolver }
}

async function start (t: Test, options: Partial<LatchkeyOptions>, server: FastifyServerOptions = {}) {
  const faults: unknown[] = []
  const hear = (fault: unknown) => { faults.push(fault) }
  process.on('unhandledRejection', hear).on('uncaughtException', hear)
  const log = keepLines()
  const app = Fastify(serverOptions({ logger: { level: 'trace', stream: log.stream }, ...server }))
  await app.register(latchkey, { scopes, environment: 'production', keys: false, transport: allowPlainHttp, limits: false, ...options })
  let handled = 0
  app.get('/devices', { schema: scopes.secure('devices:read') }, async () => { handled++ })
  const port = await listen(app)
  t.teardown(async () => {
    await app.close()
    process.off('unhandledRejection', hear).off('uncaughtException', hear)
  })
  return { app, port, log, faults, handled: () => handled }
}

const settlings = {
  'lets it in': (answer) => answer.resolve(principal),
  'knows nothing': (answer) => answer.resolve(undefined),
  'refuses it': (answer) => answer.reject(new InvalidCredential('bad')),
  fails: (answer) => answer.reject(new Error('down')),
  'fails with nothing': (answer) => answer.reject(undefined)
} satisfies Record<string, (answer: ReturnType<typeof slowResolver>['answer']) => void>

for (const [what, settle] of Object.entries(settlings)) {
  t.test(`a client that leaves while a resolver is asked harms nobody when that ${what}`, async (t) => {
    const { resolver, asked, answer } = slowResolver()
    const { port, faults } = await start(t, { resolvers: [resolver] })
    await abandon(port, get, asked)
    settle(answer)
    await pause(5)
    t.strictSame(faults, [])
  })

  t.test(`a resolver that ${what} after its deadline changes nothing: 503, and the handler never runs`, async (t) => {
    const { resolver, answer } = slowResolver()
    const { port, faults, handled } = await start(t, { resolvers: [resolver], deadline: 0.01 })
    const refused = await exchange(port, get)
    t.match(refused, { status: 503, headers: { 'retry-after': '1', 'cache-control': 'no-store' } })
    t.match(JSON.parse(refused.body), { code: 'AUTHENTICATION_UNAVAILABLE' })
    t.equal(refused.headers['www-authenticate'], undefined)
    settle(answer)
    await pause(5)
    t.equal(handled(), 0)
    t.strictSame(faults, [])
  })

  t.test(`an answer that handlerTimeout gave stands when the resolver then ${what}`, async (t) => {
    const { resolver, answer } = slowResolver()
    const { port, faults, handled, log } = await start(t, { resolvers: [resolver] }, { handlerTimeout: 10 })
    t.match(await exchange(port, get), { status: 503, body: /FST_ERR_HANDLER_TIMEOUT/ })
    settle(answer)
    await pause(5)
    t.equal(handled(), 0)
    t.strictSame(faults, [])
    t.notMatch(log.text, 'FST_ERR_REP_ALREADY_SENT')
  })
}

t.test('an answer that handlerTimeout gave stands when the limit store then decides', async (t) => {
  const rounds = collectRounds()
  const patterns = collectRounds()
  for (const quota of [1, 0]) {
    const asked = deferred<undefined>()
    const go = deferred<undefined>()
    const memory = createMemoryLimitStore()
    const { port, faults, handled, log } = await start(t, {
      resolvers: [{ scheme: 'apiKey', kind: 'api-key', description: {}, resolve: () => principal }],
      limits: {
        deadline: 10,
        environments: { production: [{ name: 'few', quota, window: 60 }] },
        store: {
          async take (take) {
            asked.resolve(undefined)
            await go.promise
            return memory.take(take)
          }
        }
      }
    }, { handlerTimeout: 10 })
    patterns.add(await exchange(port, get), { status: 503, body: /FST_ERR_HANDLER_TIMEOUT/ })
    await asked.promise
    go.resolve(undefined)
    await pause(5)
    rounds.add(handled(), 0)
    rounds.add(faults, [])
    rounds.add(String(log.text).includes('FST_ERR_REP_ALREADY_SENT'), false)
  }
  t.strictSame(rounds.seen, rounds.expected)
  t.match(patterns.seen, patterns.expected)
})

t.test('a body that stops in the middle is never waited for without a credential', async (t) => {
  const { resolver, answer, asked } = slowResolver()
  const { port, faults } = await start(t, { resolvers: [resolver] })
  const head = (...fields: string[]) => request('POST /devices HTTP/1.1', 'Host: a', 'Content-Type: application/json', 'Content-Length: 1000', 'Connection: close', ...fields)
  t.equal((await exchange(port, `${head()}{"a":`)).status, 401)
  await abandon(port, `${head('Authorization: Bearer token')}{"a":`, asked)
  answer.resolve(principal)
  await pause(5)
  t.strictSame(faults, [])
})

t.test('memory stays flat while clients leave and resolvers never answer', async (t) => {
  let told = deferred<undefined>()
  const { port, faults, log, app } = await start(t, {
    deadline: 0.02,
    failures: false,
    resolvers: [{
      scheme: 'apiKey',
      kind: 'api-key',
      description: {},
      resolve () {
        told.resolve(undefined)
        return new Promise(() => {})
      }
    }]
  })
  async function leave (times: number): Promise<number> {
    for (let i = 0; i < times; i++) {
      told = deferred()
      await abandon(port, get, told.promise)
    }
    while (await new Promise<number>((resolve) => app.server.getConnections((_error, open) => resolve(open))) > 0) await pause(5)
    await pause(40)
    log.lines.length = 0
    return await heapUsed()
  }
  await leave(200)
  const grown = await leastGrowth(800 * 1000, 4, async () => -await leave(200) + await leave(800))
  t.ok(grown < 800 * 1000, `${Math.round(grown / 800)} bytes a request`)
  t.strictSame(faults, [])
})
