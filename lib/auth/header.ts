import type { IncomingMessage } from 'node:http'

/** What a request presents, read from its header lines alone. */
export type Presented =
  | { readonly type: 'token', readonly token: string, readonly scheme?: 'DPoP' }
  | { readonly type: 'none' }
  | { readonly type: 'malformed', readonly reason: string }
  | { readonly type: 'too-long' }

/** Longest credential that is hashed or looked up, where no resolver states another length. */
export const MAX_TOKEN_LENGTH = 256

/** What is read: the longest credential that a resolver is asked about, and whether one of them takes DPoP. */
export interface Readable { readonly maxLength: number, readonly dpop: boolean }

const KEYS_ALONE: Readable = { maxLength: MAX_TOKEN_LENGTH, dpop: false }
const NONE: Presented = { type: 'none' }
const TOO_LONG: Presented = { type: 'too-long' }
const TOKEN68 = /^[A-Za-z0-9\-._~+/]+=*$/
const BEARER = /^(bearer)( *)/i
const BEARER_OR_DPOP = /^(bearer|dpop)( *)/i
const NOT_ASCII = /[^\x20-\x7e\t]/

/** The bearer credential of a request: RFC 9110 §11.4 with the token68 of RFC 6750 §2.1, scheme in any case. */
export function readCredential (request: Pick<IncomingMessage, 'rawHeaders'>, readable: Readable = KEYS_ALONE): Presented {
  return checked(readUnchecked(request, readable))
}

/** Reads one field value of Authorization. */
export function readAuthorization (value: string, readable: Readable = KEYS_ALONE): Presented {
  return checked(readValue(value, readable))
}

/**
 * As `readCredential`, but a token may be of any form; `checked` looks at it. Reads the raw lines: Node keeps the first of
 * several Authorization lines and drops the rest without a word.
 */
export function readUnchecked ({ rawHeaders }: Pick<IncomingMessage, 'rawHeaders'>, readable: Readable): Presented {
  let value: string | undefined
  for (let i = 0; i < rawHeaders.length; i += 2) {
    const name = rawHeaders[i]
    if (name?.length !== 13 || name.toLowerCase() !== 'authorization') continue
    if (value !== undefined) return malformed('several Authorization header lines')
    value = rawHeaders[i + 1]
  }
  return value === undefined ? NONE : readValue(value, readable)
}

/** Refuses a token that has not the form of one. */
export function checked (presented: Presented): Presented {
  return presented.type === 'token' ? faultOf(presented.token) ?? presented : presented
}

function readValue (value: string, { maxLength, dpop }: Readable): Presented {
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
  return token.length > maxLength ? faultOf(token) ?? TOO_LONG : { type: 'token', token }
}

function faultOf (token: string): Presented | undefined {
  return TOKEN68.test(token) ? undefined : malformed(token === '' ? 'no credential after the scheme' : 'an octet outside token68')
}

function malformed (reason: string): Presented {
  return { type: 'malformed', reason }
}
