import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import type { FastifyInstance } from 'fastify'
import type { Catalogue } from 'fastify-latchkey'
import type { LimitsMessage } from 'fastify-latchkey/limits/redis'
import { Counter, Histogram, Registry } from 'prom-client'

/**
 * What the Redis limit store does, as Prometheus reads it: `await app.register(metrics, { scopes })`, after latchkey, for
 * scrapers with a key; or with `scopes.public()` in a context that only they can reach.
 */
export async function metrics (app: FastifyInstance, { scopes }: { scopes: Pick<Catalogue, 'secure'> }): Promise<void> {
  const registry = new Registry()
  const registers = [registry]
  const requests = new Counter({ name: 'latchkey_limits_requests_total', help: 'Requests, by what the limiter decided.', labelNames: ['outcome'], registers })
  const seconds = new Histogram({ name: 'latchkey_limits_seconds', help: 'Time that Redis took for a batch.', buckets: [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1], registers })
  const sizes = new Histogram({ name: 'latchkey_limits_batch_size', help: 'Requests that were decided in one batch.', buckets: [1, 2, 5, 10, 20, 50, 100, 200, 500], registers })

  function hear (message: unknown): void {
    if (!isLimitsMessage(message)) return
    requests.inc({ outcome: 'admitted' }, message.admitted)
    requests.inc({ outcome: 'limited' }, message.limited)
    requests.inc({ outcome: 'unavailable' }, message.unavailable)
    seconds.observe(message.seconds)
    sizes.observe(message.takes)
  }

  subscribe('latchkey:limits', hear)
  app.addHook('onClose', async () => { unsubscribe('latchkey:limits', hear) })
  app.get('/metrics', { schema: { ...scopes.secure(), hide: true } }, async (_request, reply) => {
    reply.type(registry.contentType)
    return await registry.metrics()
  })
}

export function isLimitsMessage (message: unknown): message is LimitsMessage {
  return typeof message === 'object' && message !== null && 'takes' in message
}
