import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import type { FastifyInstance } from 'fastify'
import { DecisionMessage, LookupMessage, type Catalogue } from 'fastify-latchkey'
import type { LimitsMessage } from 'fastify-latchkey/limits/redis'
import { Counter, Histogram, Registry } from 'prom-client'

const UP_TO_A_SECOND = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1]

/**
 * What Latchkey decides, and how long its stores take, as Prometheus reads it: `await app.register(metrics, { scopes })`, after
 * latchkey, for scrapers with a key; or with `scopes.public()` in a context that only they can reach.
 */
export async function metrics (app: FastifyInstance, { scopes }: { scopes: Pick<Catalogue, 'secure'> }): Promise<void> {
  const registry = new Registry()
  const registers = [registry]
  const decisions = new Counter({ name: 'latchkey_requests_total', help: 'Requests, by decision and the code of a refusal.', labelNames: ['decision', 'code'], registers })
  const lookups = new Histogram({ name: 'latchkey_lookup_seconds', help: 'Time that a store took.', labelNames: ['target', 'failed'], buckets: UP_TO_A_SECOND, registers })
  const requests = new Counter({ name: 'latchkey_limits_requests_total', help: 'Requests, by what Redis decided.', labelNames: ['outcome'], registers })
  const sizes = new Histogram({ name: 'latchkey_limits_batch_size', help: 'Requests that were decided in one batch.', buckets: [1, 2, 5, 10, 20, 50, 100, 200, 500], registers })

  function countDecision (message: unknown): void {
    if (message instanceof DecisionMessage) decisions.inc({ decision: message.decision, code: message.code ?? '' })
  }

  function observeLookup (message: unknown): void {
    if (message instanceof LookupMessage) lookups.observe({ target: message.target, failed: String(message.failed) }, message.seconds)
  }

  function countBatch (message: unknown): void {
    if (!isLimitsMessage(message)) return
    requests.inc({ outcome: 'admitted' }, message.admitted)
    requests.inc({ outcome: 'limited' }, message.limited)
    requests.inc({ outcome: 'unavailable' }, message.unavailable)
    sizes.observe(message.takes)
  }

  const listeners = [['latchkey:decision', countDecision], ['latchkey:lookup', observeLookup], ['latchkey:limits', countBatch]] as const
  for (const [channel, listener] of listeners) subscribe(channel, listener)
  app.addHook('onClose', async () => { for (const [channel, listener] of listeners) unsubscribe(channel, listener) })
  app.get('/metrics', { schema: { ...scopes.secure(), hide: true } }, async (_request, reply) => {
    reply.type(registry.contentType)
    return await registry.metrics()
  })
}

export function isLimitsMessage (message: unknown): message is LimitsMessage {
  return typeof message === 'object' && message !== null && 'takes' in message
}
