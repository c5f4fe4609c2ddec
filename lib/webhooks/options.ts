import { Type } from '@sinclair/typebox'
import { checkOptions, OptionError, withMethods } from '../core/options.js'
import { allowPrivateAddresses } from './destination.js'
import type { DeliveryEngine } from './engine.js'
import type { Resolve } from './resolve.js'
import type { WebhookStore } from './store.js'

export interface WebhooksOptions {
  /** Where endpoints and deliveries live; this process's memory by default, which is a warning at boot. */
  store?: WebhookStore | undefined
  /** What delivers; this process by default. */
  engine?: DeliveryEngine | undefined
  /** `allowPrivateAddresses` for local development; otherwise endpoints are public hosts over HTTPS. */
  destinations?: typeof allowPrivateAddresses | undefined
  /** Seconds that an attempt may take, from the name to the end of the answer; 15 by default. */
  deadline?: number | undefined
  /** Seconds between attempts; those of Standard Webhooks by default. */
  schedule?: readonly number[] | undefined
  /** Seconds of failures alone after which an endpoint is disabled; 5 days by default. */
  disableAfter?: number | undefined
  /** Seconds for which deliveries that have ended are kept; 30 days by default. */
  retention?: number | undefined
  /** Most endpoints of a workspace; 20 by default. */
  maxEndpoints?: number | undefined
  /** Keys of 32 bytes that seal secrets of endpoints in the store: the first seals, all of them open. */
  secretKeys?: readonly Uint8Array[] | undefined
  /** Certificates of authorities in PEM, in the place of the well-known ones. */
  ca?: string | readonly string[] | undefined
  /** Finds the addresses of a name; name servers of the system by default. */
  resolve?: Resolve | undefined
}

const seconds = (maximum: number) => Type.Optional(Type.Number({ exclusiveMinimum: 0, maximum, description: `seconds above 0 and at most ${maximum}` }))
const DAYS = 86_400

const schema = Type.Object({
  store: Type.Optional(withMethods(['insertEndpoint', 'subscribed', 'enqueue', 'claim', 'settle'], 'a webhook store, such as createMemoryWebhookStore()')),
  engine: Type.Optional(withMethods(['start', 'wake', 'close'], 'a delivery engine, such as createEmbeddedEngine()')),
  destinations: Type.Optional(Type.Symbol({ description: 'allowPrivateAddresses, imported from fastify-latchkey/webhooks, or left out' })),
  deadline: seconds(60),
  schedule: Type.Optional(Type.Array(Type.Number({ exclusiveMinimum: 0, maximum: 30 * DAYS }), { maxItems: 50, description: 'an array of at most 50 waits in seconds' })),
  disableAfter: seconds(365 * DAYS),
  retention: seconds(3650 * DAYS),
  maxEndpoints: Type.Optional(Type.Integer({ minimum: 1, maximum: 1000, description: 'a whole number from 1 to 1000' })),
  secretKeys: Type.Optional(Type.Unknown()),
  ca: Type.Optional(Type.Union([Type.String(), Type.Array(Type.String())], { description: 'certificates in PEM' })),
  resolve: Type.Optional(Type.Function([], Type.Unknown(), { description: 'a function of a name that answers addresses' }))
}, { additionalProperties: false })

/** @throws OptionError */
export function checkWebhooksOptions (options: WebhooksOptions): void {
  checkOptions(schema, options, 'webhooks')
  const { destinations, secretKeys } = options
  if (destinations !== undefined && destinations !== allowPrivateAddresses) throw new OptionError('option webhooks.destinations must be allowPrivateAddresses, imported from fastify-latchkey/webhooks, not another symbol')
  // Says nothing of what was given.
  const given: unknown = secretKeys ?? []
  if (!Array.isArray(given) || !given.every((key) => key instanceof Uint8Array && key.length === 32)) {
    throw new OptionError('option webhooks.secretKeys must be an array of keys of 32 bytes: [Buffer.from(process.env.WEBHOOK_KEY, \'base64\')]')
  }
}
