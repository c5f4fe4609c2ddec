import t from 'tap'
import { startExample } from '../helpers/example.js'
import { startRedis } from '../helpers/redis-server.js'

/** One after the other: the second start finds its database made. */
const LATCHKEY_DATA = t.testdir()

t.test('with REDIS_URL npm start counts in Redis', async (t) => {
  const server = await startRedis(t)
  const example = await startExample(undefined, { REDIS_URL: server.url, LATCHKEY_DATA })
  t.teardown(() => example.stop('SIGKILL'))
  const response = await fetch(`${example.url}/devices`, { headers: { authorization: `Bearer ${example.keys.read}` } })
  t.equal(response.status, 200)
  t.equal(response.headers.get('ratelimit'), '"production";r=99;t=60')
  t.ok((await server.client().keys('latchkey:{10,5,productionnorth}:*')).length === 1)
  t.equal(await example.stop(), 0)
})

t.test('a Redis that is not there yet is no reason not to start', async (t) => {
  const example = await startExample(undefined, { REDIS_URL: 'redis://127.0.0.1:1', LATCHKEY_DATA })
  t.teardown(() => example.stop('SIGKILL'))
  const response = await fetch(`${example.url}/devices`, { headers: { authorization: `Bearer ${example.keys.read}` } })
  t.equal(response.status, 503)
  t.equal(await example.stop(), 0)
})
