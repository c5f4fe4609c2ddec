import {
  compactVerify, decodeProtectedHeader, errors, type CompactJWSHeaderParameters, type ProtectedHeaderParameters
} from 'jose'
import { InvalidCredential } from '../auth/index.js'
import type { Clock } from '../core/clock.js'
import { isName } from '../core/name.js'
import { checkAudience, isText, isTime, readThumbprint } from './claims.js'
import { parseObject, type Json } from './issuer-http.js'
import type { Jwks } from './jwks.js'
import type { Grant } from './token-cache.js'
import type { PrincipalReader } from './token-principal.js'
import type { ProfileReader } from './token-profile.js'

/** One issuer whose tokens are accepted. */
export interface TrustedIssuer {
  readonly audiences: ReadonlySet<string>
  readonly algorithms: readonly string[]
  readonly jwks: Jwks
  readonly principalOf: PrincipalReader
  readonly profile: ProfileReader
}

export interface VerificationDeps {
  readonly issuers: ReadonlyMap<unknown, TrustedIssuer>
  /** Seconds that clocks may differ. */
  readonly tolerance: number
}

interface DecodedToken { readonly header: CompactJWSHeaderParameters, readonly claims: Json }

/**
 * RFC 9068 §4, or what the profile of its issuer says instead, with RFC 8725. Everything that needs no signing key is
 * checked first, so that junk costs no signature and no request to the issuer. The signing key is one of the issuer's
 * JWKS: `jku`, `jwk`, `x5u` and `x5c` are not read.
 *
 * @throws InvalidCredential when the token is not good; anything else when the JWKS of its issuer can't be loaded
 */
export async function verifyAccessToken (token: string, clock: Clock, deps: VerificationDeps): Promise<Grant> {
  const { issuers, tolerance } = deps
  const { header, claims } = decode(token)
  const issuer = issuers.get(claims.iss)
  if (issuer === undefined) throw new InvalidCredential('of an issuer that is not trusted')
  const { profile } = issuer
  const typ: unknown = header.typ
  checkHeader(header, issuer)
  profile.check(typeof typ === 'string' ? typ.toLowerCase() : typ, claims)
  checkAudience(profile.audienceOf(claims), issuer.audiences)
  const expiresAt = checkTimes(claims, clock(), tolerance)
  const { sub: subject } = claims
  const client = profile.clientOf(claims)
  if (!isName(subject)) throw new InvalidCredential('has no good sub')
  const jkt = readThumbprint(claims)
  const verifyAgainAt = await checkSignature(token, header, issuer, clock)
  return { principal: issuer.principalOf(claims, { client, subject, expiresAt }), expiresAt, jkt, verifyAgainAt }
}

function decode (token: string): DecodedToken {
  try {
    const header = decodeProtectedHeader(token)
    const claims = parseObject(Buffer.from(token.slice(token.indexOf('.') + 1, token.lastIndexOf('.')), 'base64url'))
    if (hasAlgorithm(header) && claims !== undefined) return { header, claims }
  } catch {}
  throw new InvalidCredential('not a JSON Web Token')
}

function hasAlgorithm (header: ProtectedHeaderParameters): header is CompactJWSHeaderParameters {
  return isText(header.alg)
}

function checkHeader ({ alg, crit }: CompactJWSHeaderParameters, { algorithms }: TrustedIssuer): void {
  if (!algorithms.includes(alg)) throw new InvalidCredential('its algorithm is not one of its issuer')
  if (crit !== undefined) throw new InvalidCredential('has critical header parameters')
}

/** @returns when it expires, in milliseconds since the epoch: without leeway, so that no cache outlives it */
function checkTimes ({ exp, iat, nbf = 0 }: Json, now: number, tolerance: number): number {
  if (!isTime(exp) || !isTime(iat) || !isTime(nbf)) throw new InvalidCredential('its exp, iat or nbf is not a time')
  if (now >= exp * 1000) throw new InvalidCredential('expired')
  if (Math.max(iat, nbf) * 1000 > now + tolerance * 1000) throw new InvalidCredential('not valid yet')
  return exp * 1000
}

/** @returns when the signing key must be loaded again, in milliseconds since the epoch */
async function checkSignature (
  token: string, header: CompactJWSHeaderParameters, { jwks, algorithms }: TrustedIssuer, clock: Clock
): Promise<number> {
  const { signingKey, loadAgainAt } = await jwks.find(header, clock)
  try {
    await compactVerify(token, signingKey, { algorithms: [...algorithms] })
    return loadAgainAt
  } catch (fault) {
    throw fault instanceof errors.JOSEError ? new InvalidCredential('its signature is not good') : fault
  }
}
