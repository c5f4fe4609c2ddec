import t, { type Test } from 'tap'
import { createRedisLimitStore } from 'fastify-latchkey/limits/redis'
import { build } from '../../examples/read-write.js'
import { collectRounds } from '../helpers/collect.js'
import { as, keptLog, keyOf, refusalOf, refusalWith } from '../helpers/contracts.js'
import { startRedis } from '../helpers/redis-server.js'
import { keepLog } from '../helpers/redis-store.js'
import { until } from '../helpers/until.js'

const fields = ['ratelimit', 'ratelimit-policy', 'ratelimit-limit', 'ratelimit-remaining', 'ratelimit-reset']
const requests = ['GET /devices', 'GET /catalog/item_1', 'POST /devices', 'DELETE /carts/cart_1', 'GET /nothing']

/** The example over a Redis of its own. */
async function start (t: Test) {
  const redis = await startRedis(t)
  const log = keptLog()
  const store = createRedisLimitStore({ url: redis.url, deadline: 1, log: keepLog() })
  const { app, keys } = await build({ logger: log.logger, store })
  t.teardown(async () => {
    await app.close()
    store.close()
  })
  await store.ready()
  const speak = (name: string) => as(app, keyOf(keys, name))

  /** 503, whoever asks for what, and no word of a quota that nobody knows. */
  async function isDown (t: Test): Promise<void> {
    const rounds = collectRounds()
    const patterns = collectRounds()
    for (const request of requests) {
      const response = await speak('write')(request, request.startsWith('POST') ? { name: 'Scale' } : undefined)
      rounds.add(refusalOf(response), refusalWith({
        status: 503,
        body: { error: 'LIMITER_UNAVAILABLE', message: 'Rate limiting is temporarily unavailable; retry after a short backoff.' },
        retryAfter: String(response.headers['retry-after'])
      }), request)
      patterns.add(response.headers['retry-after'], /^[1-9]\d?$/, 'seconds of a short backoff')
      for (const field of fields) rounds.add(response.headers[field], undefined, `${request}: no ${field}`)
    }
    t.strictSame(rounds.seen, rounds.expected)
    t.match(patterns.seen, patterns.expected)
  }
  const isBack = () => until(async () => (await speak('sandbox-read')('GET /devices')).statusCode === 200, 'requests are answered again')
  return { app, redis, speak, isDown, isBack, log }
}

t.test('"Rate limiting relies on Fleet’s backing store for counters. If that service is unavailable, the gateway may respond with 503 … retry after a short backoff."', async (t) => {
  const { app, redis, speak, isDown, isBack, log } = await start(t)
  const rounds = collectRounds()
  for (let i = 1; i <= 3; i++) {
    const response = await speak('write')('GET /devices')
    rounds.add(response.statusCode, 200)
    rounds.add(response.headers['ratelimit-remaining'], String(100 - i), 'counted in Redis')
  }
  t.strictSame(rounds.seen, rounds.expected)
  await redis.kill()
  await isDown(t)
  t.equal((await as(app, 'fleet_live_x')('GET /devices')).statusCode, 401, 'a key that is none is refused as such')

  await redis.restart()
  await isBack()
  const response = await speak('write')('GET /devices')
  t.equal(response.statusCode, 200)
  t.equal(response.headers['ratelimit-remaining'], '99', 'a Redis that has forgotten counts from the start')
  t.equal(response.headers['retry-after'], undefined)
  t.notMatch(log.text(), String(redis.port), 'the log does not tell where it is')
})

t.test('… the same while it hangs, and nothing of that time is counted later', async (t) => {
  const { redis, speak, isDown, isBack } = await start(t)
  t.equal((await speak('write')('GET /devices')).headers['ratelimit-remaining'], '99')
  redis.freeze()
  await isDown(t)
  redis.thaw()
  await isBack()
  const left = Number((await speak('write')('GET /devices')).headers['ratelimit-remaining'])
  t.equal(left, 98)
})
