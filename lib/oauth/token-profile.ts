import { InvalidCredential } from '../auth/index.js'
import { isName } from '../core/name.js'
import { isText } from './claims.js'
import type { Json } from './issuer-http.js'
import { valueOf, type ClaimMap, type ClaimSource } from './token-principal.js'

/**
 * Which tokens of an issuer are access tokens: those of RFC 9068, or, `lenient`, what issuers send that do not follow
 * it.
 */
export type Profile = 'rfc9068' | 'lenient'

/** Where the fields of a token come from, for issuers that do not follow RFC 9068. */
export interface JwtClaimMap extends ClaimMap {
  /** The client: `azp` (Keycloak, Auth0, Entra ID), `cid` (Okta), `appid` (Entra ID 1.0); `client_id` by default. */
  client?: ClaimSource | undefined
  /** What names this API: `aud` by default; `client_id` for Amazon Cognito, whose access tokens have no `aud`. */
  audience?: ClaimSource | undefined
}

/** Reads what a profile promises. @throws InvalidCredential for a token that is none of it */
export interface ProfileReader {
  /** @param typ of the header, in lower case where it is a text; undefined where there is none */
  check (typ: unknown, claims: Json): void
  audienceOf (claims: Json): unknown
  clientOf (claims: Json): string
}

/** RFC 9068 §4; media types have no case (RFC 2045 §5.1). */
const ACCESS_TOKEN: ReadonlySet<unknown> = new Set(['at+jwt', 'application/at+jwt'])
const ANY_JWT: ReadonlySet<unknown> = new Set([...ACCESS_TOKEN, 'jwt', 'application/jwt', undefined])

/** Claims of ID tokens alone (OpenID Connect Core §2, §3.1.3.6, §3.3.2.11), which no access token has. */
const ID_TOKEN_CLAIMS = ['nonce', 'at_hash', 'c_hash', 's_hash']

export function createProfileReader (profile: Profile, claims: JwtClaimMap): ProfileReader {
  const { client = 'client_id', audience = 'aud', scopes = 'scope' } = claims

  return {
    audienceOf: (given) => valueOf(given, audience),
    clientOf (given) {
      const value = valueOf(given, client)
      if (isName(value)) return value
      throw new InvalidCredential('names no good client')
    },
    check (typ, given) {
      const types = profile === 'lenient' ? ANY_JWT : ACCESS_TOKEN
      if (!types.has(typ)) throw new InvalidCredential('its typ is not that of an access token')
      if (profile === 'lenient') refuseIdToken(given, scopes)
      else if (!isText(given.jti)) throw new InvalidCredential('has no good jti')
    }
  }
}

/**
 * Without `typ: at+jwt`, what a token says must show that it is no ID token: some issuers mark these, ID tokens have
 * claims of their own, and none has scopes.
 */
function refuseIdToken (claims: Json, scopes: ClaimSource): void {
  const { token_use: use = 'access', typ = 'Bearer' } = claims
  const isMarked = use !== 'access' || typ !== 'Bearer' || ID_TOKEN_CLAIMS.some((name) => Object.hasOwn(claims, name))
  if (isMarked) throw new InvalidCredential('an ID token')
  if (valueOf(claims, scopes) === undefined) throw new InvalidCredential('names no scopes, as an ID token')
}
