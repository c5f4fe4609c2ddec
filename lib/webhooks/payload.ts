import type { AccessEvent } from '../events/index.js'
import type { Delivery } from './endpoint.js'

/** Standard Webhooks advises less than 20 kB. */
const MAX_BYTES = 20_000

type Content = Pick<AccessEvent, 'type' | 'at' | 'data'> |
  { readonly type: 'webhook.test', readonly at: Date, readonly data: { readonly endpoint: string } }

/**
 * The body of a delivery (Standard Webhooks, "Payload structure"): what happened, when, and the data of the event. Who
 * did it and from where is for the audit log alone.
 * @returns undefined where it would be too long
 */
export function payloadOf ({ type, at, data }: Content): Delivery['payload'] | undefined {
  const text = JSON.stringify({ type, timestamp: at.toISOString(), data })
  return Buffer.byteLength(text) < MAX_BYTES ? text : undefined
}
