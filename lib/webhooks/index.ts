/**
 * `fastify-latchkey/webhooks`: events sent to endpoints of workspaces, signed and tried again. Needs
 * `request-filtering-agent`.
 */

import { setMaxListeners } from 'node:events'
import { writeLog } from '../core/write-log.js'
import type { FastifyInstance } from 'fastify'
import fp from 'fastify-plugin'
import { contextOf, offer, offers } from '../core/access-context.js'
import { createBrokenLog } from '../core/broken-log.js'
import { OptionError } from '../core/options.js'
import { storeReady } from '../core/store-ready.js'
import { createFailureLog } from '../core/failure-log.js'
import { reportBroken } from './broken-records.js'
import { createWebhooks } from './create-webhooks.js'
import { createDeliver } from './deliver.js'
import { createEmbeddedEngine } from './embedded-engine.js'
import { createEnqueue } from './enqueue.js'
import { createMemoryWebhookStore } from './memory.js'
import { checkWebhooksOptions, type WebhooksOptions } from './options.js'
import { createResolve, resolveLocally } from './resolve.js'
import { defaultSchedule } from './schedule.js'
import { createSecretEncryption } from './secret-encryption.js'
import { createSend } from './send.js'
import type { Webhooks } from './webhooks.js'

declare module '../core/access-context.js' {
  interface Latchkey {
    /** Webhooks of each workspace; throws where the plugin `webhooks` is not registered. */
    readonly webhooks: Webhooks
  }
}

const DAY = 86_400
/** Seconds that the store may take for a call of `app.latchkey.webhooks`. */
const STORE_TIMEOUT = 5
const PRUNE_INTERVAL_MS = 3_600_000
const PRUNE_BATCH_SIZE = 1000

const NO_STORE = 'webhooks.store is left out: endpoints and deliveries live in the memory of this process and are ' +
  'lost with it; pass a store, such as createPostgresWebhookStore(), or createMemoryWebhookStore() where that is meant'
const PRIVATE_ADDRESSES = 'webhooks.destinations is allowPrivateAddresses: webhooks reach the own network of this ' +
  'server, and may go over plain HTTP; never use it in production'

/**
 * Delivers the events of each workspace to its endpoints, by Standard Webhooks. Register it after `latchkey`:
 *
 * ```ts
 * await app.register(webhooks, { store: createPostgresWebhookStore({ connectionString }) })
 * await app.register(webhookRoutes, { prefix: '/webhooks' })
 * ```
 *
 * @throws OptionError at boot
 */
export const webhooks = fp<WebhooksOptions>(async function latchkeyWebhooks (app: FastifyInstance, options) {
  checkWebhooksOptions(options)
  if (!offers(app, 'events')) {
    throw new OptionError('register webhooks after latchkey, in a context where it has events')
  }
  const { clock } = contextOf(app)
  const { engine = createEmbeddedEngine(), ca } = options
  const { deadline = 15, closeTimeout = 5 } = options
  const { schedule = defaultSchedule, disableAfter = 5 * DAY, retention = 30 * DAY } = options
  const { maxEndpoints = 20, secretKeys = [] } = options
  const anywhere = options.destinations !== undefined
  const { resolve = anywhere ? resolveLocally : createResolve() } = options
  if (anywhere) app.log.warn(PRIVATE_ADDRESSES)
  if (options.store === undefined) app.log.warn(NO_STORE)

  const log = (reason: string, message: string): void => writeLog(() => app.log.error({ reason }, message), message)
  const inform = (message: string): void => writeLog(() => app.log.info(message), message)
  const onBroken = createBrokenLog(log)
  const store = reportBroken(options.store ?? createMemoryWebhookStore(), onBroken)
  const encryption = createSecretEncryption(secretKeys)
  const closing = new AbortController()
  // Each attempt in progress listens, which is no leak.
  setMaxListeners(0, closing.signal)
  const send = createSend({ anywhere, resolve, deadline, ca, signal: closing.signal })
  const userAgent = 'fastify-latchkey'
  const policy = { schedule, disableAfter }
  const logs = { log, onBroken }
  const deliver = createDeliver({ ...policy, ...logs, store, send, encryption, clock, random: Math.random, userAgent })
  const wake = engine.wake.bind(engine)
  const shared = { store, encryption, clock, wake }

  offer(app, 'webhooks', createWebhooks({ ...shared, anywhere, resolve, deadline: STORE_TIMEOUT, maxEndpoints }))
  // Never unsubscribed: what happens while the app closes is delivered after the next start.
  app.latchkey.events.onDurable(createEnqueue({ store, clock, wake, log }))
  const [begins, ends] = ['old deliveries could not be removed', 'old deliveries are removed again']
  const pruning = createFailureLog({ log, inform }, begins, ends)
  const timer = setInterval(prune, PRUNE_INTERVAL_MS).unref()

  async function prune (): Promise<void> {
    const pruned = await pruning.tried(() =>
      store.prune(new Date(clock() - retention * 1000), PRUNE_BATCH_SIZE))
    if (pruned === PRUNE_BATCH_SIZE) await prune()
  }

  app.addHook('onReady', async function startEngine () {
    await storeReady(store, STORE_TIMEOUT)
    await engine.start({ store, clock, deliver, deadline, log, inform })
  })
  app.addHook('onClose', async function closeEngine () {
    clearInterval(timer)
    const giveUp = setTimeout(() => closing.abort(), closeTimeout * 1000)
    await engine.close().finally(() => clearTimeout(giveUp))
  })
}, { name: 'latchkey-webhooks', fastify: '5.x || 6.x' })

export { allowPrivateAddresses } from './destination.js'
export { createEmbeddedEngine, type EmbeddedEngineOptions } from './embedded-engine.js'
export { createMemoryWebhookStore } from './memory.js'
export { DuplicateError, StoreError } from '../core/store-error.js'
export type { OnBroken } from '../core/stored-record.js'
export type {
  Claim, Claimed, ClaimLimit, DeliveryList, DeliveryPage, EndpointLimit, EndpointRef, Settled, WebhookStore
} from './store.js'
export type {
  Attempt, AttemptOutcome, Delivery, DeliveryState, DisabledReason, EndpointSecret, WebhookEndpoint
} from './endpoint.js'
export type { Deliver, DeliveryEngine, EngineDeps } from './engine.js'
export type { WebhooksOptions } from './options.js'
export type { Resolve } from './resolve.js'
export type {
  DeliveriesInput, EndpointCaller, EndpointFilter, EndpointInput, EndpointUpdate, SecretRotation, Webhooks
} from './webhooks.js'
