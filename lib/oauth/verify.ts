import { compactVerify, decodeProtectedHeader, errors, type CompactJWSHeaderParameters, type ProtectedHeaderParameters } from 'jose'
import { InvalidCredential } from '../auth/index.js'
import type { Principal } from '../core/principal.js'
import type { IssuerKeys } from './jwks.js'
import type { Clock } from '../core/clock.js'
import { isName, type Holder } from './principal.js'
import { isObject, parseObject, type Json } from './issuer-http.js'
import type { Grant } from './token-cache.js'

/** One issuer as tokens are measured by. */
export interface TrustedIssuer {
  readonly audiences: ReadonlySet<string>
  readonly algorithms: readonly string[]
  readonly keys: IssuerKeys
  readonly principalOf: (claims: Json, holder: Holder) => Principal
}

export interface VerifyTerms {
  readonly issuers: ReadonlyMap<string, TrustedIssuer>
  /** Seconds that clocks may differ. */
  readonly tolerance: number
}

interface Parts { readonly header: CompactJWSHeaderParameters, readonly claims: Json }

const TYPES: ReadonlySet<unknown> = new Set(['at+jwt', 'application/at+jwt'])

/**
 * RFC 9068 §4 with RFC 8725: everything that needs no key first, so that junk costs no signature and asks nobody; then
 * the signature, by a key of the issuer's own. `jku`, `jwk`, `x5u` and `x5c` of the header are never looked at.
 *
 * @throws InvalidCredential when the token is not good; anything else when its issuer's keys can't be had
 */
export async function verifyAccessToken (token: string, clock: Clock, { issuers, tolerance }: VerifyTerms): Promise<Grant> {
  const { header, claims } = read(token)
  const issuer = isName(claims.iss) ? issuers.get(claims.iss) : undefined
  if (issuer === undefined) throw new InvalidCredential('of an issuer that is not trusted')
  checkHeader(header, issuer)
  checkAudience(claims.aud, issuer.audiences)
  const expiresAt = checkTimes(claims, clock(), tolerance)
  const { sub: subject, client_id: client, jti } = claims
  if (!isName(subject) || !isName(client) || !isName(jti)) throw new InvalidCredential('lacks sub, client_id or jti')
  const jkt = bindingOf(claims)
  const until = await checkSignature(token, header, issuer, clock)
  return { principal: issuer.principalOf(claims, { client, subject, expiresAt }), expiresAt, jkt, until }
}

function read (token: string): Parts {
  try {
    const header = decodeProtectedHeader(token)
    const claims = parseObject(Buffer.from(token.slice(token.indexOf('.') + 1, token.lastIndexOf('.')), 'base64url'))
    if (isCompact(header) && claims !== undefined) return { header, claims }
  } catch {}
  throw new InvalidCredential('not a JSON Web Token')
}

function isCompact (header: ProtectedHeaderParameters): header is CompactJWSHeaderParameters {
  return isName(header.alg)
}

function checkHeader ({ typ, alg, crit }: CompactJWSHeaderParameters, { algorithms }: TrustedIssuer): void {
  if (!TYPES.has(typ)) throw new InvalidCredential('its typ is not at+jwt')
  if (!algorithms.includes(alg)) throw new InvalidCredential('its algorithm is not one of its issuer')
  if (crit !== undefined) throw new InvalidCredential('has critical header parameters')
}

function checkAudience (aud: unknown, audiences: ReadonlySet<string>): void {
  if (![aud].flat().some((one) => typeof one === 'string' && audiences.has(one))) throw new InvalidCredential('for another audience')
}

/** @returns when it expires, in milliseconds since the epoch; nothing is added to that, so that a cache never outlives it */
function checkTimes ({ exp, iat, nbf = 0 }: Json, now: number, tolerance: number): number {
  if (!isTime(exp) || !isTime(iat) || !isTime(nbf)) throw new InvalidCredential('its exp, iat or nbf is not a time')
  if (now >= exp * 1000) throw new InvalidCredential('expired')
  if (Math.max(iat, nbf) * 1000 > now + tolerance * 1000) throw new InvalidCredential('not valid yet')
  return exp * 1000
}

/** Seconds that still make a date. */
export function isTime (value: unknown): value is number {
  return typeof value === 'number' && value >= 0 && value <= 8.64e12
}

/**
 * The thumbprint of the key that a token is bound to (RFC 9449 §6.1); undefined for a bearer token.
 * @throws InvalidCredential when it is bound by anything else, or by more
 */
export function bindingOf (claims: Json): string | undefined {
  if (!Object.hasOwn(claims, 'cnf')) return undefined
  const { cnf } = claims
  if (isObject(cnf) && isName(cnf.jkt) && Object.keys(cnf).length === 1) return cnf.jkt
  throw new InvalidCredential('bound in a way that is not known here')
}

/** @returns from when on the key must be asked for again */
async function checkSignature (token: string, header: CompactJWSHeaderParameters, { keys, algorithms }: TrustedIssuer, clock: Clock): Promise<number> {
  const { key, until } = await keys.find(header, clock)
  try {
    await compactVerify(token, key, { algorithms: [...algorithms] })
    return until
  } catch (fault) {
    throw fault instanceof errors.JOSEError ? new InvalidCredential('its signature is not good') : fault
  }
}
