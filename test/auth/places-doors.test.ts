import { once } from 'node:events'
import { connect } from 'node:http2'
import Fastify from 'fastify'
import latchkey, { allowPlainHttp, basic, bearer, defineScopes, header, type LatchkeyOptions } from 'fastify-latchkey'
import { routeUpgrades, upgradeOf } from 'fastify-latchkey/server'
import t from 'tap'
import { runCurl } from '../helpers/curl.js'
import { exchange, listen, portOf, request } from '../helpers/doors.js'

const scopes = defineScopes({ resources: { devices: ['read'] } })
const options: LatchkeyOptions = {
  scopes, environment: 'production', keys: { prefix: 'acme' }, transport: allowPlainHttp, credentials: [bearer(), basic(), header('x-api-key')]
}
const secure = { schema: scopes.secure('devices:read') }
const input = { workspace: 'w', scopes: ['devices:read' as const] }

t.test('curl -u, and an upgrade with a key in its own field, are let in once', async (t) => {
  const app = Fastify()
  t.teardown(() => app.close())
  await app.register(latchkey, options)
  app.get('/devices', secure, async () => ({}))
  app.get('/events', secure, (incoming, reply) => {
    reply.hijack()
    upgradeOf(incoming)?.socket.end('HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: test\r\n\r\n')
  })
  routeUpgrades(app)
  const port = await listen(app)
  const { secret } = await app.latchkey.keys.issue(input)
  const url = `http://127.0.0.1:${port}/devices`
  const curl = []
  for (const how of [`-u ${secret}:`, `-u ${secret}:password`, `-u :${secret}`, `-H 'x-api-key: ${secret}'`, `-u ${secret}: -H 'x-api-key: ${secret}'`]) curl.push(await runCurl(`curl -i ${how} ${url}`))
  t.strictSame(curl, [200, 400, 400, 200, 400])

  const upgrade = async (...lines: string[]) => (await exchange(port, request('GET /events HTTP/1.1', 'Host: a', 'Connection: Upgrade', 'Upgrade: test', ...lines))).status
  const key = `x-api-key: ${secret}`
  t.strictSame([await upgrade(key), await upgrade(key, key), await upgrade(key, `Authorization: Bearer ${secret}`), await upgrade()], [101, 400, 400, 401])
})

t.test('over HTTP/2 the same places are read, and two credentials are two', async (t) => {
  const app = Fastify({ http2: true })
  t.teardown(() => app.close())
  await app.register(latchkey, options)
  app.get('/devices', secure, async () => ({}))
  await app.listen({ port: 0, host: '127.0.0.1' })
  const { secret } = await app.latchkey.keys.issue(input)
  const client = connect(`http://127.0.0.1:${portOf(app.server)}`)
  t.teardown(() => client.destroy())
  const get = async (headers: Record<string, string | string[]>) => {
    const stream = client.request({ ':path': '/devices', ...headers })
    const [answer] = await once(stream, 'response')
    stream.resume()
    return answer[':status']
  }
  const byBasic = `Basic ${Buffer.from(`${secret}:`).toString('base64')}`
  t.strictSame([
    await get({ 'x-api-key': secret }), await get({ authorization: byBasic }), await get({ 'x-api-key': [secret, secret] }), await get({ 'x-api-key': secret, authorization: byBasic }), await get({})
  ], [200, 200, 400, 400, 401])
})
