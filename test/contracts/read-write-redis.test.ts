import t from 'tap'
import { build } from '../../examples/read-write.js'
import { collectRounds } from '../helpers/collect.js'
import { answered, as, guardedRoutes, keyOf } from '../helpers/contracts.js'
import { startRedis } from '../helpers/redis-server.js'
import { redisStore } from '../helpers/redis-store.js'
import { until } from '../helpers/until.js'

const catalog = [{ id: 'item_1', name: 'Tablet' }, { id: 'item_2', name: 'Scanner' }]

t.test('"Rate limiting relies on Fleet’s backing store for counters. If that service is unavailable, the gateway may respond with 503": a Redis that is killed', async (t) => {
  const server = await startRedis(t)
  const store = redisStore(t, { url: server.url, deadline: 0.2 })
  await store.ready()
  const { app, keys } = await build({ store })
  t.teardown(() => app.close())
  const speak = as(app, keyOf(keys, 'read'))
  const counted = await speak('GET /catalog')
  answered(t, counted, 200, catalog)
  t.equal(counted.headers['ratelimit-remaining'], '99')

  await server.kill()
  const rounds = collectRounds()
  const patterns = collectRounds()
  for (const route of guardedRoutes(app)) {
    const { statusCode, headers, json } = await speak(route.replace(':id', 'item_1'))
    rounds.add(statusCode, 503, route)
    rounds.add(json(), { error: 'LIMITER_UNAVAILABLE', message: 'Rate limiting is temporarily unavailable; retry after a short backoff.' })
    patterns.add(headers, { 'retry-after': /^[1-5]$/, 'cache-control': 'no-store' })
    rounds.add(Object.keys(headers).filter((name) => name.includes('ratelimit')), [])
  }
  t.strictSame(rounds.seen, rounds.expected)
  t.match(patterns.seen, patterns.expected)

  await server.restart()
  await until(async () => (await speak('GET /catalog')).statusCode === 200, 'it works again')
  answered(t, await speak('GET /catalog'), 200, catalog)
})
