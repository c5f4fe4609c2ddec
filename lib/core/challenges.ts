import { bearer, type CredentialPlace } from './credential-place.js'

/** Parameters that all challenges of a context share. */
export interface ChallengeParameters {
  /** Protection space (RFC 9110 §11.5). */
  realm?: string
  /** Where a request may present its credential: one challenge for each; `[bearer()]` by default. */
  credentials?: readonly CredentialPlace[]
  /** Where the protected resource says how to get a token (RFC 9728 §5.1). */
  resourceMetadata?: string
  /** Algorithms of DPoP proofs; with them `bearer()` has a second challenge (RFC 9449 §7.1). */
  dpop?: readonly string[]
}

/** What the client used; the first place and Bearer by default. */
export interface UsedPlace {
  /** Its challenge carries the error. */
  place?: CredentialPlace
  /** The scheme, where it was not Bearer: that challenge carries the error. */
  scheme?: 'DPoP'
}

export interface ChallengeFault extends ChallengeParameters, UsedPlace {
  /** `''`: none, because no credential came. */
  error: string
  /** Scopes that would suffice (RFC 6750 §3). */
  scope?: readonly string[]
}

/**
 * The challenges of a refusal (RFC 9110 §11.6.1): Bearer by RFC 6750 §3, DPoP by RFC 9449 §7.1, Basic by RFC 7617 §2,
 * which allows no further parameters. For keys in a header field no scheme is registered: `ApiKey` is common, and `in`
 * and `name` are what OpenAPI calls the place.
 */
export function challenges (fault: ChallengeFault): string {
  const { realm = 'api', credentials = [bearer()], resourceMetadata, dpop } = fault
  const { place: used = credentials[0], scheme, error, scope = [] } = fault
  const failed = (error === '' ? '' : `, error="${error}"`) + (scope.length > 0 ? `, scope="${scope.join(' ')}"` : '')
  const metadata = resourceMetadata === undefined ? '' : `, resource_metadata="${resourceMetadata}"`

  function challengesOf (place: CredentialPlace): string[] {
    const here = place === used ? failed : ''
    if (place.type === 'basic') return [`Basic realm="${realm}", charset="UTF-8"`]
    if (place.type === 'header') return [`ApiKey realm="${realm}", in="header", name="${place.name}"${here}`]
    const byBearer = `Bearer realm="${realm}"${scheme === undefined ? here : ''}${metadata}`
    if (dpop === undefined) return [byBearer]
    return [byBearer, `DPoP realm="${realm}"${scheme === undefined ? '' : here}, algs="${dpop.join(' ')}"${metadata}`]
  }

  return credentials.flatMap(challengesOf).join(', ')
}
