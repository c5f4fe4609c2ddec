import { InvalidCredential } from '../auth/index.js'
import { isObject, type Json } from './issuer-http.js'

/** Half a surrogate pair has no UTF-8 form: in a store, all of them would become the same replacement character. */
const LONE_SURROGATE = /\p{Surrogate}/u

/** A text that is not empty and has a UTF-8 form. */
export function isText (value: unknown): value is string {
  return typeof value === 'string' && value !== '' && !LONE_SURROGATE.test(value)
}

/** Seconds since the epoch (NumericDate of RFC 7519) that still make a date. */
export function isTime (value: unknown): value is number {
  return typeof value === 'number' && value >= 0 && value <= 8.64e12
}

/** @throws InvalidCredential when `aud` names none of the audiences */
export function checkAudience (aud: unknown, audiences: ReadonlySet<unknown>): void {
  if (![aud].flat().some((one) => audiences.has(one))) throw new InvalidCredential('for another audience')
}

/**
 * The thumbprint of the JWK that a token is bound to (RFC 9449 §6.1); undefined for a bearer token.
 * @throws InvalidCredential when it is bound by anything else, or by more
 */
export function readThumbprint (claims: Json): string | undefined {
  if (!Object.hasOwn(claims, 'cnf')) return undefined
  const { cnf } = claims
  if (isObject(cnf) && isText(cnf.jkt) && Object.keys(cnf).length === 1) return cnf.jkt
  throw new InvalidCredential('bound in an unknown way')
}
