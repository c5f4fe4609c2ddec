import { hashSecret, type SecretFormat } from '../secret-format.js'
import type { ForeignSecrets } from './foreign-format.js'

/** All secrets by which keys of this host are presented: its own, and those that keys were imported with. */
export interface Secrets {
  /** What the key store knows a text by; undefined where the text does not begin like any secret. */
  hashOf (text: string): string | undefined
  /** False for a text that can't be a secret, so that the store need not be asked. */
  isWellFormed (text: string): boolean
}

export function createSecrets (format: SecretFormat, foreign: readonly ForeignSecrets[]): Secrets {
  const foreignOf = (text: string): ForeignSecrets | undefined => foreign.find(({ claims }) => claims(text))

  return {
    hashOf: (text) => foreignOf(text)?.hash(text) ?? (format.claims(text) ? hashSecret(text) : undefined),
    isWellFormed: (text) => foreignOf(text) !== undefined || format.parse(text) !== undefined
  }
}
