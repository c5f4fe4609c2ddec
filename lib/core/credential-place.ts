import { OptionError, show } from './options.js'

/** Where a request may present its credential: made by `bearer()`, `header(name)` and `basic()`. */
export type CredentialPlace =
  | { readonly type: 'bearer' }
  | { readonly type: 'basic' }
  | { readonly type: 'header', readonly name: string }

const BEARER: CredentialPlace = Object.freeze({ type: 'bearer' })
const BASIC: CredentialPlace = Object.freeze({ type: 'basic' })

/** `Authorization: Bearer <credential>` (RFC 6750 §2.1), and `DPoP` (RFC 9449 §7.1) where a resolver takes it. */
export function bearer (): CredentialPlace {
  return BEARER
}

/**
 * `Authorization: Basic` (RFC 7617) with the credential as user name and an empty password: `curl -u <key>:`. Any other
 * password is malformed. Browsers ask their user for it, and then send it along by themselves: see docs/credentials.md.
 */
export function basic (): CredentialPlace {
  return BASIC
}

/**
 * A header field whose whole value is the credential, such as `header('x-api-key')`.
 * @param name in upper or lower case
 * @throws OptionError for what is no name, and for a field that has a meaning of its own, such as `cookie`
 */
export function header (name: string): CredentialPlace {
  const fault = faultOf(name)
  if (fault !== undefined) throw new OptionError(`header(${show(name)}): ${fault}`)
  return Object.freeze({ type: 'header', name: name.toLowerCase() })
}

/** True for what the functions above return; the option is checked by it at boot. */
export function isCredentialPlace (value: unknown): value is CredentialPlace {
  if (typeof value !== 'object' || value === null || !('type' in value)) return false
  if (value.type !== 'header') return value.type === 'bearer' || value.type === 'basic'
  return 'name' in value && faultOf(value.name) === undefined && value.name === String(value.name).toLowerCase()
}

/** `bearer`, `basic` or the name of the field: one name for each place. */
export function nameOfPlace (place: CredentialPlace): string {
  return place.type === 'header' ? place.name : place.type
}

/** The header field of a place, in lower case. */
export function fieldOfPlace (place: CredentialPlace): string {
  return place.type === 'header' ? place.name : 'authorization'
}

/** How a request presents its credential in a place, for people. */
export function exampleOfPlace (place: CredentialPlace): string {
  if (place.type === 'header') return `${place.name}: <credential>`
  return place.type === 'bearer' ? 'Authorization: Bearer <credential>' : 'Authorization: Basic <credential and :>'
}

/** The fields in which other systems commonly take keys. */
export const COMMON_KEY_FIELDS: readonly string[] = ['x-api-key', 'api-key', 'apikey']

/** A token (RFC 9110 §5.6.2) of the characters that a name in an OpenAPI document may have too. */
const NAME = /^[a-z0-9][a-z0-9_.-]{0,63}$/i

/** Fields that Node, proxies, browsers, caches or logs read, and the names of the other places. */
const TAKEN = new RegExp('^(?:' + [
  'authorization', 'bearer', 'basic', 'dpop', '(?:set-)?cookie2?', 'www-authenticate', 'authentication-info',
  'connection', 'keep-alive', 'te', 'trailer', 'transfer-encoding', 'upgrade', 'http2-settings', 'proxy-.*',
  'forwarded', 'via', 'x-forwarded.*', 'x-real-ip', 'x-client-ip', 'true-client-ip', 'x-original-.*', 'x-rewrite-url',
  'x-http-method.*', 'host', 'expect', 'date', 'from', 'origin', 'referer', 'user-agent', 'range', 'priority', 'accept',
  'accept-.*', 'content-.*', 'if-.*', 'sec-.*', 'access-control-.*', 'cache-control', 'pragma', 'max-forwards',
  'x-request-id', 'request-id', 'x-correlation-id', 'traceparent', 'tracestate', 'baggage'
].join('|') + ')$', 'i')

function faultOf (name: unknown): string | undefined {
  if (typeof name !== 'string' || !NAME.test(name)) {
    return 'a field name is 1 to 64 letters, digits, -, _ and ., such as \'x-api-key\''
  }
  if (/^authorization$/i.test(name)) return 'write bearer() or basic(), which read Authorization'
  return TAKEN.test(name) ? 'this field has a meaning of its own; name another, such as \'x-api-key\'' : undefined
}
