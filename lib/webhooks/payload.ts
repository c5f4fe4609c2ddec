import type { AccessEvent } from '../events/event.js'
import type { Delivery } from './endpoint.js'

/** Bytes; Standard Webhooks advises less than 20 kB. */
const MOST = 20_000

type Told = Pick<AccessEvent, 'type' | 'at' | 'data'> | { readonly type: 'webhook.test', readonly at: Date, readonly data: { readonly endpoint: string } }

/**
 * The body of a delivery (Standard Webhooks, "Payload structure"): what happened, when, and the thin data of the event.
 * Who did it and from where stays in the audit stream.
 * @returns undefined where it would be too long
 */
export function payloadOf ({ type, at, data }: Told): Delivery['payload'] | undefined {
  const text = JSON.stringify({ type, timestamp: at.toISOString(), data })
  return Buffer.byteLength(text) < MOST ? text : undefined
}
