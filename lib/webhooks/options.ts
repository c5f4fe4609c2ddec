import { Type } from '@sinclair/typebox'
import { checkOptions, OptionError, withMethods } from '../core/options.js'
import { allowPrivateAddresses } from './destination.js'
import type { DeliveryEngine } from './engine.js'
import type { Resolve } from './resolve.js'
import type { WebhookStore } from './store.js'

/** All of it is optional; what is left out of `store` is lost with the process. */
export interface WebhooksOptions {
  /** Where endpoints and deliveries live; the memory of this process by default, which is a warning at boot. */
  store?: WebhookStore | undefined
  /** What delivers; this process by default. */
  engine?: DeliveryEngine | undefined
  /** `allowPrivateAddresses` for local development; otherwise endpoints are public hosts over HTTPS. */
  destinations?: typeof allowPrivateAddresses | undefined
  /** Seconds for an attempt, from resolving the name to the end of the response; 15 by default, at most 60. */
  deadline?: number | undefined
  /**
   * Seconds that closing the server waits for attempts in progress; 5 by default. What is not finished by then is given
   * up, and attempted again by another process, or after the next start.
   */
  closeTimeout?: number | undefined
  /** Seconds between attempts; those of Standard Webhooks by default. */
  schedule?: readonly number[] | undefined
  /** Seconds of nothing but failures after which an endpoint is disabled; 5 days by default. */
  disableAfter?: number | undefined
  /** Seconds for which deliveries that were received or given up are stored; 30 days by default. */
  retention?: number | undefined
  /** The most endpoints of one workspace; 20 by default. */
  maxEndpoints?: number | undefined
  /**
   * Encryption keys of 32 bytes for the secrets of endpoints: the first encrypts, any of them decrypts. Without one,
   * the store has plain secrets.
   */
  secretKeys?: readonly Uint8Array[] | undefined
  /** Certificates of authorities in PEM, in place of the well-known ones. */
  ca?: string | readonly string[] | undefined
  /** Finds the addresses of a host name; asks the name servers of the system by default. */
  resolve?: Resolve | undefined
}

const DAY = 86_400
const MAX_DEADLINE = 60

function seconds (maximum: number) {
  const description = `seconds above 0 and at most ${maximum}`
  return Type.Optional(Type.Number({ exclusiveMinimum: 0, maximum, description }))
}

const waits = { maxItems: 50, description: 'an array of at most 50 waits in seconds' }
const endpoints = { minimum: 1, maximum: 1000, description: 'a whole number from 1 to 1000' }
const storeMethods = ['insertEndpoint', 'subscribed', 'enqueue', 'claim', 'settle']
const symbol = 'allowPrivateAddresses, imported from fastify-latchkey/webhooks, or left out'

const schema = Type.Object({
  store: Type.Optional(withMethods(storeMethods, 'a webhook store, such as createMemoryWebhookStore()')),
  engine: Type.Optional(withMethods(['start', 'wake', 'close'], 'a delivery engine, such as createEmbeddedEngine()')),
  destinations: Type.Optional(Type.Symbol({ description: symbol })),
  deadline: seconds(MAX_DEADLINE),
  closeTimeout: seconds(MAX_DEADLINE),
  schedule: Type.Optional(Type.Array(Type.Number({ exclusiveMinimum: 0, maximum: 30 * DAY }), waits)),
  disableAfter: seconds(365 * DAY),
  retention: seconds(3650 * DAY),
  maxEndpoints: Type.Optional(Type.Integer(endpoints)),
  secretKeys: Type.Optional(Type.Unknown()),
  ca: Type.Optional(Type.Union([Type.String(), Type.Array(Type.String())], { description: 'certificates in PEM' })),
  resolve: Type.Optional(Type.Function([], Type.Unknown(), { description: 'a function of a host name' }))
}, { additionalProperties: false })

/** @throws OptionError */
export function checkWebhooksOptions (options: WebhooksOptions): void {
  checkOptions(schema, options, 'webhooks')
  const { destinations, secretKeys } = options
  if (destinations !== undefined && destinations !== allowPrivateAddresses) {
    throw new OptionError(`option webhooks.destinations must be ${symbol}; it is another symbol`)
  }
  // The message must not show what was given: it may be a key.
  const keys: unknown = secretKeys ?? []
  if (Array.isArray(keys) && keys.every((key) => key instanceof Uint8Array && key.length === 32)) return
  const form = '[Buffer.from(process.env.WEBHOOK_KEY, \'base64\')]'
  throw new OptionError(`option webhooks.secretKeys must be an array of keys of 32 bytes: ${form}`)
}
