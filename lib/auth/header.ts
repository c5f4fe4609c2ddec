import type { CredentialPlace } from '../core/credential-place.js'

/** A place that is read, with what its resolvers take. */
export interface CredentialSource {
  readonly place: CredentialPlace
  /** Characters of the longest credential that is looked up. */
  readonly maxLength: number
  /** `bearer()` takes `Authorization: DPoP` too. */
  readonly dpop: boolean
}

/** What a request presents, read from its header lines alone. `at` is the source that took it. */
export type Presented<S extends CredentialSource = CredentialSource> =
  | { readonly type: 'token', readonly token: string, readonly dpop: boolean, readonly at: S }
  | { readonly type: 'none' }
  | { readonly type: 'malformed', readonly reason: string, readonly detail?: string | undefined, readonly at: S }
  | { readonly type: 'too-long', readonly at: S }

/** Reads one field value. */
export type ReadField<S extends CredentialSource> = (value: string) => Presented<S>

/** Characters of the longest credential that is looked up, where no resolver takes longer ones. */
export const MAX_TOKEN_LENGTH = 256

export const NONE = { type: 'none' } as const
const TOKEN68 = /^[A-Za-z0-9\-._~+/]+=*$/
const NOT_ASCII = /[^\x20-\x7e\t]/

/**
 * Reads Authorization: RFC 9110 §11.4 with the token68 of RFC 6750 §2.1 and RFC 7617 §2, the scheme in any case. A
 * scheme that no source takes is no credential.
 * @param first one of the sources
 * @param sources of `bearer()`, `basic()` or both
 */
export function createAuthorizationReader<S extends CredentialSource> (
  first: S, sources: readonly S[]
): ReadField<S> {
  const bearer = sources.find(({ place }) => place.type === 'bearer')
  const schemes = sources.flatMap((at) => at.place.type === 'basic'
    ? [{ at, name: 'basic', read: (text: string) => readBasic(text, at) }]
    : ['bearer', ...at.dpop ? ['dpop'] : []].map((name) =>
        ({ at, name, read: (text: string) => readToken(text, at, name === 'dpop') })))

  return function readAuthorization (value) {
    if (bearer !== undefined && value.startsWith('Bearer ') && value.charCodeAt(7) !== 32) {
      return readToken(value.slice(7), bearer)
    }
    if (NOT_ASCII.test(value)) return malformed('an octet outside visible ASCII', first)
    for (const { at, name, read } of schemes) {
      if (value.slice(0, name.length).toLowerCase() !== name) continue
      const rest = value.slice(name.length)
      const text = rest.replace(/^ +/, '')
      return text === rest ? malformed('no space after the scheme', at) : read(text)
    }
    return NONE
  }
}

/** The whole value is the credential; one grammar for all places, so that resolvers see nothing else. */
export function readToken<S extends CredentialSource> (token: string, at: S, dpop = false): Presented<S> {
  if (token === '') return malformed('no credential', at)
  if (!TOKEN68.test(token)) return malformed('an octet outside token68', at)
  return token.length > at.maxLength ? { type: 'too-long', at } : { type: 'token', token, dpop, at }
}

/**
 * The user name before an empty password, in base64 as RFC 4648 §4 writes it: other decoders may read other characters
 * of a text that is not canonical. A password would be a second credential.
 */
function readBasic<S extends CredentialSource> (text: string, at: S): Presented<S> {
  const bytes = Buffer.from(text, 'base64')
  if (bytes.toString('base64') !== text) return malformed('no canonical base64', at)
  const pair = bytes.toString('latin1')
  const colon = pair.indexOf(':')
  if (colon < 0) return malformed('no colon after the user name', at)
  return colon < pair.length - 1 ? malformed('a password', at) : readToken(pair.slice(0, colon), at)
}

/** @param detail public: names of fields, never what is in them */
export function malformed<S extends CredentialSource> (reason: string, at: S, detail?: string): Presented<S> {
  return { type: 'malformed', reason, at, detail }
}
