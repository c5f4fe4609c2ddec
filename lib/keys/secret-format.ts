import { hash, randomBytes } from 'node:crypto'
import { crc32 } from 'node:zlib'
import { OptionError, show } from '../core/options.js'

/**
 * How secrets of a host look: `prefix_tag_`, 43 characters of randomness and 6 of checksum.
 *
 * The randomness is 256 bits in base62 (`0-9A-Za-z`, most significant digit first, padded with `0`). The checksum is
 * the CRC-32 (ISO-HDLC, the one of zlib) of everything before it, in base62 likewise. A secret is parsed by position
 * from the right, so a prefix may contain underscores. docs/keys.md has test vectors.
 */
export interface SecretFormat {
  /** Generates a new secret. */
  generate (tag: string): string
  /** True when the text begins like a secret of this prefix. */
  claims (text: string): boolean
  /** The parts of a secret, or undefined for an unknown tag or a wrong length, character or checksum. */
  parse (text: string): SecretParts | undefined
  /** Finds secrets in text. It has no flags, since secret scanners take its source. */
  readonly pattern: RegExp
}

/** What the text of a secret says by itself. */
export interface SecretParts {
  readonly tag: string
  /** First characters of the randomness. */
  readonly hint: string
}

const ALPHABET = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz'
const RANDOM_BYTES = 32
const RANDOM_LENGTH = 43
const CHECKSUM_LENGTH = 6
const TAIL_LENGTH = RANDOM_LENGTH + CHECKSUM_LENGTH
/** Checks the length too: in a text that is too short, the parts counted from the right would overlap. */
const TAIL = new RegExp(`^[0-9A-Za-z]{${TAIL_LENGTH}}$`)
const HINT_LENGTH = 4
/** No name of a host's own format. */
export const SCHEME = 'sha256'

/** @throws OptionError when there is no tag, or when the prefix or a tag can't be part of a secret */
export function createSecretFormat (prefix: string, tags: readonly string[]): SecretFormat {
  checkPrefix(prefix)
  checkTags(tags)
  const tagByStart = new Map(tags.map((tag) => [`${prefix}_${tag}_`, tag]))
  const start = `${prefix}_`

  return {
    pattern: new RegExp(`\\b${prefix}_(?:${tags.join('|')})_[0-9A-Za-z]{${TAIL_LENGTH}}\\b`),
    generate: (tag) => formatSecret(prefix, tag, randomBytes(RANDOM_BYTES)),
    claims: (text) => text.startsWith(start),
    parse (text) {
      const tail = text.length - TAIL_LENGTH
      const tag = tagByStart.get(text.slice(0, tail))
      if (tag === undefined || !TAIL.test(text.slice(tail)) || !hasChecksum(text)) return undefined
      return { tag, hint: hintOf(text) }
    }
  }
}

function checkPrefix (prefix: string): void {
  if (/^[a-z][a-z0-9_]{0,30}[a-z0-9]$/.test(prefix)) return
  throw new OptionError('option keys.prefix must be 2 to 32 lower-case letters, digits and underscores, ' +
    `from a letter to a letter or digit, not ${show(prefix)}`)
}

function checkTags (tags: readonly string[]): void {
  if (tags.length === 0) throw new OptionError('option keys.tags must name at least one tag: { live: \'production\' }')
  const wrong = tags.find((tag) => !/^[a-z0-9]{1,16}$/.test(tag))
  if (wrong === undefined) return
  throw new OptionError(`option keys.tags has ${show(wrong)}; a tag is 1 to 16 lower-case letters and digits`)
}

/**
 * The secret that consists of these random bytes: to check another implementation against the test vectors.
 * @throws RangeError unless there are 32 bytes
 */
export function formatSecret (prefix: string, tag: string, bytes: Uint8Array): string {
  if (bytes.length !== RANDOM_BYTES) throw new RangeError(`a secret has ${RANDOM_BYTES} bytes, not ${bytes.length}`)
  const random = base62(BigInt(`0x${Buffer.from(bytes).toString('hex')}`), RANDOM_LENGTH)
  const body = `${prefix}_${tag}_${random}`
  return body + base62(BigInt(crc32(body)), CHECKSUM_LENGTH)
}

/** First characters of the randomness of a secret. They may be shown, so that people recognise a secret. */
export function hintOf (secret: string): string {
  return secret.slice(-TAIL_LENGTH).slice(0, HINT_LENGTH)
}

/**
 * What stores know a secret by: `sha256:` and the SHA-256 of the whole text in base64url. 256 random bits need no slow
 * hash. It begins with the scheme, so that one store can have keys of several schemes.
 */
export function hashSecret (secret: string): string {
  return `${SCHEME}:${hash('sha256', secret, 'base64url')}`
}

/** Compares digit by digit from the right. */
function hasChecksum (text: string): boolean {
  const start = text.length - CHECKSUM_LENGTH
  let rest = crc32(text.slice(0, start))
  for (let i = text.length - 1; i >= start; i--) {
    if (text.charCodeAt(i) !== ALPHABET.charCodeAt(rest % 62)) return false
    rest = Math.floor(rest / 62)
  }
  return true
}

/** Base62 of a whole number, padded with `0` to `length`. */
function base62 (number: bigint, length: number): string {
  let digits = ''
  for (let rest = number; rest > 0n; rest /= 62n) digits = ALPHABET.charAt(Number(rest % 62n)) + digits
  return digits.padStart(length, '0')
}
