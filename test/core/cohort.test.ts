import { setImmediate as turn } from 'node:timers/promises'
import { connect } from 'node:net'
import { PassThrough } from 'node:stream'
import Fastify, { type FastifyInstance } from 'fastify'
import latchkey, { allowPlainHttp, defineScopes } from 'fastify-latchkey'
import { createMemoryLimitStore } from 'fastify-latchkey/limits'
import t, { type Test } from 'tap'
import { createCohort } from '../../lib/cohort.js'
import { listen, request } from '../helpers/doors.js'
import { until } from '../helpers/until.js'

t.test('who comes alone goes on at once; who comes with others once all are there, in their order', async (t) => {
  const join = createCohort()
  const gone: string[] = []
  const come = (...names: string[]) => names.forEach((name) => join(new PassThrough(), () => gone.push(name)))

  come('a')
  t.same(gone, ['a'])
  await turn()
  come('b', 'c', 'd')
  t.same(gone, ['a', 'b'], 'the first can\'t know yet')
  await turn()
  t.same(gone, ['a', 'b', 'c', 'd'])
  come('e', 'f')
  t.same(gone.length, 4, 'where there were several, the first waits too')
  await turn()
  t.same(gone.slice(4), ['e', 'f'])
  come('g')
  t.same(gone.length, 6)
  await turn()
  t.same(gone.slice(6), ['g'])
  come('h')
  t.same(gone.slice(7), ['h'], 'alone again')
  await turn()
})

async function serve (t: Test, limits: object, handler: (n: string) => Promise<unknown>): Promise<{ app: FastifyInstance, port: number, authorization: string }> {
  const scopes = defineScopes({ resources: { devices: ['read'] } })
  const app = Fastify()
  await app.register(latchkey, { scopes, environment: 'production', keys: { prefix: 'acme' }, transport: allowPlainHttp, ...limits })
  app.get<{ Params: { n: string } }>('/devices/:n', { schema: { ...scopes.secure('devices:read') } }, ({ params }) => handler(params.n))
  t.teardown(() => app.close())
  const port = await listen(app)
  const { secret: text } = await app.latchkey.keys.issue({ workspace: 'w1', environment: 'production', scopes: ['devices:read'] })
  return { app, port, authorization: `Authorization: Bearer ${text}` }
}

for (const [name, limits] of Object.entries({ 'the default limits': {}, 'a memory store': { limits: { store: createMemoryLimitStore() } }, 'no limits': { limits: false } })) {
  t.test(`requests of a tick go on together, each by its own steps: ${name}`, async (t) => {
    const steps: string[] = []
    const { port, authorization } = await serve(t, limits, async (n) => {
      steps.push(`${n} begins`)
      await Promise.resolve()
      process.nextTick(() => steps.push(`${n} ends`))
      return { n }
    })
    const socket = connect(port, '127.0.0.1')
    t.teardown(() => socket.destroy())
    let answers = ''
    socket.on('data', (chunk) => { answers += chunk.toString('latin1') })
    const pipelined = (count: number) => Array.from({ length: count }, (_, n) => request(`GET /devices/${n} HTTP/1.1`, 'Host: x', authorization)).join('')
    socket.write(pipelined(3))
    await until(() => answers.match(/"n":"2"/) !== null, 'all are answered')
    t.same(steps, ['0 begins', '0 ends', '1 begins', '2 begins', '1 ends', '2 ends'], 'the first can\'t know of the others')
    t.same(answers.match(/HTTP\/1\.1 (\d+)|"n":"\d"/g), ['HTTP/1.1 200', '"n":"0"', 'HTTP/1.1 200', '"n":"1"', 'HTTP/1.1 200', '"n":"2"'])
  })
}

t.test('timers that a test of the host has replaced hold nobody up', async (t) => {
  const { port, authorization } = await serve(t, {}, async (n) => ({ n }))
  const replaced = t.intercept(globalThis, 'setImmediate', { value: () => {} })
  const socket = connect(port, '127.0.0.1')
  t.teardown(() => socket.destroy())
  let answers = ''
  socket.on('data', (chunk) => { answers += chunk.toString('latin1') })
  socket.write(request('GET /devices/0 HTTP/1.1', 'Host: x', authorization).repeat(3))
  const answered = () => answers.split('"n":"0"').length - 1
  const since = Date.now()
  while (answered() < 3 && Date.now() - since < 10_000) await new Promise((resolve) => setTimeout(resolve, 5))
  replaced.restore()
  t.equal(answered(), 3)
})
