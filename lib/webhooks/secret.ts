import { createHmac, randomBytes } from 'node:crypto'

const PREFIX = 'whsec_'
const FORM = /^whsec_[A-Za-z0-9+/]+={0,2}$/
const SECRET_BYTES = 32

/** A new secret: `whsec_` and base64 of 32 random bytes; Standard Webhooks asks for 24 to 64. */
export function newSecret (): string {
  return PREFIX + randomBytes(SECRET_BYTES).toString('base64')
}

/** @throws TypeError for text that is no such secret; the message holds nothing of it */
export function bytesOf (secret: string): Buffer {
  const bytes = Buffer.from(secret.slice(PREFIX.length), 'base64')
  if (FORM.test(secret) && bytes.length >= 24 && bytes.length <= 64) return bytes
  throw new TypeError('a stored secret is not whsec_ and base64 of 24 to 64 bytes')
}

export interface Message {
  /** The same for every attempt. */
  readonly id: string
  /** Seconds since the epoch, of this attempt. */
  readonly timestamp: number
  /** The exact text that is sent. */
  readonly body: string
}

/**
 * `webhook-signature` (Standard Webhooks): for each secret `v1,` and base64 of an HMAC-SHA256 over
 * `id.timestamp.body`, separated by spaces.
 */
export function signaturesOf (secrets: readonly string[], { id, timestamp, body }: Message): string {
  const signed = `${id}.${timestamp}.${body}`
  const sign = (secret: string) => createHmac('sha256', bytesOf(secret)).update(signed).digest('base64')
  return secrets.map((secret) => `v1,${sign(secret)}`).join(' ')
}
