import type { IncomingMessage } from 'node:http'

/** What a request presents, read from its header lines alone. */
export type Presented =
  | { readonly type: 'token', readonly token: string }
  | { readonly type: 'none' }
  | { readonly type: 'malformed', readonly reason: string }
  | { readonly type: 'too-long' }

/** Longest credential that is hashed or looked up. */
export const MAX_TOKEN_LENGTH = 256

const NONE: Presented = { type: 'none' }
const TOO_LONG: Presented = { type: 'too-long' }
const TOKEN68 = /^[A-Za-z0-9\-._~+/]+=*$/
const BEARER = /^bearer/i
const AFTER_SCHEME = /^bearer +/i
const NOT_ASCII = /[^\x20-\x7e\t]/

/**
 * The bearer credential of a request: RFC 9110 §11.4 with the token68 of RFC 6750 §2.1, scheme in any case. Reads the raw
 * lines: Node keeps the first of several Authorization lines and drops the rest without a word.
 */
export function readCredential ({ rawHeaders }: Pick<IncomingMessage, 'rawHeaders'>): Presented {
  let value: string | undefined
  for (let i = 0; i < rawHeaders.length; i += 2) {
    const name = rawHeaders[i]
    if (name?.length !== 13 || name.toLowerCase() !== 'authorization') continue
    if (value !== undefined) return malformed('several Authorization header lines')
    value = rawHeaders[i + 1]
  }
  return value === undefined ? NONE : readAuthorization(value)
}

/** Reads one field value of Authorization. */
export function readAuthorization (value: string): Presented {
  if (value.startsWith('Bearer ') && value.charCodeAt(7) !== 32) return readToken(value.slice(7))
  if (NOT_ASCII.test(value)) return malformed('an octet outside visible ASCII')
  if (!BEARER.test(value)) return NONE
  const scheme = AFTER_SCHEME.exec(value)
  if (scheme === null) return malformed('no space after the scheme')
  return readToken(value.slice(scheme[0].length))
}

function readToken (token: string): Presented {
  if (!TOKEN68.test(token)) return malformed(token === '' ? 'no credential after the scheme' : 'an octet outside token68')
  return token.length > MAX_TOKEN_LENGTH ? TOO_LONG : { type: 'token', token }
}

function malformed (reason: string): Presented {
  return { type: 'malformed', reason }
}
