import { createRedisLimitStore } from 'fastify-latchkey/limits/redis'
import t from 'tap'
import { metrics } from '../../examples/metrics.js'
import { guarded, scopes } from '../helpers/limits.js'
import { startRedis } from '../helpers/redis-server.js'

t.test('Prometheus reads how many requests were admitted and refused, by code, how long Redis took, and that it could not be asked', async (t) => {
  const redis = await startRedis(t)
  const store = createRedisLimitStore({ url: redis.url, log: { info () {}, warn () {} } })
  t.teardown(() => store.close())
  const { app, as } = await guarded(t, { limits: { store, environments: { production: [{ name: 'two', quota: 2, window: 60 }], sandbox: [] } } })
  await app.register(metrics, { scopes })
  const ada = { id: 'ada', scopes: [] }
  const statuses = []
  for (let n = 0; n < 3; n++) statuses.push((await as.inject(app, ada, '/')).statusCode)
  t.same(statuses, [200, 200, 429])
  const scraper = { id: 'scraper', scopes: [], environment: 'sandbox' }
  const response = await as.inject(app, scraper, '/metrics')
  t.equal(response.statusCode, 200)
  t.match(response.headers['content-type'], /^text\/plain/)
  t.match(response.body, 'latchkey_limits_requests_total{outcome="admitted"} 2\n')
  t.match(response.body, 'latchkey_limits_requests_total{outcome="limited"} 1\n')
  t.match(response.body, 'latchkey_limits_batch_size_count 3\n')
  t.match(response.body, 'latchkey_requests_total{decision="admitted",code=""} 3\n', 'the scraper is admitted too')
  t.match(response.body, 'latchkey_requests_total{decision="refused",code="RATE_LIMITED"} 1\n')
  t.match(response.body, 'latchkey_lookup_seconds_count{target="limits",failed="false"} 3\n')
  t.equal((await app.inject('/metrics')).statusCode, 401)
  await redis.kill()
  t.equal((await as.inject(app, ada, '/')).statusCode, 503)
  const { body } = await as.inject(app, scraper, '/metrics')
  t.match(body, 'latchkey_limits_requests_total{outcome="unavailable"} 1\n')
  t.match(body, 'latchkey_requests_total{decision="refused",code="CREDENTIAL_MISSING"} 1\n')
  t.match(body, 'latchkey_requests_total{decision="refused",code="LIMITER_UNAVAILABLE"} 1\n')
})
