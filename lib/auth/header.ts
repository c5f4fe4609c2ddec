import type { IncomingMessage } from 'node:http'

/** What a request presents, read from its header lines alone. */
export type Presented =
  | { readonly type: 'token', readonly token: string, readonly scheme?: 'DPoP' }
  | { readonly type: 'none' }
  | { readonly type: 'malformed', readonly reason: string }
  | { readonly type: 'too-long' }

/** Characters of the longest credential that is looked up, where no resolver takes longer ones. */
export const MAX_TOKEN_LENGTH = 256

/** Which credentials the resolvers take: the longest one's length, and whether one of them takes DPoP. */
export interface Readable { readonly maxLength: number, readonly dpop: boolean }

const KEYS_ALONE: Readable = { maxLength: MAX_TOKEN_LENGTH, dpop: false }
const NONE: Presented = { type: 'none' }
const TOO_LONG: Presented = { type: 'too-long' }
const TOKEN68 = /^[A-Za-z0-9\-._~+/]+=*$/
const BEARER = /^(bearer)( *)/i
const BEARER_OR_DPOP = /^(bearer|dpop)( *)/i
const NOT_ASCII = /[^\x20-\x7e\t]/

/**
 * The bearer credential of a request: RFC 9110 §11.4 with the token68 of RFC 6750 §2.1, scheme in any case. It reads
 * the raw lines, because `headers` keeps only the first of several Authorization lines.
 */
export function readCredential (
  { rawHeaders }: Pick<IncomingMessage, 'rawHeaders'>, readable: Readable = KEYS_ALONE
): Presented {
  let value: string | undefined
  for (let i = 0; i < rawHeaders.length; i += 2) {
    const name = rawHeaders[i]
    if (name?.length !== 13 || name.toLowerCase() !== 'authorization') continue
    if (value !== undefined) return malformed('several Authorization header lines')
    value = rawHeaders[i + 1]
  }
  return value === undefined ? NONE : readAuthorization(value, readable)
}

/** Reads one field value of Authorization. */
export function readAuthorization (value: string, { maxLength, dpop }: Readable = KEYS_ALONE): Presented {
  if (value.startsWith('Bearer ') && value.charCodeAt(7) !== 32) return readToken(value.slice(7), maxLength)
  if (NOT_ASCII.test(value)) return malformed('an octet outside visible ASCII')
  const found = (dpop ? BEARER_OR_DPOP : BEARER).exec(value)
  if (found === null) return NONE
  const [start, scheme, space] = found
  if (space === '') return malformed('no space after the scheme')
  const presented = readToken(value.slice(start.length), maxLength)
  return presented.type === 'token' && scheme?.length === 4 ? { ...presented, scheme: 'DPoP' } : presented
}

function readToken (token: string, maxLength: number): Presented {
  if (token === '') return malformed('no credential after the scheme')
  if (!TOKEN68.test(token)) return malformed('an octet outside token68')
  return token.length > maxLength ? TOO_LONG : { type: 'token', token }
}

function malformed (reason: string): Presented {
  return { type: 'malformed', reason }
}
