import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto'

/** Hides the secrets of endpoints from anybody who can read the store. */
export interface SecretEncryption {
  /** @param endpointId whose secret it is: for another endpoint it can't be decrypted */
  encrypt (secret: string, endpointId: string): string
  /** @throws Error where none of the keys, or another endpoint id, encrypted it; the message holds nothing of it */
  decrypt (value: string, endpointId: string): string
}

const PREFIX = 'encrypted.'
const CIPHER = 'aes-256-gcm'
const IV_BYTES = 12
const TAG_BYTES = 16

/**
 * AES-256-GCM. What was stored before there was a key is plain, and stays readable.
 * @param keys of 32 bytes each: the first encrypts, any of them decrypts; without one, secrets are stored plain
 */
export function createSecretEncryption (keys: readonly Uint8Array[]): SecretEncryption {
  const [newest] = keys
  return {
    encrypt (secret, endpointId) {
      if (newest === undefined) return secret
      const iv = randomBytes(IV_BYTES)
      const cipher = createCipheriv(CIPHER, newest, iv).setAAD(Buffer.from(endpointId))
      const text = Buffer.concat([cipher.update(secret, 'utf8'), cipher.final()])
      return PREFIX + Buffer.concat([iv, cipher.getAuthTag(), text]).toString('base64url')
    },
    decrypt (value, endpointId) {
      if (!value.startsWith(PREFIX)) return value
      const encrypted = Buffer.from(value.slice(PREFIX.length), 'base64url')
      for (const key of keys) {
        const secret = decryptBy(key, encrypted, endpointId)
        if (secret !== undefined) return secret
      }
      throw new Error('no key of webhooks.secretKeys decrypts a stored secret')
    }
  }
}

function decryptBy (key: Uint8Array, encrypted: Buffer, endpointId: string): string | undefined {
  try {
    const iv = encrypted.subarray(0, IV_BYTES)
    const tag = encrypted.subarray(IV_BYTES, IV_BYTES + TAG_BYTES)
    const decipher = createDecipheriv(CIPHER, key, iv, { authTagLength: TAG_BYTES })
      .setAAD(Buffer.from(endpointId))
      .setAuthTag(tag)
    return decipher.update(encrypted.subarray(IV_BYTES + TAG_BYTES), undefined, 'utf8') + decipher.final('utf8')
  } catch {
    return undefined
  }
}
