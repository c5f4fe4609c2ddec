import type { FastifyInstance } from 'fastify'
import fp from 'fastify-plugin'
import { contextOf, offer } from '../core/access-context.js'
import { OptionError } from '../core/options.js'
import { createFailureLog } from '../core/failure-log.js'
import { createDeliver } from './deliver.js'
import { createEmbeddedEngine } from './embedded.js'
import { createWebhooks } from './manage.js'
import { createMemoryWebhookStore } from './memory.js'
import { checkWebhooksOptions, type WebhooksOptions } from './options.js'
import { createResolve, resolveHere } from './resolve.js'
import { defaultSchedule } from './schedule.js'
import { createSecretEncryption } from './secret-encryption.js'
import { createSend } from './send.js'
import { createEnqueue } from './enqueue.js'
import type { Webhooks } from './webhooks.js'

declare module '../core/access-context.js' {
  interface Latchkey { readonly webhooks: Webhooks }
}

const DAY = 86_400
/** Seconds that the store may take for a change. */
const PATIENCE = 5
/** Milliseconds between prunings, and deliveries that one statement forgets. */
const PRUNING = 3_600_000
const AT_ONCE = 1000

/**
 * Tells endpoints of each workspace what happens, by Standard Webhooks; after `latchkey`, whose events it keeps:
 *
 * ```ts
 * await app.register(webhooks, { store: createPostgresWebhookStore({ connectionString }) })
 * await app.register(webhookRoutes, { prefix: '/webhooks' })
 * ```
 *
 * @throws OptionError at boot
 */
export const webhooks = fp<WebhooksOptions>(async function latchkeyWebhooks (app: FastifyInstance, options: WebhooksOptions) {
  checkWebhooksOptions(options)
  if (app.latchkey?.events === undefined) throw new OptionError('register webhooks after latchkey, in a context where it has events')
  const { clock } = contextOf(app)
  const { store = createMemoryWebhookStore(), engine = createEmbeddedEngine(), deadline = 15, schedule = defaultSchedule, ca } = options
  const { disableAfter = 5 * DAY, retention = 30 * DAY, maxEndpoints = 20, secretKeys = [] } = options
  const anywhere = options.destinations !== undefined
  const { resolve = anywhere ? resolveHere : createResolve() } = options
  if (anywhere) app.log.warn('allowPrivateAddresses: webhooks reach this server\'s own network, and may go over plain HTTP; never let this run in production')

  if (options.store === undefined) app.log.warn('webhooks.store is left out: endpoints and what is on its way to them live in this process\'s memory, and are gone when it ends; state a store, such as createPostgresWebhookStore(), or createMemoryWebhookStore() where that is meant')

  const log = (reason: string, message: string): void => app.log.error({ reason }, message)
  const inform = (message: string): void => app.log.info(message)
  const pruning = createFailureLog({ log, inform }, 'old deliveries could not be forgotten', 'old deliveries are forgotten again')
  const seal = createSecretEncryption(secretKeys)
  const send = createSend({ anywhere, resolve, deadline, ca })
  const deliver = createDeliver({ store, send, seal, clock, random: Math.random, schedule, disableAfter, userAgent: 'fastify-latchkey', log })
  const wake = engine.wake.bind(engine)

  offer(app, 'webhooks', createWebhooks({ store, seal, clock, deadline: PATIENCE, most: maxEndpoints, wake, anywhere, resolve }))
  const deafen = app.latchkey.events.onDurable(createEnqueue({ store, clock, wake, log }))
  const timer = setInterval(prune, PRUNING).unref()

  app.addHook('onReady', async () => { await engine.start({ store, clock, deliver, deadline, log, inform }) })
  app.addHook('onClose', async () => {
    deafen()
    clearInterval(timer)
    await engine.close()
  })

  async function prune (): Promise<void> {
    const pruned = await pruning.tried(() => store.prune(new Date(clock() - retention * 1000), AT_ONCE))
    if (pruned === AT_ONCE) await prune()
  }
}, { name: 'latchkey-webhooks', fastify: '5.x' })

export { allowPrivateAddresses } from './destination.js'
export { createEmbeddedEngine, type EmbeddedEngineOptions } from './embedded.js'
export { createMemoryWebhookStore } from './memory.js'
export { webhookRoutes, type WebhookRoutesOptions } from '../management/webhook-routes.js'
export { DuplicateError } from '../core/store-error.js'
export type { Claim, Claimed, ClaimLimit, DeliveryList, DeliveryPage, DeliveryPosition, EndpointRef as Lane, Settled, WebhookStore } from './store.js'
export type { Attempt, AttemptOutcome, Delivery, DeliveryState, DisabledReason, EndpointSecret, WebhookEndpoint } from './endpoint.js'
export type { Deliver, DeliveryEngine, EngineDeps as EngineParts } from './engine.js'
export type { WebhooksOptions } from './options.js'
export type { Resolve } from './resolve.js'
export type { DeliveriesInput, EndpointChange, EndpointInput, Webhooks } from './webhooks.js'
