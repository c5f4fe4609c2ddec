import { hash, randomBytes } from 'node:crypto'
import { crc32 } from 'node:zlib'
import { OptionError, show } from '../core/options.js'

/**
 * The text of a key: `prefix_tag_` + 43 characters of secret + 6 of checksum.
 *
 * The secret is 256 random bits in base62 (`0-9A-Za-z`, most significant digit first, padded with `0`); the checksum is
 * the CRC-32 (ISO-HDLC, the one of zlib) of everything before it, in base62 likewise. Parsed by position from the right,
 * so a prefix may hold underscores. Test vectors are in the README.
 */
export interface SecretFormat {
  /** Generates the text of a new key. */
  generate (tag: string): string
  /** True when the text begins like a key of this prefix. */
  claims (text: string): boolean
  /** The parts of a key, or undefined when no key can look so: unknown tag, wrong length, characters or checksum. */
  parse (text: string): SecretParts | undefined
  /** Finds keys in text; for secret scanners, which want a source without flags. */
  readonly pattern: RegExp
}

export interface SecretParts { readonly tag: string, readonly hint: string }

const ALPHABET = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz'
const SECRET_BYTES = 32
const SECRET_LENGTH = 43
const CHECKSUM_LENGTH = 6
const TAIL_LENGTH = SECRET_LENGTH + CHECKSUM_LENGTH
/** Says the length too: counted from the right, the parts of a short text overlap. */
const TAIL = new RegExp(`^[0-9A-Za-z]{${TAIL_LENGTH}}$`)
/** Characters of the secret that may be shown to tell keys apart. */
const HINT_LENGTH = 4

/** @throws OptionError when there is no tag, or when prefix or a tag can't be part of a key */
export function createSecretFormat (prefix: string, tags: readonly string[]): SecretFormat {
  if (!/^[a-z][a-z0-9_]{0,30}[a-z0-9]$/.test(prefix)) {
    throw new OptionError(`option keys.prefix must be 2 to 32 lower-case letters, digits and underscores, from a letter to a letter or digit, not ${show(prefix)}`)
  }
  if (tags.length === 0) throw new OptionError('option keys.tags must name at least one tag: { live: \'production\' }')
  for (const tag of tags) {
    if (!/^[a-z0-9]{1,16}$/.test(tag)) throw new OptionError(`option keys.tags has ${show(tag)}; a tag is 1 to 16 lower-case letters and digits`)
  }
  const known = new Map(tags.map((tag) => [`${prefix}_${tag}_`, tag]))
  const start = `${prefix}_`

  return {
    pattern: new RegExp(`\\b${prefix}_(?:${tags.join('|')})_[0-9A-Za-z]{${TAIL_LENGTH}}\\b`),
    generate: (tag) => formatSecret(prefix, tag, randomBytes(SECRET_BYTES)),
    claims: (text) => text.startsWith(start),
    parse (text) {
      const at = text.length - TAIL_LENGTH
      const tag = known.get(text.slice(0, at))
      if (tag === undefined || !TAIL.test(text.slice(at)) || !hasChecksum(text)) return undefined
      return { tag, hint: hintOf(text) }
    }
  }
}

/**
 * The text of the key that these bytes are the secret of.
 * @throws RangeError unless there are 32
 */
export function formatSecret (prefix: string, tag: string, secret: Uint8Array): string {
  if (secret.length !== SECRET_BYTES) throw new RangeError(`the secret of a key has ${SECRET_BYTES} bytes, not ${secret.length}`)
  const body = `${prefix}_${tag}_${base62(BigInt(`0x${Buffer.from(secret).toString('hex')}`), SECRET_LENGTH)}`
  return body + base62(BigInt(crc32(body)), CHECKSUM_LENGTH)
}

/** The first characters of the secret, for people who hold it. @param text of a key */
export function hintOf (text: string): string {
  return text.slice(-TAIL_LENGTH).slice(0, HINT_LENGTH)
}

/** SHA-256 of the whole text in base64url: what is stored and looked up. 256 random bits need no slow hash. */
export function hashSecret (text: string): string {
  return hash('sha256', text, 'base64url')
}

/** Compares digit by digit from the right: on the path of every request, so nothing is built for it. */
function hasChecksum (text: string): boolean {
  const at = text.length - CHECKSUM_LENGTH
  let rest = crc32(text.slice(0, at))
  for (let i = text.length - 1; i >= at; i--) {
    if (text.charCodeAt(i) !== ALPHABET.charCodeAt(rest % 62)) return false
    rest = Math.floor(rest / 62)
  }
  return true
}

/** Base62 of a whole number, padded with `0` to `length`. */
function base62 (number: bigint, length: number): string {
  let text = ''
  for (let rest = number; rest > 0n; rest /= 62n) text = ALPHABET.charAt(Number(rest % 62n)) + text
  return text.padStart(length, '0')
}
