import { createHash, createHmac } from 'node:crypto'
import { OptionError, show } from '../../core/options.js'
import { isName } from '../../core/name.js'
import { SCHEME } from '../secret-format.js'

type Algorithm = 'sha256' | 'sha512'

/** How secrets look that another system has issued, and what it stored of them. */
export interface ForeignFormat {
  /** What all of these secrets begin with. */
  prefix?: string | undefined
  /** What the whole text of such a secret matches, in place of `prefix`. */
  pattern?: RegExp | undefined
  /**
   * How the stored hash was made: by SHA-2, by HMAC with a secret of that system (`pepper`), or by a function of yours,
   * whose answer is compared as text.
   */
  hash: Algorithm | { hmac: Algorithm, pepper: string } | ((secret: string) => string)
  /** What was hashed: the whole text, which is the default, or what follows the prefix. */
  hashed?: 'whole' | 'rest' | undefined
}

/** A format of a host, ready to use. */
export interface ForeignSecrets {
  readonly name: string
  /** True when a text looks like a secret of this format. */
  claims (text: string): boolean
  /** What the key store knows a secret by. */
  hash (secret: string): string
  /** The same from what the other system has stored; undefined where that can't be a hash of this format. */
  readStored (hash: string): string | undefined
}

const BYTES: Readonly<Record<Algorithm, number>> = { sha256: 32, sha512: 64 }

/**
 * Each stored hash begins with the name, so one store can have keys of several formats, and a format that
 * is added later changes nothing about those before it.
 */
export function createForeignSecrets (name: string, format: ForeignFormat): ForeignSecrets {
  const { prefix, pattern, hashed = 'whole', hash } = format
  const option = `option keys.formats.${name}`
  if (name === SCHEME || !/^[a-z][a-z0-9_-]{0,31}$/.test(name)) {
    throw new OptionError(`option keys.formats has ${show(name)}; a name is 1 to 32 lower-case letters, digits, ` +
      `_ and -, from a letter, and not ${SCHEME}, which is that of secrets that are issued here`)
  }
  if ((prefix === undefined) === (pattern === undefined)) {
    throw new OptionError(`${option} must have either prefix or pattern: how its secrets are recognised`)
  }
  if (hashed === 'rest' && prefix === undefined) {
    throw new OptionError(`${option}.hashed is 'rest', which needs a prefix: what follows it was hashed`)
  }
  const store = (text: string): string => `${name}:${text}`
  const hashedPart = (secret: string): string => hashed === 'rest' ? secret.slice(prefix?.length) : secret
  const digest = digestOf(hash)

  return {
    name,
    claims: prefix === undefined ? matcherOf(pattern) : (text) => text.startsWith(prefix),
    hash (secret) {
      const text: unknown = digest(hashedPart(secret))
      if (!isName(text)) throw new TypeError(`${option}.hash must answer a text of 1 to 256 characters`)
      return store(String(text))
    },
    readStored (stored) {
      const text = typeof hash === 'function' ? stored : toBase64url(stored, BYTES[algorithmOf(hash)])
      return isName(text) ? store(String(text)) : undefined
    }
  }
}

function matcherOf (pattern: RegExp | undefined): (text: string) => boolean {
  // Without flags that make a pattern remember where it stopped.
  const whole = new RegExp(`^(?:${pattern?.source})$`, pattern?.flags.replace(/[gy]/g, ''))
  return (text) => whole.test(text)
}

function algorithmOf (hash: Exclude<ForeignFormat['hash'], Function>): Algorithm {
  return typeof hash === 'string' ? hash : hash.hmac
}

function digestOf (hash: ForeignFormat['hash']): (secret: string) => string {
  if (typeof hash === 'function') return hash
  if (typeof hash === 'string') return (secret) => createHash(hash).update(secret).digest('base64url')
  return (secret) => createHmac(hash.hmac, hash.pepper).update(secret).digest('base64url')
}

/** Reads a hash in hexadecimal, base64 or base64url, which differ in length; undefined for anything else. */
function toBase64url (text: string, bytes: number): string | undefined {
  if (text.length === 2 * bytes && /^[0-9a-f]*$/i.test(text)) return Buffer.from(text, 'hex').toString('base64url')
  const isBase64 = /^[A-Za-z0-9+/_-]+={0,2}$/.test(text)
  const value = Buffer.from(text, 'base64url')
  return isBase64 && value.length === bytes ? value.toString('base64url') : undefined
}

/** @throws OptionError for a format that would claim the host's own secrets. @param own one of these */
export function checkForeign (formats: readonly ForeignSecrets[], own: string): void {
  const wrong = formats.find(({ claims }) => claims(own))
  if (wrong === undefined) return
  throw new OptionError(`option keys.formats.${wrong.name} takes secrets of this host for its own, such as one that ` +
    `begins with ${show(own.slice(0, own.length - 49))}; choose another keys.prefix, or a tighter pattern`)
}
