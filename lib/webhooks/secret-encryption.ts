import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto'

/** Keeps secrets of endpoints from whoever reads the store. */
export interface SecretEncryption {
  /** @param of id of the endpoint, for which alone it can be opened again */
  close (secret: string, of: string): string
  /** @throws Error where it was closed by another key, or for another endpoint; the message says nothing of it */
  open (value: string, of: string): string
}

const PREFIX = 'sealed.'
const CIPHER = 'aes-256-gcm'
const IV = 12
const TAG = 16

/**
 * AES-256-GCM. What was kept before there was a key stays readable.
 * @param keys of 32 bytes each; the first closes, any opens; without one secrets are kept as they are
 */
export function createSecretEncryption (keys: readonly Uint8Array[]): SecretEncryption {
  const [first] = keys
  return {
    close (secret, of) {
      if (first === undefined) return secret
      const iv = randomBytes(IV)
      const cipher = createCipheriv(CIPHER, first, iv).setAAD(Buffer.from(of))
      const text = Buffer.concat([cipher.update(secret, 'utf8'), cipher.final()])
      return PREFIX + Buffer.concat([iv, cipher.getAuthTag(), text]).toString('base64url')
    },
    open (value, of) {
      if (!value.startsWith(PREFIX)) return value
      const sealed = Buffer.from(value.slice(PREFIX.length), 'base64url')
      for (const key of keys) {
        const text = opened(sealed, key, of)
        if (text !== undefined) return text
      }
      throw new Error('no key opens a stored secret')
    }
  }
}

function opened (sealed: Buffer, key: Uint8Array, of: string): string | undefined {
  try {
    const decipher = createDecipheriv(CIPHER, key, sealed.subarray(0, IV), { authTagLength: TAG })
      .setAAD(Buffer.from(of))
      .setAuthTag(sealed.subarray(IV, IV + TAG))
    return decipher.update(sealed.subarray(IV + TAG), undefined, 'utf8') + decipher.final('utf8')
  } catch {
    return undefined
  }
}
